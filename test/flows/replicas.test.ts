import { setTimeout as wait } from 'node:timers/promises'
import { allowAll, connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { json, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Several replicas of one server: sessions stay where they were made, calls without one are spread, and no call is made twice.

interface Running {
  readonly stub: StubServer
  readonly calls: () => number
  readonly greetings: () => number
}
const nowhere = 'http://127.0.0.1:9/mcp' // the discard port: nobody listens
let gateway: TestGateway
const sets: Record<string, readonly Running[]> = {}
let release: (value?: unknown) => void = () => undefined
let callers = 0

beforeAll(async () => {
  const released = new Promise((resolve) => (release = resolve))
  sets['three'] = await Promise.all(['a', 'b', 'c'].map((name) => startReplica(name)))
  sets['busy'] = [await startReplica('busy', { hang: () => released }), await startReplica('free')]
  sets['one'] = [await startReplica('good')]
  sets['none'] = []
  sets['dying'] = await Promise.all(['a', 'b'].map((name) => startReplica(name, { die: true })))
  sets['leaving'] = await Promise.all(['a', 'b'].map((name) => startReplica(name)))
  sets['forgetful'] = await Promise.all(['a', 'b'].map((name) => startReplica(name, { keepsSessions: false })))
  const more: Record<string, readonly string[]> = { one: [nowhere], none: [nowhere, 'http://127.0.0.1:9/other'] }
  const upstreams = Object.fromEntries(Object.entries(sets).map(([name, replicas]) => [name, { urls: [...replicas.map(({ stub }) => stub.url), ...(more[name] ?? [])] }]))
  gateway = await startGateway({ upstreams, rego: { 'policies/open/open.rego': allowAll } })
})
afterAll(async () => {
  release()
  await gateway?.close()
  await Promise.all(Object.values(sets).flat().map(({ stub }) => stub.close()))
})

const complete = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
const ping = (id: unknown, name: string) => ({ jsonrpc: '2.0', id, result: { ...complete, content: [{ type: 'text', text: name }] } })

/** A replica whose session id says its name; told another's, it answers 404 as servers do. */
async function startReplica(name: string, options: { readonly keepsSessions?: boolean; readonly hang?: () => Promise<unknown>; readonly die?: boolean } = {}): Promise<Running> {
  const session = options.keepsSessions === false ? null : `session-of-${name}`
  const base = mcpAnswers({ 'tools/list': () => ({ ...complete, tools: [{ name: 't', inputSchema: { type: 'object' } }] }) }, session)
  const stub = await startStubServer(async (request, response) => {
    const given = request.headers['mcp-session-id']
    if (given !== undefined && given !== session) return void response.writeHead(404).end()
    if (!request.body.includes('tools/call')) return base(request, response)
    if (options.die === true) return void response.destroy()
    await options.hang?.()
    json(response, ping(JSON.parse(request.body).id, name))
  })
  const count = (method: string) => stub.messages().filter((message) => message.method === method).length
  return { stub, calls: () => count('tools/call'), greetings: () => count('initialize') }
}

const open = async (upstream: string, revision: string) => connect(gateway.mcp(upstream), await gateway.token({ subject: `caller-${(callers += 1)}`, groups: [] }, upstream), revision)
const of = (upstream: string): readonly Running[] => sets[upstream] ?? []
const call = { name: 't', arguments: {} }
const textOf = ({ result }: { result?: Record<string, unknown> }) => (result?.['content'] as { text: string }[] | undefined)?.[0]?.text

test('sessions are shared out, and each stays where it was made', async () => {
  const replicas = of('three')
  const clients = await Promise.all(Array.from({ length: 6 }, () => open('three', '2025-11-25')))
  expect(replicas.map(({ greetings }) => greetings())).toEqual([2, 2, 2])
  for (const client of clients) {
    const first = textOf(await client.request('tools/call', call))
    for (let again = 0; again < 3; again += 1) expect(textOf(await client.request('tools/call', call))).toBe(first)
  }
  expect(replicas.map(({ calls }) => calls())).toEqual([8, 8, 8])
})

test('calls without a session go where the least is going on', async () => {
  const [busy, free] = of('busy') as [Running, Running]
  const client = await open('busy', '2026-07-28')
  let hung: Promise<unknown> | undefined
  while (hung === undefined) {
    const asked = client.request('tools/call', call)
    const isHung = (async () => {
      while (busy.calls() === 0) await wait(5)
      return true
    })()
    if (await Promise.race([isHung, asked.then(() => false)])) hung = asked
  }
  const before = free.calls()
  for (let count = 0; count < 5; count += 1) expect(textOf(await client.request('tools/call', call))).toBe('free')
  expect(free.calls() - before).toBe(5)
  release()
  await hung
})

test('a replica that refuses connections is passed over, and the metrics say so', async () => {
  const [good] = of('one') as [Running]
  for (const revision of ['2025-11-25', '2026-07-28']) {
    for (let count = 0; count < 3; count += 1) expect(textOf(await (await open('one', revision)).request('tools/call', call))).toBe('good')
  }
  const metrics = await gateway.gateway.metrics.print()
  expect(metrics).toContain(`sallyport_upstream_up{upstream="one",replica="${nowhere}"} 0`)
  expect(metrics).toContain(`sallyport_upstream_up{upstream="one",replica="${good.stub.url}"} 1`)
  expect(metrics).toContain(`sallyport_upstream_in_flight{upstream="one",replica="${good.stub.url}"} 0`)
})

test('where all refuse, the caller is told, and nothing hangs', async () => {
  await expect(open('none', '2025-11-25')).rejects.toThrow(/502.*-33003/)
})

test.each(['2025-11-25', '2026-07-28'])('%s: a replica that dies with a call may have run it: it is not made again elsewhere', async (revision) => {
  const made = () => of('dying').reduce((sum, { calls }) => sum + calls(), 0)
  const client = await open('dying', revision)
  const before = made()
  expect(await client.request('tools/call', call)).toMatchObject({ error: { code: -33003 } })
  expect(made() - before).toBe(1)
})

test('a session whose replica is gone is greeted at another one before its next call', async () => {
  const replicas = of('leaving')
  const client = await open('leaving', '2025-11-25')
  const home = replicas.find(({ greetings }) => greetings() === 1)
  const other = replicas.find((replica) => replica !== home)
  await client.request('tools/call', call)
  await home?.stub.close()
  expect(await client.request('tools/call', call)).toMatchObject({ status: 502, error: { code: -33003 } })
  expect(other?.calls()).toBe(0)
  expect(await client.request('tools/call', call)).toMatchObject({ status: 200 })
  expect(other?.stub.messages().map(({ method }) => method)).toEqual(['initialize', 'notifications/initialized', 'tools/call'])
})

test('where the server keeps no sessions, the call itself goes to another replica: nothing of it was sent', async () => {
  const replicas = of('forgetful')
  const client = await open('forgetful', '2025-11-25')
  await client.request('tools/list')
  const home = replicas.find(({ greetings }) => greetings() === 1)
  await home?.stub.close()
  expect(await client.request('tools/call', call)).toMatchObject({ status: 200 })
})
