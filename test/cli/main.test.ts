import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { createApiClient } from '../../src/cli/api.ts'
import { formatTable, printable, printableLine } from '../../src/cli/output.ts'
import { createPlace, good, writeConfiguration } from '../config/configuration.ts'
import { rows } from '../config/weak-rows.ts'
import { freePort } from '../support/free-port.ts'
import { createRepository } from '../support/git-repository.ts'
import { storeDirectory } from '../support/scratch.ts'

const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }

const nodeIsNew = /^v(?:2[4-9]|[3-9]\d)\./

interface Run {
  readonly code: number
  readonly out: string
  readonly err: string
}
const sallyport = (args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string): Promise<Run> =>
  new Promise(resolve => {
    const options = { env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env }, timeout: 240_000, ...(cwd === undefined ? {} : { cwd }) }
    execFile(process.execPath, [program, ...args], options, (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }))
  })

const listen = async (answer: RequestListener): Promise<{ url: string; server: Server }> => {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

describe('the command', () => {
  test('says its version', async () => {
    expect(await sallyport(['--version'])).toMatchObject({ code: 0, out: `${version}\n` })
  })
  test('started by a Node.js that is too old, says so: 3', async () => {
    const started = (node: string): Promise<Run> => new Promise(resolve => {
      const older = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${node}' } })`
      execFile(process.execPath, ['--import', older, program.replace(/main\.ts$/, 'sallyport.js'), '--version'], (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }))
    })
    // `Worker.cpuUsage()` is of 24.6.
    for (const older of ['22.9.0', '24.5.0']) expect(await started(older)).toEqual({ code: 3, out: '', err: expect.stringContaining('24.6 or later') })
    for (const good of ['24.6.0', '25.0.0']) expect(await started(good)).toMatchObject({ code: 0, out: `${version}\n` })
  })
  test('started where packages are missing, or by a Node.js that is too old, what a newcomer runs first says so: 3', () => {
    const root = fileURLToPath(new URL('../..', import.meta.url))
    const clone = storeDirectory('clone')
    for (const name of ['package.json', 'src', 'scripts']) cpSync(join(root, name), join(clone, name), { recursive: true })
    const { scripts } = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
    /** As npm does, with this `node` as the first on the path. */
    const npmRun = (script: string, node: string) => {
      const bin = mkdtempSync(join(clone, 'bin-'))
      writeFileSync(join(bin, 'node'), `#!/bin/sh\nexec ${node} "$@"\n`, { mode: 0o755 })
      const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', scripts[script] ?? ''], { cwd: clone, encoding: 'utf8', env: { PATH: `${bin}:${process.env['PATH']}`, HOME: clone } })
      return { status, stdout, stderr }
    }
    const posing = `${process.execPath} --import "data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })"`
    const others = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'node')).filter(existsSync)
    const older = [posing, ...others.filter((node) => !nodeIsNew.test(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout))]
    const sentence = (text: string) => ({ status: 3, stdout: '', stderr: expect.stringMatching(new RegExp(`^[^\\n]*${text}[^\\n]*\\n$`)) })
    for (const script of ['start', 'tour', 'test']) {
      for (const node of [process.execPath, ...older]) expect(npmRun(script, node)).toEqual(sentence('run `npm ci` first'))
    }
    for (const name of ['commander', 'jest']) {
      mkdirSync(join(clone, 'node_modules', name), { recursive: true })
      writeFileSync(join(clone, 'node_modules', name, 'package.json'), '{}')
    }
    for (const script of ['start', 'tour', 'test']) {
      for (const node of older) expect(npmRun(script, node)).toEqual(sentence('24.6 or later is needed'))
    }
  })
  test('says what it can do', async () => {
    const { code, out } = await sallyport(['--help'])
    expect(code).toBe(0)
    for (const name of ['start', 'demo', 'validate', 'doctor', 'token', 'policy', 'sessions', 'approvals']) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'))
  })
  test.each([
    ['an unknown command', ['strat']],
    ['an unknown option', ['validate', '--confg', 'x']],
    ['an option without its value', ['start', '--config']],
    ['an argument too many', ['validate', 'x']],
  ])('%s is wrong use: 2', async (_, args) => {
    expect(await sallyport(args)).toMatchObject({ code: 2, out: '' })
  })
})

describe('validate', () => {
  test('a right configuration: 0', async () => {
    const directory = await createPlace()
    await writeConfiguration(directory, good())
    expect(await sallyport(['validate'], {}, directory)).toMatchObject({ code: 0, out: './sallyport.yaml is fine\n' })
  })
  test('SALLYPORT_CONFIG names the file, and --config goes before it', async () => {
    const file = await writeConfiguration(await createPlace(), good())
    expect(await sallyport(['validate'], { SALLYPORT_CONFIG: file })).toMatchObject({ code: 0 })
    expect(await sallyport(['validate', '--config', '/nowhere.yaml'], { SALLYPORT_CONFIG: file })).toMatchObject({ code: 1 })
  })
  test('--json prints the settings without any secret', async () => {
    const upstreams = { crm: { url: 'http://127.0.0.1/', credentials: { kind: 'bearer', token_from: { env: 'TOKEN' } } } }
    const { code, out } = await sallyport(['validate', '--json', '--config', await writeConfiguration(await createPlace(), good({ upstreams }))], { TOKEN: 'canary-secret-1' })
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ ok: true, settings: { upstreams: { crm: { credentials: { kind: 'bearer', token_from: { env: 'TOKEN' } } } } } })
    expect(out).not.toContain('canary-secret-1')
  })
})

test('start refuses whatever is wrong or weak, all of it at once, before anything listens: 3', async () => {
  const together = {
    ...good(),
    listen: { host: '0.0.0.0', port: 18080 },
    identity: { issuers: [{ name: 'ci', issuer: 'http://issuer.example', algorithms: ['none'] }] },
    store: { kind: 'sqlite', path: 'a.db', key_from: { env: 'NOWHERE' } },
    upstreams: {},
  }
  const { code, out, err } = await sallyport(['start', '--config', await writeConfiguration(await createPlace(), together)])
  expect({ code, out }).toEqual({ code: 3, out: '' })
  for (const path of ['public_url', 'identity.issuers[0].issuer', 'identity.issuers[0].algorithms[0]', 'store.key_from', 'upstreams']) expect(err).toContain(` ${path}: `)
  expect(err).toMatch(/5 problems in .*; nothing was started/)
})

test('start --json tells the problems as JSON', async () => {
  const { code, out, err } = await sallyport(['start', '--json', '--config', await writeConfiguration(await createPlace(), { ...good(), upstreams: {} })])
  expect({ code, err }).toEqual({ code: 3, err: '' })
  expect(JSON.parse(out)).toMatchObject({ ok: false, problems: [{ path: 'upstreams' }] })
})

test('P29: start and validate tell the same of a sample of the refused configurations', async () => {
  const sample = rows.filter((_, index) => index % 20 === 0)
  const answers = await Promise.all(sample.map(async ({ content, path, files, env }) => {
    const file = await writeConfiguration(await createPlace(files), content)
    const [started, validated] = [await sallyport(['start', '--config', file], env), await sallyport(['validate', '--config', file], env)]
    return { path, codes: [started.code, validated.code], isTold: started.err.includes(` ${path}: `) && validated.err === started.err }
  }))
  expect(answers).toEqual(sample.map(({ path }) => ({ path, codes: [3, 1], isTold: true })))
})

describe('doctor', () => {
  const crm: RequestListener = (request, response) => {
    response.setHeader('content-type', 'application/json')
    response.statusCode = request.headers.authorization === 'Bearer right' ? 200 : 401
    response.end('{}')
  }
  const policy = 'package policies.crm\n\nallow if input.upstream.name == "crm"\n'
  const configure = async (more: Record<string, unknown>, token: string, rego = policy) => {
    const [{ url, server }, keys] = [await listen(crm), JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', kid: '1' }] })]
    const directory = await createPlace({ 'keys.json': keys, 'rego/crm.rego': rego })
    const script = 'process.stdin.once("data", () => console.log(JSON.stringify({jsonrpc:"2.0",id:1,result:{}})))'
    const content = good({
      listen: { port: await freePort() },
      identity: { issuers: [{ name: 'ci', issuer: 'https://issuer.example', jwks: { file: 'keys.json' } }] },
      upstreams: {
        crm: { url: `${url}/mcp`, credentials: { kind: 'bearer', token_from: { env: 'TOKEN' } } },
        files: { command: process.execPath, args: ['-e', script] },
      },
      ...more,
    })
    const run = await sallyport(['doctor', '--json', '--config', await writeConfiguration(directory, content)], { TOKEN: token })
    server.close()
    return { code: run.code, out: run.out, checks: (JSON.parse(run.out) as { checks: { check: string; state: string; remedy?: string }[] }).checks }
  }
  const stateOf = (checks: readonly { check: string; state: string }[]) => Object.fromEntries(checks.map(({ check, state }) => [check, state]))

  test('a store that another version wrote is told before it is opened for good', async () => {
    const place = await createPlace()
    const written = (name: string, version?: number): Record<string, unknown> => {
      const path = `${place}/${name}.db`
      const db = new DatabaseSync(path)
      db.exec('CREATE TABLE IF NOT EXISTS other (a)')
      if (version !== undefined) db.exec(`CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL); INSERT INTO migration VALUES (${version}, 'a')`)
      db.close()
      return { store: { kind: 'sqlite', path, key_from: { file: 'store.key' } } }
    }
    for (const [content, state, code] of [[written('newer', 999), 'failed', 1], [written('older', 1), 'warning', 0], [written('foreign'), 'failed', 1]] as const) {
      const found = await configure(content, 'right')
      expect([found.code, found.checks.filter(({ check }) => check === 'store').map(({ state: own }) => own)]).toEqual([code, ['ok', state]])
    }
  })
  test('a provider is asked before the first person signs in there', async () => {
    const { url, server } = await listen((request, response) => {
      const issuer = `http://${request.headers.host}`
      response.setHeader('content-type', 'application/json')
      response.statusCode = request.url?.startsWith('/.well-known/') === true ? 200 : 404
      response.end(JSON.stringify({ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys`, response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256'] }))
    })
    const provider = (name: string, issuer: string) => ({ name, kind: 'oidc', issuer, client_id: 'sallyport', client_secret_from: { env: 'TOKEN' }, trusted_groups: [] })
    const metadata = { name: 'saml', kind: 'saml', metadata: { url: `${url}/metadata.xml` }, issuer: 'https://idp.example', trusted_groups: [] }
    try {
      const { code, checks } = await configure({ identity: { providers: [provider('right', url), provider('misspelt', `${url}/tenant`), metadata] } }, 'right')
      expect([code, stateOf(checks)]).toEqual([1, expect.objectContaining({ 'provider right': 'ok', 'provider misspelt': 'failed', 'provider saml': 'failed' })])
      for (const { state, remedy } of checks) expect(remedy === undefined).toBe(state === 'ok')
    } finally {
      server.close()
    }
  })
  test('all is well: 0', async () => {
    const { code, checks } = await configure({}, 'right')
    expect(stateOf(checks.filter(({ state }) => state !== 'warning'))).toEqual({
      configuration: 'ok', store: 'ok', policy: 'ok', 'issuer ci': 'ok', 'upstream crm': 'ok', 'upstream files': 'ok', port: 'ok', clock: 'ok',
    })
    expect(code).toBe(0)
  })
  test('what is not well is told with what to do about it: 1', async () => {
    const taken = await listen(() => undefined)
    const port = (taken.server.address() as AddressInfo).port
    const { code, out, checks } = await configure({ listen: { port } }, 'wrong-canary', 'package policies.crm\n\nallow if {\n')
    taken.server.close()
    expect(stateOf(checks)).toMatchObject({ policy: 'failed', 'upstream crm': 'failed', port: 'failed', 'upstream files': 'ok' })
    for (const { state, remedy } of checks) if (state === 'failed') expect(remedy).toMatch(/\w/)
    expect(code).toBe(1)
    expect(out).not.toContain('wrong-canary')
  })
  test('policies from Git are fetched; what is not there is told with what to do about it', async () => {
    const repository = createRepository()
    repository.push({ 'crm.rego': policy })
    const { checks } = await configure({ policy: { source: { kind: 'git', url: repository.url, branch: 'none' } } }, 'right')
    repository.remove()
    expect(checks.find(({ check }) => check === 'policy')).toMatchObject({ state: 'failed', remedy: expect.stringContaining('policy.source.branch') })
  })
  test('a wrong configuration: 1, and nothing else is tried', async () => {
    const { code, checks } = await configure({ limits: { depth: 1 } }, 'right')
    expect(stateOf(checks)).toEqual({ configuration: 'failed' })
    expect(code).toBe(1)
  })
})

describe('the client of the admin API', () => {
  const seen: IncomingMessage[] = []
  let url = ''
  let server: Server
  beforeAll(async () => {
    ({ url, server } = await listen((request, response) => {
      seen.push(request)
      const path = request.url ?? ''
      if (path.startsWith('/api/v1/sessions?')) return void response.end('{"items":[],"next_cursor":null}')
      if (path === '/api/v1/away') return void response.writeHead(302, { location: '/api/v1/sessions?x=1' }).end()
      if (path.startsWith('/mcp/')) return void response.writeHead(404, { 'content-type': 'application/problem+json' }).end('{"type":"about:blank","title":"Not Found","status":404}')
      if (path === '/api/v1/page') return void response.end('<html>')
      const status = Number(path.split('/').at(-1))
      return void response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ status, title: 'no', detail: 'because of this' }))
    }))
  })
  afterAll(() => { server.close() })
  const client = (more = {}) => createApiClient({ SALLYPORT_URL: url, SALLYPORT_TOKEN: 'abc', ...more })

  test('asks with the token and the query, whichever way the address is written', async () => {
    for (const address of [url, `${url}/`, `${url}/api/v1`, `${url}/api/v1/`]) {
      expect(await client({ SALLYPORT_URL: address }).get('sessions', { actor: 'a b', group: undefined })).toEqual({ ok: true, status: 200, body: { items: [], next_cursor: null } })
      expect(seen.at(-1)).toMatchObject({ url: '/api/v1/sessions?actor=a+b', headers: expect.objectContaining({ authorization: 'Bearer abc' }) })
    }
  })
  test('does not follow a redirect with the token', async () => {
    const before = seen.length
    expect(await client().get('away')).toMatchObject({ ok: false, exit: 3 })
    expect(seen.length).toBe(before + 1)
  })
  test.each([[400, 2], [401, 3], [403, 1], [404, 1], [409, 1], [500, 3], [503, 3]])('status %d ends with %d and says why', async (status, exit) => {
    expect(await client().post(`x/${status}`, {})).toMatchObject({ ok: false, exit, status, message: expect.stringContaining('because of this') })
  })
  test.each([
    ['no address', { SALLYPORT_URL: '' }, 2, /SALLYPORT_URL/],
    ['an address that is none', { SALLYPORT_URL: 'gateway' }, 2, /SALLYPORT_URL/],
    ['no token', { SALLYPORT_TOKEN: '' }, 2, /SALLYPORT_TOKEN/],
    ['a token that is none', { SALLYPORT_TOKEN: 'a\r\nb' }, 2, /SALLYPORT_TOKEN/],
    ['nobody there', { SALLYPORT_URL: 'http://127.0.0.1:1' }, 3, /could not be reached/],
  ])('%s is said in words', async (_, env, exit, says) => {
    expect(await client(env).get('sessions')).toMatchObject({ ok: false, exit, message: expect.stringMatching(says) })
  })
  test('an address that has no admin API is said in words', async () => {
    expect(await client({ SALLYPORT_URL: `${url}/mcp` }).get('sessions')).toMatchObject({ ok: false, exit: 3, message: expect.stringMatching(/SALLYPORT_URL/) })
  })
  test('an answer that is not JSON is said in words', async () => {
    expect(await client().get('page')).toMatchObject({ ok: false, exit: 3 })
  })
})

test('nothing of a text from elsewhere is left out or invisible', () => {
  // A terminal, and whoever strips escape sequences, hides what is between the two.
  expect(printable('/srv/public\u009b;/../../etc/shadow\u009c')).toBe('/srv/public\\u009b;/../../etc/shadow\\u009c')
  expect(printable('ex\u200bport \u{e0041}\u061c\u2028\u00ad\u3164\ufe0f\ud800\r')).toBe('ex\\u200bport \\u{e0041}\\u061c\\u2028\\u00ad\\u3164\\ufe0f\\ud800\\u000d')
  expect(printable('Müller, 日本 😀\tand\nmore')).toBe('Müller, 日本 😀\tand\nmore')
  expect(printableLine('fine\nRisk        0')).toBe('fine\\u000aRisk        0')
})

test('text from elsewhere cannot drive the terminal', () => {
  expect(printable('a\u001b[2J\u001b]0;x\u0007b\u202ec\u0000')).toBe('a\\u001b[2J\\u001b]0;x\\u0007b\\u202ec\\u0000')
  expect(formatTable(['a', 'b'], [['x\ny', 'p\u007fq'], ['longer', 'z']])).toEqual(['a       b', 'x y     p\\u007fq', 'longer  z'])
})
