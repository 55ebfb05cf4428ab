import type { ServerResponse } from 'node:http'
import { connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { messagesIn, readEvents } from '../support/events.ts'
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
  expect(performance.now() - started).toBeLessThan(10_000)
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
    async callAndLeave() {
      const abort = new AbortController()
      const response = await fetch(gateway.mcp('stub'), {
        method: 'POST', headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, body: JSON.stringify(call), signal: abort.signal,
      })
      const { value } = await readEvents(response).next()
      abort.abort()
      return value?.id ?? ''
    },
    resume: (last: string) => fetch(gateway.mcp('stub'), { headers: { ...headers, accept: 'text/event-stream', 'last-event-id': last } }),
  }
}
const idIn = (text: string) => /^id: (.*)$/m.exec(text)?.[1] ?? ''

test.each(legacy)('%s: a greeting answered on a stream carries the session id of the gateway', async (revision) => {
  expect((await open(revision)).client.session).toMatch(/^[\x21-\x7e]{20,}$/)
})

test('a priming event stays one event, with an id and a clamped retry of the gateway', async () => {
  onCall = cut('id: up-1\nretry: 5\ndata: \n\n')
  expect(await (await (await open('2025-11-25')).call()).text()).toMatch(/^id: e\d+\nretry: 100\ndata: \n\n$/)
})

test('a retry alone is passed on and is no event', async () => {
  onCall = cut('id: up-1\ndata: \n\n', 'retry: 900000\n\n')
  expect(await (await (await open('2025-11-25')).call()).text()).toMatch(/^id: e\d+\ndata: \n\nretry: 30000\n\n$/)
})

test.each(legacy)('%s: a stream that the server cut is read on by GET, and its answer is judged as that of the call', async (revision) => {
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

test('a caller who lost the connection takes the stream over: the old one is read no more, and the answer comes once', async () => {
  let left: () => void = () => undefined
  const gone = new Promise<void>((resolve) => (left = resolve))
  onCall = (_id, response) => {
    response.once('close', left)
    events(response, ['id: up-1\ndata: \n\n'])
  }
  onResume = replay
  const { callAndLeave, resume } = await open('2025-11-25')
  const resumed = await resume(await callAndLeave())
  expect(await messagesIn(resumed)).toEqual([answer(7, 'card [CARD], after up-1')])
  await gone
})

test('an answer that the caller missed comes again on the resumed stream', async () => {
  let finish: () => void = () => undefined
  onCall = (id, response) => {
    events(response, ['id: up-1\ndata: \n\n'])
    finish = () => void response.end(frame(answer(id, 'missed'), 'up-2'))
  }
  onResume = (id, response) => cut(frame(answer(id, 'missed'), 'up-2'))(id, response, { method: 'GET', headers: {}, rawHeaders: [], body: '' })
  const { callAndLeave, resume } = await open('2025-11-25')
  const last = await callAndLeave()
  finish()
  expect(await messagesIn(await resume(last))).toEqual([answer(7, 'missed')])
})

test('a question of the server that the caller missed comes again, and can be answered', async () => {
  const question = { jsonrpc: '2.0', id: 'q', method: 'sampling/createMessage', params: { messages: [], maxTokens: 5 } }
  onCall = (_id, response) => events(response, ['id: up-1\ndata: \n\n', frame(question, 'up-2')])
  onResume = (_id, response) => events(response, [frame(question, 'up-2')])
  const { client, callAndLeave, resume } = await open('2025-11-25')
  const stream = readEvents(await resume(await callAndLeave()))
  expect(JSON.parse((await stream.next()).value?.data ?? '{}')).toEqual(question)
  const reply = { jsonrpc: '2.0', id: 'q', result: { role: 'assistant', content: { type: 'text', text: 'here' }, model: 'm' } }
  expect((await client.send(reply)).status).toBe(202)
  expect(stub.messages().at(-1)).toEqual(reply)
  expect(stub.messages().filter((message) => 'error' in message)).toEqual([])
  await stream.return(undefined)
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
