import { get, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { messagesIn, readEvents, readMessages } from '../support/events.ts'
import { events, mcpAnswers, startStubServer, type Received, type StubServer } from '../support/stub-server.ts'

const policy = `package policies.test

allow if input.actor.kind != "nobody"

allow_server := true

mask contains {"detector": "card_number", "with": "[CARD]"} if input.message.direction == "to_client"
`
type Play = (id: unknown, response: ServerResponse, request: Received) => void
const legacy = ['2025-03-26', '2025-06-18', '2025-11-25']
const base = mcpAnswers({ 'tools/list': () => ({ tools: [{ name: 'cut', inputSchema: { type: 'object' } }] }) })
let stub: StubServer
let gateway: TestGateway
/** What the server writes on the stream of a call, and on the one that resumes it. */
let onCall: Play
let onResume: Play
let callId: unknown

beforeAll(async () => {
  stub = await startStubServer((request, response) => {
    if (request.method === 'GET') return onResume(callId, response, request)
    if (request.body === '') return base(request, response)
    const message = JSON.parse(request.body) as { id?: unknown; method?: string; params: Record<string, unknown> }
    if (!['initialize', 'tools/call'].includes(message.method ?? '')) return base(request, response)
    if (message.method === 'tools/call') {
      callId = message.id
      return onCall(message.id, response, request)
    }
    const result = { protocolVersion: message.params['protocolVersion'], capabilities: { tools: {} }, serverInfo: { name: 'stub', version: '1' } }
    response.setHeader('mcp-session-id', 'upstream-session')
    events(response, ['id: up-0\nretry: 300\ndata: \n\n', frame({ jsonrpc: '2.0', id: message.id, result })])
    response.end()
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy } })
})
afterAll(async () => {
  const started = performance.now()
  await gateway?.close()
  await stub?.close()
  // Calls that were left behind, to be resumed or not, do not keep the gateway from stopping.
  expect(performance.now() - started).toBeLessThan(25_000) // what still runs is given half a minute
})

const frame = (message: unknown, id?: string) => `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`
const answer = (id: unknown, text: string) => ({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } })
const cut = (...frames: string[]): Play => (_id, response) => (events(response, frames), void response.end())
const replay: Play = (id, response, request) => {
  events(response, [frame(answer(id, `card 4111 1111 1111 1111, after ${String(request.headers['last-event-id'])}`), 'up-9')])
  response.end()
}

const open = async (revision: string) => {
  const token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
  const client = await connect(gateway.mcp('stub'), token, revision, { sampling: {} })
  const headers = { 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': revision, authorization: `Bearer ${token}` }
  const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'cut', arguments: {} } }
  return {
    client,
    call: () => client.send(call),
    /** A call whose caller loses the connection once it has seen an event. */
    async callAndLeave(after = 0) {
      const abort = new AbortController()
      const response = await fetch(gateway.mcp('stub'), {
        method: 'POST', headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, body: JSON.stringify(call), signal: abort.signal,
      })
      let seen = 0
      let last = ''
      for await (const { id, data } of readEvents(response)) {
        last = id ?? last
        seen += data === '' ? 0 : 1
        if (seen === after && last !== '') break
      }
      abort.abort()
      return last
    },
    listen: (signal: AbortSignal) => fetch(gateway.mcp('stub'), { headers: { ...headers, accept: 'text/event-stream' }, signal }),
    resumeUnread: (last: string) => new Promise<IncomingMessage>((resolve, reject) => get(gateway.mcp('stub'), { headers: { ...headers, accept: 'text/event-stream', 'last-event-id': last } }, resolve).on('error', reject)),
    resume: (last: string) => fetch(gateway.mcp('stub'), { headers: { ...headers, accept: 'text/event-stream', 'last-event-id': last } }),
  }
}
const idIn = (text: string) => /^id: (.*)$/m.exec(text)?.[1] ?? ''

test.each(legacy)('%s: a greeting answered on a stream carries the session id of the gateway', async (revision) => {
  expect((await open(revision)).client.session).toMatch(/^[\x21-\x7e]{20,}$/)
})

test('a stream of 2025-11-25 begins with an id of the gateway, and a retry of the server is clamped', async () => {
  onCall = cut('id: up-1\nretry: 5\ndata: \n\n')
  onResume = replay
  expect(await (await (await open('2025-11-25')).call()).text()).toMatch(/^id: [\w-]+\.\d+\.1\ndata: \n\nretry: 100\n\n$/)
})

test.each(legacy)('%s: a stream that the server ends is ended for the client, read on by the gateway, and fetched by GET', async (revision) => {
  onCall = cut('id: up-1\nretry: 200\ndata: \n\n')
  onResume = replay
  const { call, resume } = await open(revision)
  const last = idIn(await (await call()).text())
  const resumed = await resume(last)
  expect(resumed.status).toBe(200)
  const text = await resumed.text()
  expect(JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '')).toEqual(answer(7, 'card [CARD], after up-1'))
  expect(idIn(text)).not.toBe(last)
})

test('a connection to the server that breaks is read on where the server can resume it, and the client sees one stream', async () => {
  onCall = (_id, response) => {
    events(response, ['id: up-1\nretry: 100\ndata: \n\n', frame({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'before' } }, 'up-2')])
    setImmediate(() => response.destroy())
  }
  onResume = replay
  const messages = await messagesIn(await (await open('2025-11-25')).call())
  expect(messages).toMatchObject([{ params: { data: 'before' } }, answer(7, 'card [CARD], after up-2')])
})

const news = (text: string) => ({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: text } })

test.each(legacy)('%s: a client that lost its connection comes back for what it missed, of a server that cannot resume, and sees the rest as it comes', async (revision) => {
  const server = Promise.withResolvers<ServerResponse>()
  onCall = (_id, response) => {
    events(response, [frame(news('one'))])
    server.resolve(response)
  }
  const { callAndLeave, resume } = await open(revision)
  const before = stub.received.filter(({ method }) => method === 'GET').length
  const last = await callAndLeave(1)
  const stream = await server.promise
  stream.write(frame(news('two')))
  const resumed = readMessages(await resume(last))
  expect((await resumed.next()).value).toEqual(news('two'))
  stream.write(frame(news('three')))
  expect((await resumed.next()).value).toEqual(news('three'))
  stream.end(frame(answer(callId, 'card 4111 1111 1111 1111')))
  expect((await resumed.next()).value).toEqual(answer(7, 'card [CARD]'))
  expect((await resumed.next()).done).toBe(true)
  expect(stub.received.filter(({ method }) => method === 'GET').length).toBe(before)
})

test('an answer that came while the caller was away is fetched, and again if it is lost again', async () => {
  const server = Promise.withResolvers<ServerResponse>()
  onCall = (_id, response) => {
    events(response, [])
    response.flushHeaders()
    server.resolve(response)
  }
  const { callAndLeave, resume } = await open('2025-11-25')
  const last = await callAndLeave()
  ;(await server.promise).end(frame(answer(callId, 'missed')))
  expect(await messagesIn(await resume(last))).toEqual([answer(7, 'missed')])
  expect(await messagesIn(await resume(last))).toEqual([answer(7, 'missed')])
})

test('a client that comes back once more for a stream that is over is told on the newest connection only', async () => {
  // More than a connection takes on that nobody reads from.
  const long = 'word '.repeat(250_000)
  onCall = (id, response) => void (events(response, [...Array.from({ length: 6 }, () => frame(news(long))), frame(answer(id, 'last'))]), response.end())
  const { callAndLeave, resume, resumeUnread } = await open('2025-11-25')
  const last = await callAndLeave(1)
  expect(await messagesIn(await resume(last))).toHaveLength(6)
  const first = await resumeUnread(last)
  expect(await messagesIn(await resume(last))).toHaveLength(6)
  let told = ''
  for await (const part of first) told += String(part)
  expect(told.includes('"last"')).toBe(false)
})

test('what comes again is judged by the bundle that is active then: masked further, left out, or told as withheld', async () => {
  onCall = (id, response) => {
    events(response, [frame(news('for all')), frame(news('not any more')), frame(answer(id, 'code 4711'))])
    response.end()
  }
  const { call, resume } = await open('2025-11-25')
  const text = await (await call()).text()
  expect(text).toContain('4711')
  const last = idIn(text)
  gateway.writePolicy('policies/test/test.rego', `${policy}
deny contains {"code": "withdrawn"} if input.message.body.data == "not any more"

mask contains {"path": "/content/0/text", "with": "[GONE]"} if input.message.kind == "result"
`)
  await gateway.gateway.pipeline.run()
  expect(await messagesIn(await resume(last))).toEqual([news('for all'), answer(7, '[GONE]')])
  gateway.writePolicy('policies/test/test.rego', `${policy}
deny contains {"code": "withdrawn"} if input.message.direction == "to_client"
`)
  await gateway.gateway.pipeline.run()
  expect(await messagesIn(await resume(last))).toMatchObject([{ id: 7, result: { isError: true, _meta: { 'sallyport/decision': { executed: true } } } }])
  const audit = await gateway.token({ subject: 'ada', groups: ['audit'] }, 'api')
  const read = async (path: string) => (await fetch(`${gateway.url}/api/v1/${path}`, { headers: { authorization: `Bearer ${audit}` } })).json() as Promise<{ items: Record<string, unknown>[] }>
  const [session] = (await read('sessions')).items
  const results = (await read(`sessions/${String(session?.['id'])}/events`)).items.filter(({ method, kind }) => method === 'tools/call' && kind === 'result')
  expect(results.map(({ outcome }) => outcome)).toEqual(['forwarded', 'forwarded', 'denied'])
  gateway.writePolicy('policies/test/test.rego', policy)
  await gateway.gateway.pipeline.run()
})

test('an event id is of no use in another session, of the same caller or of another', async () => {
  onCall = (id, response) => void (events(response, [frame(answer(id, 'mine'))]), response.end())
  const [one, other] = [await open('2025-11-25'), await open('2025-11-25')]
  const last = idIn(await (await one.call()).text())
  await (await other.call()).text()
  expect((await other.resume(last)).status).toBe(400)
  const eve = await gateway.token({ subject: 'eve', groups: [] }, 'stub')
  const stolen = { 'mcp-session-id': one.client.session ?? '', 'mcp-protocol-version': '2025-11-25', authorization: `Bearer ${eve}`, accept: 'text/event-stream', 'last-event-id': last }
  expect((await fetch(gateway.mcp('stub'), { headers: stolen })).status).toBe(404)
  expect(await messagesIn(await one.resume(last))).toEqual([answer(7, 'mine')])
})

test('a question of the server that the caller missed comes again, and can be answered once', async () => {
  const question = { jsonrpc: '2.0', id: 'q', method: 'sampling/createMessage', params: { messages: [], maxTokens: 5 } }
  const server = Promise.withResolvers<ServerResponse>()
  onCall = (_id, response) => {
    events(response, [])
    response.flushHeaders()
    server.resolve(response)
  }
  const { client, callAndLeave, resume } = await open('2025-11-25')
  const last = await callAndLeave()
  const stream = await server.promise
  stream.write(frame(question))
  const resumed = readMessages(await resume(last))
  expect((await resumed.next()).value).toEqual(question)
  const reply = { jsonrpc: '2.0', id: 'q', result: { role: 'assistant', content: { type: 'text', text: 'here' }, model: 'm' } }
  expect((await client.send(reply)).status).toBe(202)
  expect(stub.messages().at(-1)).toEqual(reply)
  expect(stub.messages().filter((message) => 'error' in message)).toEqual([])
  stream.end(frame(answer(callId, 'done')))
  expect((await resumed.next()).value).toEqual(answer(7, 'done'))
  expect(await messagesIn(await resume(last))).toEqual([answer(7, 'done')])
})

test('the stream that no request asked for is taken up again after a loss, with what came meanwhile', async () => {
  const server = Promise.withResolvers<ServerResponse>()
  onResume = (_id, response) => {
    events(response, [frame(news('first'))])
    server.resolve(response)
  }
  const { listen, resume } = await open('2025-11-25')
  const abort = new AbortController()
  const events_ = readEvents(await listen(abort.signal))
  await events_.next()
  const last = (await events_.next()).value?.id ?? ''
  const before = stub.received.filter(({ method }) => method === 'GET').length
  abort.abort()
  await events_.next().catch(() => undefined)
  const stream = await server.promise
  stream.write(frame(news('missed')))
  const resumed = readMessages(await resume(last))
  expect((await resumed.next()).value).toEqual(news('missed'))
  stream.write(frame(news('live')))
  expect((await resumed.next()).value).toEqual(news('live'))
  expect(stub.received.filter(({ method }) => method === 'GET').length).toBe(before)
  await resumed.return(undefined)
})

test('a Last-Event-ID that this session never gave out is refused', async () => {
  onCall = cut('id: up-1\ndata: \n\n')
  const { call, resume } = await open('2025-11-25')
  expect((await resume(`${idIn(await (await call()).text())}9`)).status).toBe(400)
  expect((await resume('up-1')).status).toBe(400)
})

test.each(['resources/subscribe', 'resources/unsubscribe', 'logging/setLevel', 'ping'])('2026-07-28: %s is a method that the revision does not have', async (method) => {
  const token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
  const { status, error } = await (await connect(gateway.mcp('stub'), token, '2026-07-28')).request(method, {})
  expect({ status, code: error?.code }).toEqual({ status: 404, code: -32601 })
})

test('2025-11-25: a known method with the wrong params is refused before the server sees it', async () => {
  const { client } = await open('2025-11-25')
  const before = stub.received.length
  expect((await client.request('resources/subscribe', {})).error?.code).toBe(-32602)
  expect(stub.received).toHaveLength(before)
})
