import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findNativeOpa } from '../bundle/native-opa.ts'
import { roles, rolesFile } from '../support/gateway-files.ts'
import { until } from '../support/conditions.ts'
import { freePort } from '../support/free-port.ts'
import { connect, startGateway, type PlainClient, type TestGateway, type Who } from '../support/gateway.ts'
import { createRepository, type GitRepository } from '../support/git-repository.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const secret = 'the secret of the deliveries'
const file = 'gateway/policies/words/words.rego'
const allowing = (...words: readonly string[]) => `package policies.words

allow if {
	input.message.method == "tools/call"
	input.message.call.name in {${words.map((word) => JSON.stringify(word)).join(', ')}}
}
`
interface View {
  readonly active: { readonly digest: string; readonly commit: string } | null
  readonly last_run: { readonly error: string | null; readonly stages: readonly { readonly name: string; readonly ms: number }[] } | null
}

let stub: StubServer
let repository: GitRepository
let gateway: TestGateway
let client: PlainClient
let apiToken: string
beforeAll(async () => {
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools: ['one', 'two', 'three'].map((name) => ({ name, inputSchema: { type: 'object' } })) }), 'tools/call': () => ({ content: [{ type: 'text', text: 'done' }] }) }))
})
afterAll(() => stub.close())

const start = (workers: number, poll: string): Promise<void> => {
  repository = createRepository()
  repository.push({ [file]: allowing('one'), [`gateway/${rolesFile}`]: roles, 'gateway/data.yaml': 'marker: 1\n' })
  return serve(workers, poll)
}
const serve = async (workers: number, poll: string, directory?: string): Promise<void> => {
  gateway = await startGateway({
    ...(directory === undefined ? {} : { directory }),
    upstreams: { stub: { url: stub.url } }, rego: {}, env: { WEBHOOK: secret },
    settings: { workers, policy: { source: { kind: 'git', url: repository.url, branch: 'main', path: 'gateway', poll, webhook: { secret_from: { env: 'WEBHOOK' } } } }, logging: { level: 'error' } },
  })
  apiToken = await gateway.token({ subject: 'olga', groups: ['ops'] }, 'api')
  const caller: Who = { subject: 'sam', groups: ['support'] }
  client = await connect(gateway.mcp('stub'), await gateway.token(caller, 'stub'), '2025-06-18')
}
const stop = async (): Promise<void> => {
  await gateway?.close()
  repository?.remove()
}
const view = async (): Promise<View> => (await fetch(`${gateway.url}/api/v1/policy`, { headers: { authorization: `Bearer ${apiToken}` } })).json() as Promise<View>
const activeIs = (commit: string): Promise<View> =>
  until(async () => {
    const now = await view()
    return now.active?.commit === commit && now
  })
const deliver = async (): Promise<number> => {
  const body = '{"ref":"refs/heads/anything"}'
  const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
  return (await fetch(`${gateway.url}/api/v1/policy/webhook`, { method: 'POST', body, headers: { 'x-hub-signature-256': signature, 'content-type': 'application/json' } })).status
}
const may = async (name: string): Promise<boolean> => {
  const answer = await client.request('tools/call', { name, arguments: {} })
  return answer.result !== undefined && answer.result['isError'] !== true
}

describe('one process', () => {
  beforeAll(() => start(1, '1s'))
  afterAll(stop)

  test('what is pushed is active after the next look, or at once where the host tells of it', async () => {
    expect([await may('one'), await may('two')]).toEqual([true, false])
    await activeIs(repository.push({ [file]: allowing('one', 'two') }))
    expect(await may('two')).toBe(true)
    const commit = repository.push({ [file]: allowing('one') })
    expect(await deliver()).toBe(202)
    expect((await activeIs(commit)).last_run?.error).toBeNull()
    expect(await may('two')).toBe(false)
  })

  test('a broken commit in the middle of traffic is told of with file and line, and all calls go on as before', async () => {
    const before = (await view()).active
    let isOver = false
    let calls = 0
    const traffic = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        expect([await may('one'), await may('three')]).toEqual([true, false])
        calls += 1
      }
    })
    repository.push({ [file]: `${allowing('one', 'three')}\ndeny contains {\n` })
    await deliver()
    const { active, last_run } = await until(async () => {
      const now = await view()
      return now.last_run?.error !== null && now
    })
    expect(active).toEqual(before)
    expect(last_run?.error).toMatch(/^policies\/words\/words\.rego:9/)
    const soFar = calls
    await until(() => calls > soFar + 8)
    const fixed = repository.push({ [file]: allowing('one', 'two') })
    isOver = true
    await Promise.all(traffic)
    await activeIs(fixed)
    expect(await may('two')).toBe(true)
  })

  test('three who push at once: what comes last is active, and each active one descends from the one before', async () => {
    const seen = new Set<string>([(await view()).active?.commit ?? ''])
    const push = async (name: string): Promise<void> => {
      const clone = repository.clone()
      for (const word of ['one', 'two', 'three']) {
        const text = `package policies.${name}\n\nallow if {\n\tinput.message.method == "tools/call"\n\tinput.message.call.name == "${word}"\n}\n`
        await until(() => {
          try {
            clone.git('pull', '--quiet', '--rebase', 'origin', 'main')
            clone.push({ [`gateway/policies/${name}/${name}.rego`]: text })
            return true
          } catch {
            return false
          }
        })
        await deliver()
        await new Promise(setImmediate)
      }
    }
    await Promise.all(['ada', 'ben', 'cyd'].map(push))
    repository.git('fetch', '--quiet')
    const last = repository.git('rev-parse', 'origin/main')
    await until(async () => {
      const { active, last_run } = await view()
      expect(last_run?.error).toBeNull()
      seen.add(active?.commit ?? '')
      return active?.commit === last
    })
    const order = [...seen]
    for (const [at, commit] of order.entries()) expect(repository.git('merge-base', order[Math.max(0, at - 1)] ?? '', commit)).toBe(order[Math.max(0, at - 1)])
    expect(await may('three')).toBe(true)
  })

  test('a branch that is set back or rewritten by force changes nothing, until a commit follows the active one', async () => {
    const { active } = await view()
    const old = repository.git('rev-list', '--max-parents=0', 'origin/main')
    repository.push({ [file]: allowing('one', 'two', 'three') }, { on: old, force: true })
    await deliver()
    const refused = await until(async () => {
      const now = await view()
      return now.last_run?.error !== null && now
    })
    expect(refused.active).toEqual(active)
    expect(refused.last_run?.error).toMatch(/does not follow the active commit .*sallyport policy rollback/s)
    await activeIs(repository.push({ [file]: allowing('two') }, { on: active?.commit ?? '', force: true }))
  })

  test('a gateway that starts without its repository has what it had, and takes nothing older when the repository is back', async () => {
    const { active } = await view()
    await gateway.gateway.close()
    rmSync(join(gateway.directory, 'sallyport.db.source'), { recursive: true })
    renameSync(repository.path, `${repository.path}.away`)
    await serve(1, '1s', gateway.directory)
    const without = await view()
    expect([without.active?.commit, await may('two')]).toEqual([active?.commit, true])
    expect(without.last_run?.error).toContain('[repository_missing]')
    renameSync(`${repository.path}.away`, repository.path)
    repository.git('push', '--quiet', '--force', 'origin', 'HEAD~1:main')
    const refused = await until(async () => {
      const now = await view()
      return now.last_run?.error?.includes('[not_newer]') === true && now
    })
    expect(refused.active?.commit).toBe(active?.commit)
    await activeIs(repository.push({ [file]: allowing('three') }))
    expect([await may('two'), await may('three')]).toEqual([false, true])
  })
})

describe('several processes', () => {
  beforeAll(() => start(2, '1h'))
  afterAll(stop)

  test('a delivery that comes to any of them has the repository looked at, and all judge by what it has', async () => {
    const commit = repository.push({ [file]: allowing('two') })
    expect(await deliver()).toBe(202)
    await activeIs(commit)
    expect([await may('one'), await may('two')]).toEqual([false, true])
  })

  test('the active bundle is fetched, held for who waits, and again where it changed', async () => {
    const get = (headers: Record<string, string> = {}) => fetch(`${gateway.url}/api/v1/policy/bundle`, { headers: { authorization: `Bearer ${apiToken}`, ...headers } })
    const first = await get()
    const etag = first.headers.get('etag') ?? ''
    expect([first.status, etag]).toEqual([200, `"${(await view()).active?.digest}"`])
    expect(Buffer.from(await first.arrayBuffer()).subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]))
    expect((await get({ 'if-none-match': etag })).status).toBe(304)
    const waiting = get({ 'if-none-match': etag, prefer: 'modes=snapshot;wait=60' })
    await activeIs(repository.push({ [file]: allowing('one') }).concat((await deliver()) === 202 ? '' : '!'))
    const second = await waiting
    expect([second.status, second.headers.get('etag')]).toEqual([200, `"${(await view()).active?.digest}"`])
  })

  test('another gateway takes it, waits for the next one, and has the same policies', async () => {
    const other = await startGateway({
      upstreams: { stub: { url: stub.url } }, rego: {}, env: { TOKEN: apiToken },
      settings: { policy: { source: { kind: 'bundle', url: `${gateway.url}/api/v1/policy/bundle`, poll: '1h', wait: '1m', credentials: { kind: 'bearer', token_from: { env: 'TOKEN' } } } }, logging: { level: 'error' } },
    })
    try {
      const own = async (): Promise<View> => (await fetch(`${other.url}/api/v1/policy`, { headers: { authorization: `Bearer ${await other.token({ subject: 'olga', groups: ['ops'] }, 'api')}` } })).json() as Promise<View>
      expect((await own()).active).toMatchObject({ digest: (await view()).active?.digest })
      const commit = repository.push({ [file]: allowing('one', 'three') })
      await deliver()
      const { active } = await activeIs(commit)
      await until(async () => (await own()).active?.digest === active?.digest)
      expect((await own()).active).toMatchObject({ commit })
      await activeIs(repository.push({ [file]: allowing('one') }).concat((await deliver()) === 202 ? '' : '!'))
    } finally {
      await other.close()
    }
  })

  test('a native OPA fetches it, waits for the next one, and decides as it says', async () => {
    const native = findNativeOpa()
    if (native === undefined) return
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-opa-'))
    const at = `127.0.0.1:${await freePort()}`
    writeFileSync(join(directory, 'opa.yaml'), JSON.stringify({
      services: { gateway: { url: `${gateway.url}/api/v1`, credentials: { bearer: { token: apiToken } } } },
      bundles: { gateway: { service: 'gateway', resource: 'policy/bundle', polling: { min_delay_seconds: 1, max_delay_seconds: 1, long_polling_timeout_seconds: 60 } } },
    }))
    const child = spawn(native, ['run', '--server', '--addr', at, '--config-file', join(directory, 'opa.yaml'), '--skip-version-check'], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    const data = async <T>(path: string, input?: unknown): Promise<T | undefined> => {
      const answer = await fetch(`http://${at}/v1/data/${path}`, input === undefined ? {} : { method: 'POST', body: JSON.stringify({ input }), headers: { 'content-type': 'application/json' } }).catch(() => undefined)
      return answer?.ok === true ? ((await answer.json()) as { result?: T }).result : undefined
    }
    const ask = (name: string) => data<boolean>('policies/words/allow', { message: { method: 'tools/call', call: { name } } })
    try {
      await until(async () => (await data<number>('marker')) === 1)
      expect([await ask('one'), await ask('three')]).toEqual([true, undefined])
      repository.push({ [file]: allowing('three'), 'gateway/data.yaml': 'marker: 2\n' })
      await deliver()
      await until(async () => (await data<number>('marker')) === 2)
      expect([await ask('one'), await ask('three')]).toEqual([undefined, true])
    } finally {
      child.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true })
    }
  })
})
