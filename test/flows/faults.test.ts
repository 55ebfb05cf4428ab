import type { ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { answerOf, connect, modernMeta, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { messagesIn, readEvents } from '../support/events.ts'
import { events, json, mcpAnswers, startStubServer, type Received, type StubServer } from '../support/stub-server.ts'
import { until } from '../support/conditions.ts'
import { beginWithShortToken } from '../support/short-token.ts'

// What a server can do wrong, and what callers are told: no hang, no leak, nobody else's answer.

const policy = `package policies.test

allow if input.actor.kind != "nobody"

deny contains {"code": "only_writers", "message": "writers only"} if {
	input.message.call.name == "write"
	not "ops" in input.actor.groups
}
`
type Play = (message: { id?: unknown; method: string; params?: Record<string, unknown> }, response: ServerResponse, request: Received) => void | Promise<void>
let play: Play
let stub: StubServer
let gateway: TestGateway
/** For servers that keep it waiting; what an honest one takes on a busy machine would be too long for it. */
let hasty: TestGateway
let token: string

beforeAll(async () => {
  const base = mcpAnswers({ 'tools/list': () => ({ tools: ['t', 'write'].map((name) => ({ name, inputSchema: { type: 'object' } })) }) })
  stub = await startStubServer((request, response) => {
    const message = request.body === '' ? { method: request.method } : JSON.parse(request.body)
    if (['tools/call', 'GET', 'server/discover', 'subscriptions/listen', 'notifications/x'].includes(message.method)) return play(message, response, request)
    return base(request, response)
  })
  const open = policy.replace('\n\nallow', '\n\nallow_other := true\n\nallow')
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': open } })
  hasty = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': open }, settings: { limits: { upstream_wait: '1s' } } })
  token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
})
afterAll(async () => {
  await gateway?.close()
  await hasty?.close()
  await stub?.close()
})

const frame = (message: unknown) => `data: ${JSON.stringify(message)}\n\n`
const answer = (id: unknown, text = 'done') => ({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } })
const call = (id: number, name = 't') => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {} } })
const modernCall = (id: number) => ({ ...call(id), params: { ...call(id).params, _meta: modernMeta } })
const modernHeaders = (method: string) => ({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(method === 'tools/call' ? { 'mcp-name': 't' } : {}) })

describe.each(['2025-06-18', '2026-07-28'])('%s', (revision) => {
  const ask = async (id: number, by = gateway) => {
    const own = await by.token({ subject: 'sam', groups: [] }, 'stub')
    if (revision === '2026-07-28') return post(by.mcp('stub'), own, modernCall(id), modernHeaders('tools/call'))
    return (await until(() => connect(by.mcp('stub'), own, revision).catch(() => undefined))).send(call(id))
  }
  test.each<[string, number, Play]>([
    ['an empty 500', 502, (_message, response) => void response.writeHead(500).end()],
    ['a redirect', 502, (_message, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    ['a redirect with a message', 502, ({ id }, response) => json(response, answer(id), 302, { location: 'http://127.0.0.1:1/' })],
    ['gzip that nobody asked for', 502, ({ id }, response) => void response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify(answer(id))))],
    ['an answer that is too large', 502, ({ id }, response) => json(response, answer(id, 'x'.repeat(5 * 1024 * 1024)))],
    ['an event that is too large', 502, ({ id }, response) => (events(response, [frame(answer(id, 'x'.repeat(5 * 1024 * 1024)))]), void response.end())],
    ['invalid UTF-8', 502, (_message, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from([0x22, 0xff, 0x22]))],
    ['a truncated body', 502, (_message, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 500 }).write('{"jsonrpc"')
      setTimeout(() => response.destroy(), 20)
    }],
    ['a body that never ends', 504, (_message, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"jsonrpc"')],
    ['a head that never comes', 504, () => undefined],
    ['an answer to something else', 502, (_message, response) => json(response, answer('other', 'not yours'))],
    ['202 and nothing', 502, (_message, response) => void response.writeHead(202).end()],
    ['HTML without end', 502, async (_message, response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      while (!response.destroyed) response.write('<p>'.repeat(1000)), await wait(5)
    }],
  ])('%s is a fault with the id, and nothing of it comes through', async (_name, status, act) => {
    play = act
    const response = await ask(41, status === 504 ? hasty : gateway)
    const text = await response.text()
    expect(text).not.toContain('not yours')
    expect(text).toContain('"id":41')
    expect(text).toContain('"code":-33003')
    if (response.headers.get('content-type') === 'application/json') expect(response.status).toBe(status)
  })

  test('a body that will not be read does not keep its socket', async () => {
    const closed = new Promise<boolean>((resolve) => {
      play = async (_message, response) => {
        response.once('close', () => resolve(true))
        response.writeHead(200, { 'content-type': 'text/html' })
        while (!response.destroyed) response.write('<p>'.repeat(1000)), await wait(5)
      }
    })
    await (await ask(42)).text()
    expect(await closed).toBe(true)
  })
})

test('an answer on the stream of another request answers nobody', async () => {
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  const open: { id: unknown; response: ServerResponse }[] = []
  play = async ({ id }, response) => {
    events(response, [])
    open.push({ id, response })
    if (open.length < 2) return
    const [first, second] = open
    first?.response.write(frame(answer(second?.id, 'for the second')))
    await wait(50)
    first?.response.end(frame(answer(first.id, 'for the first')))
    second?.response.end(frame(answer(second.id, 'for the second')))
  }
  const texts = await Promise.all([client.send(call(1)).then(messagesIn), client.send(call(2)).then(messagesIn)])
  expect(texts.map((messages) => messages.map(({ id }) => id))).toEqual([[1], [2]])
  expect(texts[0]).not.toEqual(texts[1])
})

test('a notification is not answered by a stream that stays open', async () => {
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  const closed = new Promise<boolean>((resolve) => {
    play = (_message, response) => {
      response.once('close', () => resolve(true))
      events(response, [frame({ jsonrpc: '2.0', id: 1, method: 'ping' })])
    }
  })
  expect((await client.send({ jsonrpc: '2.0', method: 'notifications/x' })).status).toBe(202)
  expect(await closed).toBe(true)
})

test('server/discover tells only of revisions that the gateway serves', async () => {
  play = ({ id }, response) => json(response, { jsonrpc: '2.0', id, result: { resultType: 'complete', supportedVersions: ['2027-01-01', '2026-07-28', '2025-11-25', '1999-01-01'], capabilities: {}, ttlMs: 0, cacheScope: 'public' } })
  const client = await connect(gateway.mcp('stub'), token, '2026-07-28')
  expect((await client.request('server/discover')).result).toMatchObject({ supportedVersions: ['2026-07-28', '2025-11-25'], capabilities: {} })
})

describe('streams', () => {
  test('a modern stream and a GET stream end when the token expires, at the server too', async () => {
    const begin = async (short: string) => {
      const client = await connect(gateway.mcp('stub'), short, '2025-11-25')
      const closed: Promise<unknown>[] = []
      play = ({ id }, response) => {
        closed.push(new Promise((resolve) => response.once('close', resolve)))
        events(response, id === undefined ? [': open\n\n'] : [frame({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { notifications: {}, _meta: { 'io.modelcontextprotocol/subscriptionId': id } } })])
      }
      const get = await fetch(gateway.mcp('stub'), { headers: { authorization: `Bearer ${short}`, accept: 'text/event-stream', 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-11-25' } })
      const listen = await post(gateway.mcp('stub'), short, { jsonrpc: '2.0', id: 'l1', method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: modernMeta } }, modernHeaders('subscriptions/listen'))
      const first = (await readEvents(listen).next()).value
      expect(JSON.parse(first?.data ?? '{}')).toMatchObject({ params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 'l1' } } })
      expect([get.status, closed.length]).toEqual([200, 2])
      return { get, closed }
    }
    const { get, closed } = await beginWithShortToken((expires) => gateway.token({ subject: 'eve', groups: [], expires }, 'stub'), begin)
    await Promise.all([get.text().catch(() => ''), ...closed])
  })

  test('a modern client that leaves in mid-stream ends the exchange with the server', async () => {
    const closed = new Promise<boolean>((resolve) => {
      play = (_message, response) => {
        response.once('close', () => resolve(true))
        events(response, [frame({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'one' } })])
      }
    })
    const abort = new AbortController()
    const response = await fetch(gateway.mcp('stub'), { method: 'POST', signal: abort.signal, body: JSON.stringify(modernCall(7)), headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}`, ...modernHeaders('tools/call') } })
    await readEvents(response).next()
    abort.abort()
    expect(await closed).toBe(true)
  })
})

test('a call is judged by the groups of the token that made it, whatever the caller\'s other tokens say meanwhile', async () => {
  const strong = await gateway.token({ subject: 'two-hats', groups: ['ops'] }, 'stub')
  const weak = await gateway.token({ subject: 'two-hats', groups: [] }, 'stub')
  play = ({ id }, response) => json(response, answer(id))
  const bodies = Array.from({ length: 40 }, (_, id) => id)
  const told = await Promise.all(bodies.map(async (id) => {
    const body = { ...modernCall(id), params: { ...modernCall(id).params, name: 'write' } }
    const { result } = await answerOf(await post(gateway.mcp('stub'), id % 2 === 0 ? weak : strong, body, { ...modernHeaders('tools/call'), 'mcp-name': 'write' }))
    return result?.['isError'] === true
  }))
  expect(told.every((denied, id) => id % 2 === 1 || denied)).toBe(true)
})
