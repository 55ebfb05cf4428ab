import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGitSource, type GitSourceOptions } from '../../src/bundle/source/git/source.ts'
import type { Source } from '../../src/bundle/source/source.ts'
import type { Read } from '../../src/bundle/source/sources.ts'
import { loadSettings } from '../../src/config/load.ts'
import { createPolicySource } from '../../src/policy-source.ts'
import { writeGatewayFiles } from '../support/gateway-files.ts'
import { createKeys, startGitHttp, startGitSsh, type GitHost, type KeyPair } from '../support/git-hosts.ts'
import { createAuthority } from '../support/certificates.ts'
import { createRepository, type GitRepository } from '../support/git-repository.ts'
import { addressesOf, outbound } from '../support/outbound.ts'

const base = { 'policies/crm/crm.rego': 'package policies.crm\n\nallow if input.actor.kind == "person"\n' }

let repository: GitRepository
let commit: string
let copies: string
let keys: ReturnType<typeof createKeys>
const opened: (Source | GitHost)[] = []
beforeAll(() => {
  repository = createRepository()
  commit = repository.push(base)
  keys = createKeys()
})
beforeEach(() => {
  copies = mkdtempSync(join(tmpdir(), 'sallyport-copy-'))
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close?.()
  rmSync(copies, { recursive: true, force: true })
})
afterAll(() => {
  repository.remove()
  keys.remove()
})

const sourceOf = (change: Partial<GitSourceOptions>): Source => {
  const source = createGitSource({ url: '', transport: 'http', addressesOf, wanted: { ref: 'refs/heads/main' }, directory: copies, poll: 3_600_000, ...change })
  opened.push(source)
  return source
}
const opening = async <H extends GitHost>(host: Promise<H>): Promise<H> => {
  const there = await host
  opened.push(there)
  return there
}
const commitOf = (read: Read): string | undefined => (read.ok ? read.sources.commit : JSON.stringify(read.problems))
const codes = (read: Read): readonly string[] => (read.ok ? [] : read.problems.map(({ code }) => code))
const token = 'glpat-a/secret+token'
/** What everybody on the machine can see of running programs. */
const commandLines = (): readonly string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
  try {
    return [readFileSync(`/proc/${pid}/cmdline`, 'latin1')]
  } catch {
    return [] // It has ended.
  }
})

describe('over http', () => {
  test('git goes to the address that was checked, whatever the name says to it, and nowhere that may not be asked', async () => {
    const host = await opening(startGitHttp(repository.path, {}))
    const named = host.url.replace('127.0.0.1', 'repository.invalid')
    expect(commitOf(await sourceOf({ url: named, addressesOf: async () => ['127.0.0.1'] }).read())).toBe(commit)
    for (const [url, transport] of [['https://169.254.169.254/x.git', 'https'], ['ssh://git@169.254.169.254/x.git', 'ssh'], ['git@169.254.169.254:x.git', 'ssh'], ['ssh://git@[fe80::1]:22/x.git', 'ssh']] as const) {
      expect(codes(await sourceOf({ url, transport, directory: join(copies, 'x') }).read())).toEqual(['address_refused'])
    }
  })

  test('a repository is read with its token, which no other program sees and no text holds', async () => {
    const seen: string[] = []
    const host = await opening(startGitHttp(repository.path, { password: token, play: () => {
      seen.push(...commandLines())
      return false
    } }))
    const good = sourceOf({ url: host.url, credentials: async () => ({ kind: 'token', username: 'git', token }) })
    expect(commitOf(await good.read())).toBe(commit)
    expect(seen.some((line) => line.includes('remote-http'))).toBe(true)
    expect(seen.filter((line) => line.includes(token) || line.includes(Buffer.from(`git:${token}`).toString('base64')))).toEqual([])
    expect(readdirSync(copies, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('config')).map((name) => readFileSync(join(copies, name), 'utf8')).join()).not.toContain(token)
  })

  test.each([['a wrong token', `${token}x`], ['none', undefined]])('with %s nobody is let in, and the text does not say which it was', async (_, wrong) => {
    const host = await opening(startGitHttp(repository.path, { password: token }))
    const read = await sourceOf({ url: host.url, directory: join(copies, 'x'), ...(wrong === undefined ? {} : { credentials: async () => ({ kind: 'token', username: 'git', token: wrong }) }) }).read()
    expect(codes(read)).toEqual(['credentials_refused'])
    expect(JSON.stringify(read)).not.toContain(token)
  })

  test('a token that was replaced where it comes from is the one that is used from then on', async () => {
    let password = 'the first token'
    const host = await opening(startGitHttp(repository.path, { password: () => password }))
    const files = await writeGatewayFiles({
      upstreams: { crm: { url: 'http://127.0.0.1:1/mcp' } }, rego: { 'token': password },
      settings: { policy: { source: { kind: 'git', url: host.url, branch: 'main', credentials: { kind: 'token', token_from: { file: 'rego/token' } } } } },
    })
    const loaded = await loadSettings(files.config, {})
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    const source = createPolicySource(loaded.settings, loaded.secrets, outbound)
    opened.push(source)
    expect(commitOf(await source.read())).toBe(commit)
    password = 'the second token'
    expect(codes(await source.read())).toEqual(['credentials_refused'])
    files.writePolicy('token', password)
    expect(commitOf(await source.read())).toBe(commit)
    rmSync(join(files.directory, 'rego/token'))
    expect(await source.read()).toMatchObject({ ok: false, problems: [{ stage: 'fetch', message: expect.stringContaining('policy.source.credentials.token_from') }] })
    rmSync(files.directory, { recursive: true })
  })

  test('a host that sends the gateway elsewhere is not followed', async () => {
    const other = await opening(startGitHttp(repository.path))
    const host = await opening(startGitHttp(repository.path, { play: (request, response) => {
      response.writeHead(301, { location: `http://127.0.0.1:${other.port}${request.url}` }).end()
      return true
    } }))
    expect(codes(await sourceOf({ url: host.url, credentials: async () => ({ kind: 'token', username: 'git', token }) }).read())).toEqual(['redirected'])
    expect(other.asked).toEqual([])
  })

  test('over https, a host is believed by the authority that is given, and by no other', async () => {
    const [authority, other] = [createAuthority('own'), createAuthority('other')]
    try {
      const host = await opening(startGitHttp(repository.path, { password: token, tls: authority.issue('host') }))
      const change: Partial<GitSourceOptions> = { url: host.url, transport: 'https', credentials: async () => ({ kind: 'token', username: 'git', token }) }
      expect(commitOf(await sourceOf({ ...change, authorities: authority.certFile, directory: join(copies, 'a') }).read())).toBe(commit)
      const asked = host.asked.length
      expect(codes(await sourceOf({ ...change, authorities: other.certFile, directory: join(copies, 'b') }).read())).toEqual(['certificate'])
      expect(codes(await sourceOf({ ...change, directory: join(copies, 'c') }).read())).toEqual(['certificate'])
      expect(host.asked).toHaveLength(asked)
    } finally {
      authority.remove()
      other.remove()
    }
  })

  test('a host that hangs is given up, with all that was started for it', async () => {
    const host = await opening(startGitHttp(repository.path, { play: () => true }))
    expect(codes(await sourceOf({ url: host.url, limits: { fetchWithin: 500 } }).read())).toEqual(['timeout'])
    const left = commandLines().filter((line) => line.includes(`:${host.port}/`))
    expect(left).toEqual([])
  })

  test.each([
    ['an error', 500, 'unreachable'],
    ['that there is nothing', 404, 'repository_missing'],
    ['a page', 200, 'ref_missing'],
  ])('a host that answers with %s is told of', async (_, status, code) => {
    const host = await opening(startGitHttp(repository.path, { play: (_request, response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end('<html>\u001b[2J')
      return true
    } }))
    const read = await sourceOf({ url: host.url }).read()
    expect(codes(read)).toEqual([code])
    expect(JSON.stringify(read)).not.toMatch(/\\u001b/)
  })

  test('a host that breaks off in the middle is told of, and read when it does so no more', async () => {
    let isBroken = true
    const host = await opening(startGitHttp(repository.path, { play: (request, response) => {
      if (!isBroken || request.method !== 'POST') return false
      response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' }).write('0008NAK\n')
      setImmediate(() => response.destroy())
      return true
    } }))
    const source = sourceOf({ url: host.url })
    expect(codes(await source.read())).toHaveLength(1)
    isBroken = false
    expect(commitOf(await source.read())).toBe(commit)
  })
})

describe('over ssh', () => {
  let own: KeyPair
  let other: KeyPair
  let host: KeyPair
  beforeAll(() => {
    own = keys.make('own')
    other = keys.make('other')
    host = keys.make('host')
  })
  const known = (name: string, port: number, key: KeyPair): string => {
    const file = join(keys.directory, name)
    writeFileSync(file, `[127.0.0.1]:${port} ${key.publicKey}\n`)
    return file
  }
  const ssh = (port: number, key: KeyPair, knownHosts: string): Partial<GitSourceOptions> =>
    // As a secret comes: without its last line break.
    ({ url: `ssh://git@127.0.0.1:${port}/policies.git`, transport: 'ssh', credentials: async () => ({ kind: 'deploy_key', key: key.key.trimEnd(), knownHosts }) })

  test('a repository is read with a deploy key, from a host that is known', async () => {
    const server = await opening(startGitSsh(repository.path, host, own))
    const before = process.env['TMPDIR']
    const temporary = mkdtempSync(join(tmpdir(), 'sallyport-temporary-'))
    process.env['TMPDIR'] = temporary
    expect(commitOf(await sourceOf(ssh(server.port, own, known('known', server.port, host))).read())).toBe(commit)
    expect(new Set(server.asked)).toEqual(new Set(["git-upload-pack '/policies.git'"]))
    expect(readdirSync(temporary)).toEqual([])
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
    rmSync(temporary, { recursive: true })
  })

  test('a host that shows another key is told nothing', async () => {
    const server = await opening(startGitSsh(repository.path, host, own))
    expect(codes(await sourceOf(ssh(server.port, own, known('wrong', server.port, other))).read())).toEqual(['host_key'])
    expect(codes(await sourceOf(ssh(server.port, own, known('absent', 1, host))).read())).toEqual(['host_key'])
    expect(server.asked).toEqual([])
  })

  test('a key that the host does not take is told of', async () => {
    const server = await opening(startGitSsh(repository.path, host, own))
    const read = await sourceOf(ssh(server.port, other, known('known', server.port, host))).read()
    expect(codes(read)).toEqual(['credentials_refused'])
    expect(JSON.stringify(read)).not.toContain('BEGIN')
  })

  test('what is no key is told of, and not printed', async () => {
    const server = await opening(startGitSsh(repository.path, host, own))
    const read = await sourceOf(ssh(server.port, { ...own, key: 'not a key' }, known('known', server.port, host))).read()
    expect(codes(read)).toEqual(['credentials_refused'])
    expect(JSON.stringify(read)).not.toContain('not a key')
  })
})

describe('where commits must be signed', () => {
  let signer: KeyPair
  let stranger: KeyPair
  let allowedSigners: string
  beforeAll(() => {
    signer = keys.make('signer')
    stranger = keys.make('stranger')
    allowedSigners = join(keys.directory, 'allowed')
    writeFileSync(allowedSigners, `ada@example.com namespaces="git" ${signer.publicKey}\n`)
  })
  const read = (branch: string) => sourceOf({ url: repository.url, transport: 'file', wanted: { ref: `refs/heads/${branch}` }, allowedSigners }).read()

  test('one of an allowed signer is read', async () => {
    const signed = repository.push({}, { key: signer.keyFile, branch: 'signed' })
    expect(commitOf(await read('signed'))).toBe(signed)
  })

  test('one without signature, or of another signer, is refused at the stage verify', async () => {
    expect(await read('main')).toMatchObject({ ok: false, problems: [{ stage: 'verify', code: 'commit_unsigned', remedy: expect.stringContaining('allowed_signers') }], stages: [{ name: 'fetch', ok: true }, { name: 'verify', ok: false }] })
    repository.push({}, { key: stranger.keyFile, branch: 'foreign' })
    expect(await read('foreign')).toMatchObject({ ok: false, problems: [{ stage: 'verify', code: 'commit_signer' }] })
  })

  test('one that was changed after it was signed is refused', async () => {
    repository.push({}, { key: signer.keyFile, branch: 'whole' })
    const whole = repository.git('cat-file', 'commit', 'HEAD')
    const forged = execFileSync('git', ['hash-object', '-t', 'commit', '-w', '--stdin'], { cwd: repository.path, input: `${whole.replace('\n\nchange', '\n\nanother change')}\n` }).toString().trim()
    execFileSync('git', ['update-ref', 'refs/heads/forged', forged], { cwd: repository.path })
    expect(await read('forged')).toMatchObject({ ok: false, problems: [{ code: 'commit_signer' }] })
  })

  test('a signature for something else than Git, or with a key that had run out, is refused', async () => {
    repository.push({}, { key: signer.keyFile, branch: 'signed' })
    writeFileSync(allowedSigners, `ada@example.com namespaces="file" ${signer.publicKey}\n`)
    expect(codes(await read('signed'))).toEqual(['commit_signer'])
    writeFileSync(allowedSigners, `ada@example.com namespaces="git",valid-before="20200101" ${signer.publicKey}\n`)
    expect(codes(await read('signed'))).toEqual(['commit_signer'])
  })
})
