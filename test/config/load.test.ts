import { randomBytes } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { credentialsOf } from '../../src/config/credentials.ts'
import { loadSettings, type Loaded } from '../../src/config/load.ts'
import { showProblem } from '../../src/config/problem.ts'
import { createPlace, good, writeConfiguration, type Content } from './configuration.ts'
import { rows } from './weak-rows.ts'

const environment = (more: Readonly<Record<string, string>> = {}) => ({ PATH: process.env.PATH, HOME: '/nowhere', ...more })
const load = async (content: Content | string, more: Readonly<Record<string, string>> = {}, files?: Parameters<typeof createPlace>[0]) =>
  loadSettings(await writeConfiguration(await createPlace(files), content), environment(more))
const problemsOf = (loaded: Loaded) => (loaded.ok ? [] : loaded.problems)
const settingsOf = (loaded: Loaded) => {
  if (!loaded.ok) throw new Error(loaded.problems.map(problem => showProblem('', problem)).join('\n'))
  return loaded
}

describe('P29: each of these is refused, and where it stands is told', () => {
  test.each(rows)('$name', async ({ content, path, says, files, env }) => {
    const problems = problemsOf(await load(content, env, files))
    expect(problems).toContainEqual(expect.objectContaining({ path, expected: expect.stringMatching(says) }))
  })
})

test('all of them together are told at once, each with its line', async () => {
  const loaded = await load(`
listen: { host: 0.0.0.0, prot: 80 }
public_url: http://gateway.example
allowed_hosts: ['*']
store: { kind: sqlite, path: a.db, key_from: { env: NOWHERE } }
policy: { source: { kind: directory, path: nowhere } }
identity: { issuers: [{ name: ci, issuer: 'http://issuer.example', algorithms: [HS256], jwks: { file: nowhere.json } }] }
upstreams:
  crm: { url: 'http://10.0.0.1/mcp', lables: {}, credentials: { kind: bearer, token_from: { env: NOWHERE } } }
  files: { command: npx, args: -y }
limits: { depth: 1 }
`)
  expect(problemsOf(loaded).map(({ line, path }) => [line, path])).toEqual([
    [2, 'listen.prot'],
    [3, 'public_url'],
    [4, 'allowed_hosts[0]'],
    [5, 'store.key_from'],
    [6, 'policy.source.path'],
    [7, 'identity.issuers[0].issuer'],
    [7, 'identity.issuers[0].algorithms[0]'],
    [7, 'identity.issuers[0].jwks.file'],
    [9, 'upstreams.crm.url'],
    [9, 'upstreams.crm.lables'],
    [9, 'upstreams.crm.credentials.token_from'],
    [10, 'upstreams.files.args'],
    [11, 'limits.depth'],
  ])
})

test.each([
  ['not YAML', 'a: [', /mistake/],
  ['a name twice', 'listen: {}\nlisten: {}', /mistake/],
  ['two documents', 'listen: {}\n---\nlisten: {}', /mistake/],
  ['a list', '- a', /something else/],
  ['an unknown tag', 'listen: !!js/function x', /mistake/],
])('a file that is %s is told to be so', async (_, text, found) => {
  expect(problemsOf(await load(text))).toContainEqual(expect.objectContaining({ found: expect.stringMatching(found) }))
})

test('a file that is not there is told to be so', async () => {
  expect(problemsOf(await loadSettings('/nowhere/sallyport.yaml', {}))).toEqual([expect.objectContaining({ path: '', found: 'no file /nowhere/sallyport.yaml' })])
})

test('what is not there is told with the place where it was looked for', async () => {
  const directory = await createPlace()
  const change = { store: { kind: 'sqlite', path: 'a.db', key_from: { file: 'gone.key' } }, policy: { source: { kind: 'directory', path: 'gone' } } }
  const problems = problemsOf(await loadSettings(await writeConfiguration(directory, good(change)), {}))
  expect(problems.map(({ found }) => found).sort()).toEqual([`no directory ${directory}/gone`, `no file ${directory}/gone.key`])
})

test('what is not said takes its default, and paths begin at the file', async () => {
  const directory = await createPlace()
  const { settings, warnings } = settingsOf(await loadSettings(await writeConfiguration(directory, good()), environment()))
  expect(settings).toMatchObject({
    directory,
    listen: { host: '127.0.0.1', port: 8080 },
    public_url: 'http://127.0.0.1:8080',
    allowed_hosts: ['127.0.0.1:8080', 'localhost:8080', '[::1]:8080'],
    allowed_origins: ['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080'],
    store: { path: `${directory}/.sallyport/sallyport.db` },
    policy: { source: { path: `${directory}/rego` } },
    limits: { request: 1024 * 1024, answer: 4 * 1024 * 1024, depth: 64 },
  })
  expect(warnings).toEqual([])
})

test('behind TLS the gateway may listen to others, under its public name', async () => {
  const { settings } = settingsOf(await load(good({ listen: { host: '0.0.0.0' }, public_url: 'https://Gateway.example/' })))
  expect(settings.public_url).toBe('https://gateway.example')
  expect(settings.allowed_hosts).toEqual(['gateway.example'])
  expect(settings.allowed_origins).toEqual(['https://gateway.example'])
})

test('settings cannot be changed', async () => {
  const { settings } = settingsOf(await load(good()))
  expect(() => { (settings.outbound.allow as string[]).push('10.0.0.0/8') }).toThrow(TypeError)
  expect(() => { (settings.limits as { request: number }).request = 1 }).toThrow(TypeError)
})

test.each<readonly [string, Content, RegExp]>([
  ['plain http', { listen: { host: '0.0.0.0', insecure_http: true }, public_url: 'http://gateway.example' }, /listen\.insecure_http/],
  ['a credential over plain http', { upstreams: { crm: { url: 'http://10.0.0.1/mcp', insecure_http: true } } }, /upstreams\.crm\.insecure_http/],
  ['unverified mail addresses', { identity: { issuers: [{ name: 'ci', issuer: 'https://i.example', trust_unverified_email: true }] } }, /trust_unverified_email/],
  ['one audience for all', { identity: { issuers: [{ name: 'ci', issuer: 'https://i.example', audience: 'all' }] } }, /every upstream/],
  ['what looks like a secret in the file', { upstreams: { files: { command: 'x', env: { API_TOKEN: 'x' } } } }, /API_TOKEN_from/],
])('%s is possible, and said aloud', async (_, change, says) => {
  expect(settingsOf(await load(good(change))).warnings).toContainEqual(expect.stringMatching(says))
})

describe('secrets', () => {
  const crm = (from: unknown): Content => good({ upstreams: { crm: { url: 'http://127.0.0.1/mcp', credentials: { kind: 'bearer', token_from: from } } } })
  const tokenOf = (loaded: Loaded) => settingsOf(loaded).secrets.get('upstreams.crm.credentials.token')

  test('come from a variable, a file or a program, without the last line break', async () => {
    expect(tokenOf(await load(crm({ env: 'TOKEN' }), { TOKEN: 'from-env\n' }))).toBe('from-env')
    expect(tokenOf(await load(crm({ file: 'token' }), {}, { token: 'from-file\r\n' }))).toBe('from-file')
    expect(tokenOf(await load(crm({ command: 'echo from-command' })))).toBe('from-command')
  })
  test('a program is given its arguments as they are, and no shell', async () => {
    expect(tokenOf(await load(crm({ command: ['printf', '%s', '$(id) > x; `id`'] })))).toBe('$(id) > x; `id`')
  })
  test('a program gets PATH and HOME of the environment and nothing else', async () => {
    const token = tokenOf(await load(crm({ command: [process.execPath, '-p', 'Object.keys(process.env).sort().join()'] }), { OTHER: 'x', NODE_OPTIONS: '' }))
    expect(token).toBe('HOME,PATH')
  })
  test('the store\'s key may be hex or base64, and is 32 bytes', async () => {
    const key = randomBytes(32)
    for (const text of [key.toString('hex'), key.toString('base64'), key.toString('base64url')]) {
      const { secrets } = settingsOf(await load(good({ store: { kind: 'sqlite', path: 'a.db', key_from: { env: 'KEY' } } }), { KEY: text }))
      expect(Buffer.from(secrets.storeKey())).toEqual(key)
    }
  })
  test('a secret file that others can read is said aloud', async () => {
    const directory = await createPlace()
    await writeFile(`${directory}/token`, 'abcdefgh')
    await chmod(`${directory}/token`, 0o644)
    expect(settingsOf(await loadSettings(await writeConfiguration(directory, crm({ file: 'token' })), environment())).warnings).toContainEqual(expect.stringContaining('upstreams.crm.credentials.token'))
  })
  test('a child is given its secrets by their names', async () => {
    const { settings, secrets } = settingsOf(await load(good({ upstreams: { files: { command: 'x', env: { LEVEL: 'info', TOKEN_from: { env: 'T' } } } } }), { T: 'abcdefgh' }))
    const files = settings.upstreams.files
    expect(files && credentialsOf('files', files, secrets)).toEqual({ env: { LEVEL: 'info', TOKEN: 'abcdefgh' } })
  })
  test('credentials that are written down are made for each kind', async () => {
    const upstreams = {
      a: { url: 'http://127.0.0.1/', credentials: { kind: 'bearer', token_from: { env: 'T' } } },
      b: { url: 'http://127.0.0.1/', credentials: { kind: 'header', name: 'X-Key', value_from: { env: 'T' } } },
      c: { url: 'http://127.0.0.1/', credentials: { kind: 'basic', username: 'u', password_from: { env: 'T' } } },
    }
    const { settings, secrets } = settingsOf(await load(good({ upstreams }), { T: 'p/s w' }))
    const made = Object.entries(settings.upstreams).map(([name, own]) => credentialsOf(name, own, secrets))
    expect(made.map(({ header }) => header)).toEqual([
      { header: 'authorization', value: 'Bearer p/s w' },
      { header: 'x-key', value: 'p/s w' },
      { header: 'authorization', value: `Basic ${Buffer.from('u:p/s w').toString('base64')}` },
    ])
  })

  test('no printed form of what was loaded, or of what is wrong, shows one', async () => {
    const directory = await createPlace()
    const secret = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyzABCDEF0123456789-._~'), minLength: 16, maxLength: 40 })
    const source = fc.constantFrom('env', 'file', 'command')
    const property = fc.asyncProperty(secret, source, fc.boolean(), async (value, from, broken) => {
      await writeFile(`${directory}/secret`, value, { mode: 0o600 })
      const given = from === 'env' ? { env: 'TOKEN' } : from === 'file' ? { file: 'secret' } : { command: ['cat', 'secret'] }
      const content = { ...crm(given), ...(broken ? { limits: { depth: -1 } } : {}) }
      const loaded = await loadSettings(await writeConfiguration(directory, content), environment({ TOKEN: value }))
      expect(loaded.ok).toBe(!broken)
      if (loaded.ok) expect(loaded.secrets.get('upstreams.crm.credentials.token')).toBe(value)
      const printed = [JSON.stringify(loaded), inspect(loaded, { depth: Infinity, showHidden: true, getters: true }), String(loaded)].join('\n')
      expect(printed).not.toContain(value)
    })
    await fc.assert(property, { numRuns: 40 })
  })
  test('one that stands where its source belongs is not repeated', async () => {
    const contents = [crm('canary-secret-1'), good({ upstreams: { crm: { url: 'http://u:canary-secret-1@127.0.0.1/', env: { TOKEN: 'canary-secret-1' } } } }), crm({ env: 'canary secret 1' })]
    for (const content of contents) expect(JSON.stringify(await load(content))).not.toMatch(/canary.secret.1/)
  })
})

test('the level of the log may come from the environment', async () => {
  expect(settingsOf(await load(good(), { SALLYPORT_LOG_LEVEL: 'debug' })).settings.logging.level).toBe('debug')
})

test('a name of the prototype is not passed over', async () => {
  for (const text of ['upstreams: { __proto__: { url: "http://127.0.0.1/" } }', 'listen: { "__proto__": { port: 1 } }']) {
    expect(problemsOf(await load(text))).toContainEqual(expect.objectContaining({ path: expect.stringMatching(/\.__proto__$/) }))
  }
  expect(problemsOf(await load('upstreams: { constructor: { url: 3 } }'))).toContainEqual(expect.objectContaining({ path: 'upstreams.constructor.url' }))
})
