import http, { type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { connect, modernMeta, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { messagesIn, readEvents } from '../support/events.ts'
import { events, json, mcpAnswers, startStubServer, type Received, type StubServer } from '../support/stub-server.ts'

// Servers that die or break the rules in the middle of a call: what the caller is told in its era's form, what is on record, and that the session still works.

const policy = `package policies.test

allow if input.actor.kind != "nobody"
`
interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: { readonly arguments?: { readonly play?: string }; readonly requestId?: unknown }
}
type Play = (message: Message, response: ServerResponse, request: Received) => void | Promise<void>
/** What the server does when it is called, by the name that the call gives. */
const plays = new Map<string, Play>()
/** What is sent to the server beside calls. */
const told: Message[] = []
let stub: StubServer
let gateway: TestGateway
let count = 0
let elsewhere: http.Server
const reachedElsewhere: string[] = []

beforeAll(async () => {
  const complete = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
  const base = mcpAnswers({ 'tools/list': () => ({ ...complete, tools: [{ name: 't', inputSchema: { type: 'object' } }] }) })
  stub = await startStubServer((request, response) => {
    const message = request.body === '' ? { method: request.method } : JSON.parse(request.body)
    const play = message.method === 'tools/call' ? plays.get(message.params.arguments.play) : undefined
    if (play === undefined) told.push(message)
    return play === undefined ? base(request, response) : play(message, response, request)
  })
  elsewhere = http.createServer((request, response) => {
    reachedElsewhere.push(String(request.url))
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy }, settings: { limits: { upstream_wait: '6s', upstream_idle: '7s', client_stall: '4s', answer: '64KiB' } } })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
  elsewhere?.closeAllConnections()
  elsewhere?.close()
})

const frame = (message: unknown) => `data: ${JSON.stringify(message)}\n\n`
const answer = (id: unknown, text = 'done') => ({ jsonrpc: '2.0', id, result: { resultType: 'complete', content: [{ type: 'text', text }] } })
const news = frame({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'still at it' } })
const raw = (response: ServerResponse, bytes: string) => response.socket?.write(bytes)
const die = (response: ServerResponse) => response.socket?.destroy()
/** Writes a piece again and again until nobody listens any more. */
async function forever(response: ServerResponse, piece: string, pause = 0): Promise<void> {
  while (response.socket !== null && !response.socket.destroyed) {
    raw(response, piece)
    await wait(pause)
  }
}
const head = (type: string) => `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n`

const call = (id: number, play: string) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 't', arguments: { play } } })
const modernHeaders = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 't' }

/** A caller of its own, so that its recording is, too. */
async function caller(revision: string) {
  const subject = `caller-${(count += 1)}`
  const token = await gateway.token({ subject, groups: [] }, 'stub')
  const client = revision === '2026-07-28' ? undefined : await connect(gateway.mcp('stub'), token, revision)
  const ask = (id: number, play: string) => (client === undefined ? post(gateway.mcp('stub'), token, { ...call(id, play), params: { ...call(id, play).params, _meta: modernMeta } }, modernHeaders) : client.send(call(id, play)))
  return { subject, ask, client }
}

interface Recorded {
  readonly kind: string
  readonly outcome: string
  readonly message: unknown
}
async function recordOf(subject: string): Promise<readonly Recorded[]> {
  const token = await gateway.token({ subject: 'ada', groups: ['audit'] }, 'api')
  const get = async (path: string) => (await fetch(`${gateway.url}/api/v1/${path}`, { headers: { authorization: `Bearer ${token}` } })).json() as Promise<{ items: Record<string, unknown>[] }>
  const [session] = (await get(`sessions?actor=${subject}`)).items
  return (await get(`sessions/${String(session?.['id'])}/events`)).items.filter(({ method }) => method === 'tools/call') as unknown as Recorded[]
}

const deaths: readonly (readonly [string, Play])[] = [
  ['dies before it answers', (_message, response) => void die(response)],
  ['dies within the head', (_message, response) => void (raw(response, 'HTTP/1.1 200 OK\r\nContent-Ty'), setTimeout(() => die(response), 20))],
  ['dies within a body', (_message, response) => void (raw(response, `${head('application/json')}Content-Length: 500\r\n\r\n{"leak":"LEAK"`), setTimeout(() => die(response), 20))],
  ['dies before the first event', (_message, response) => (events(response, []), void setTimeout(() => die(response), 20))],
  ['dies between two events', (_message, response) => (events(response, [news]), void setTimeout(() => die(response), 20))],
  ['dies within an event', (_message, response) => (events(response, [news, 'data: {"leak":"LEAK"']), void setTimeout(() => die(response), 20))],
  ['ends a stream within an event', (_message, response) => (events(response, [news, 'data: {"leak":"LEAK"']), void response.end())],
  ['ends a stream without an answer', (_message, response) => (events(response, [news]), void response.end())],
]
const breaches: readonly (readonly [string, Play])[] = [
  ['writes headers without end', (_message, response) => forever((raw(response, head('application/json')), response), `X-Leak: ${'LEAK'.repeat(500)}\r\n`)],
  ['writes a body without end', (_message, response) => forever((raw(response, `${head('application/json')}\r\n"`), response), 'LEAK'.repeat(1000))],
  ['writes an event without end', (_message, response) => forever((raw(response, `${head('text/event-stream')}\r\ndata: "`), response), 'LEAK'.repeat(1000))],
  ['writes an event that is too large', ({ id }, response) => (events(response, [frame(answer(id, 'LEAK'.repeat(40_000)))]), void response.end())],
  ['writes events that are no JSON', (_message, response) => (events(response, ['LEAK\n\n', ':LEAK\n\n', 'data: {LEAK}\n\n']), void response.end())],
  ['writes events that are no messages', (_message, response) => (events(response, [frame(['LEAK'])]), void response.end())],
  ['writes an answer in plain text', ({ id }, response) => void response.writeHead(200, { 'content-type': 'text/plain' }).end(JSON.stringify(answer(id, 'LEAK')))],
  ['says 200 and nothing', (_message, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end()],
  ['answers with nonsense', (_message, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('LEAK')],
  ['names two types', ({ id }, response) => (raw(response, `${head('application/json')}Content-Type: text/html\r\n\r\n${JSON.stringify(answer(id, 'LEAK'))}`), void response.socket?.end())],
  ['speaks another protocol', (_message, response) => void raw(response, 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: LEAK\r\n\r\n')],
  ['redirects', (_message, response) => void response.writeHead(307, { location: `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/LEAK` }).end()],
]
const silences: readonly (readonly [string, Play])[] = [
  ['drips its head', (_message, response) => forever((raw(response, 'HTTP/1.1 200 OK\r\nX-Slow: '), response), 'x', 100)],
  ['drips its body', (_message, response) => forever((raw(response, `${head('application/json')}\r\n"`), response), 'x', 100)],
  ['only comments', async (_message, response) => {
    events(response, [])
    while (!response.destroyed) response.write(': still here\n\n'), await wait(100)
  }],
  ['begins a stream and says nothing', (_message, response) => events(response, [])],
]

describe.each(['2025-06-18', '2026-07-28'])('%s', (revision) => {
  const rows = [
    ...deaths.map(([name, act]) => ({ name, act, status: 502, outcome: 'unknown' })),
    ...breaches.map(([name, act]) => ({ name, act, status: 502, outcome: 'unknown' })),
    ...silences.map(([name, act]) => ({ name, act, status: 504, outcome: 'unknown' })),
    ...[401, 403, 407, 511].map((status) => ({ name: `refuses the gateway's credential with ${status}`, status: 502, outcome: 'answered', act: ((_message, response) => void response.writeHead(status, { 'www-authenticate': 'Bearer realm="LEAK"' }).end('LEAK')) satisfies Play })),
  ]
  beforeAll(() => {
    for (const { name, act } of rows) plays.set(name, act)
    plays.set('answer', ({ id }, response) => json(response, answer(id)))
  })

  test.concurrent.each(rows.map((row) => [row.name, row] as const))('a server that %s', async (name, { status, outcome }) => {
    const { subject, ask } = await caller(revision)
    const response = await ask(7, name)
    const text = await response.text()
    expect(text).toContain('"code":-33003')
    expect(text).toContain('"id":7')
    expect(text).not.toContain('LEAK')
    expect(response.headers.get('www-authenticate')).toBeNull()
    if (response.headers.get('content-type') === 'application/json') expect(response.status).toBe(status)
    else expect(response.headers.get('content-type')).toBe('text/event-stream')
    const record = await recordOf(subject)
    expect(record.map(({ kind }) => kind)).toEqual(['request', 'error'])
    expect(record.at(-1)?.outcome).toBe(outcome)
    expect(JSON.stringify(record)).not.toContain('LEAK')
    if (name === 'redirects') expect(reachedElsewhere).toEqual([])
    expect(await (await ask(8, 'answer')).text()).toContain('done')
  })

  test('only the first of two answers counts', async () => {
    plays.set('twice', ({ id }, response) => (events(response, [frame(answer(id, 'first')), frame(answer(id, 'LEAK'))]), void response.end()))
    const { subject, ask } = await caller(revision)
    expect(await messagesIn(await ask(7, 'twice'))).toMatchObject([{ id: 7, result: { content: [{ text: 'first' }] } }])
    expect(JSON.stringify(await recordOf(subject))).not.toContain('LEAK')
  })

  test('a stream with event ids that is cut: an older client may come back for the rest, a newer one is told at once', async () => {
    plays.set('ids', ({ id }, response) => (events(response, [`id: 1\ndata: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: String(id) } })}\n\n`]), void response.end()))
    const { ask } = await caller(revision)
    const text = await (await ask(7, 'ids')).text()
    if (revision === '2026-07-28') expect(text).toContain('"code":-33003')
    else expect(text).not.toContain('error')
  })
})

test('a server that asks what the client may not be asked is told so, and goes on', async () => {
  plays.set('asks', async ({ id }, response) => {
    events(response, [frame({ jsonrpc: '2.0', id: 'q1', method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } })])
    while (!told.some((message) => message.id === 'q1')) await wait(5)
    response.end(frame(answer(id)))
  })
  const { ask } = await caller('2025-06-18')
  expect(await messagesIn(await ask(7, 'asks'))).toMatchObject([{ id: 7, result: {} }])
  expect(told.find((message) => message.id === 'q1')).toMatchObject({ error: {} })
})

test('a server of the newer era that asks at all is not read on', async () => {
  plays.set('asks modern', async ({ id }, response) => (events(response, [frame({ jsonrpc: '2.0', id: 'q2', method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } }), frame(answer(id, 'LEAK'))]), void response.end()))
  const { ask } = await caller('2026-07-28')
  const text = await (await ask(7, 'asks modern')).text()
  expect(text).toContain('"code":-33003')
  expect(text).not.toMatch(/LEAK|q2/)
})

test('a client that takes nothing of what it is sent is cut off, and so is the server behind it', async () => {
  const token = await gateway.token({ subject: 'stalled', groups: [] }, 'stub')
  const left = new Promise<void>((resolve) => {
    plays.set('flood', (_message, response) => {
      events(response, [])
      response.once('close', () => resolve())
      const more = () => {
        while (!response.destroyed) if (!response.write(frame({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x'.repeat(50_000) } }))) return void response.once('drain', more)
      }
      more()
    })
  })
  const body = JSON.stringify({ ...call(7, 'flood'), params: { ...call(7, 'flood').params, _meta: modernMeta } })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'content-length': Buffer.byteLength(body), ...modernHeaders }
  const request = http.request(gateway.mcp('stub'), { method: 'POST', headers }, (response) => void response.pause()).on('error', () => undefined)
  request.end(body)
  await left
  request.destroy()
})

test('an answer after the cancellation reaches nobody, and the record says that the outcome is not known', async () => {
  plays.set('late', async ({ id }, response) => {
    events(response, [news])
    while (!told.some(({ method, params }) => method === 'notifications/cancelled' && params?.requestId === id)) await wait(5)
    response.end(frame(answer(id, 'late')))
  })
  const { subject, ask, client } = await caller('2025-06-18')
  const response = await ask(7, 'late')
  const stream = readEvents(response)
  expect((await stream.next()).value?.data).toContain('still at it')
  expect((await client?.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }))?.status).toBe(202)
  const rest = []
  for await (const event of stream) rest.push(event.data)
  expect(rest.join()).not.toContain('-33003')
  const record = await recordOf(subject)
  expect(record[0]).toMatchObject({ kind: 'request', outcome: 'forwarded' })
  expect((await (await ask(8, 'answer')).text())).toContain('done')
})
