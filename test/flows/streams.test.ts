import type { ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { connect, modernMeta, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { messagesIn, readMessages } from '../support/events.ts'
import { events, mcpAnswers, startStubServer, type Received, type StubServer } from '../support/stub-server.ts'

const policy = `package policies.test

allow if input.actor.kind != "nobody"

allow_server if {
	input.message.method != "roots/list"
}

deny contains {"code": "no_reply", "message": "that may not be told"} if {
	input.message.direction == "to_server"
	input.message.kind == "result"
	input.message.body.text == "forbidden"
}

mask contains {"detector": "card_number"} if input.message.direction == "to_client"
`
type Play = (id: unknown, response: ServerResponse, request: Received) => void | Promise<void>
let play: Play
let stub: StubServer
let gateway: TestGateway
let token: string
const replies: unknown[] = []
let listening: ServerResponse | undefined

beforeAll(async () => {
  const base = mcpAnswers({ 'tools/list': () => ({ tools: [{ name: 't', inputSchema: { type: 'object' } }] }) })
  stub = await startStubServer(async (request, response) => {
    if (request.method === 'GET') {
      events(response, [': hello\n\n'])
      listening = response
      return
    }
    if (request.method !== 'POST') return base(request, response)
    const message = JSON.parse(request.body)
    if ('result' in message || 'error' in message) replies.push(message)
    if (message.method !== 'tools/call') return base(request, response)
    await play(message.id, response, request)
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy } })
  token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})
beforeEach(() => replies.splice(0))

const frame = (message: unknown) => `data: ${JSON.stringify(message)}\n\n`
const answer = (id: unknown, text = 'done') => ({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } })
const call = (id: number, extra: object = {}) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 't', arguments: {}, ...extra } })
const modernHeaders = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 't' }

test('events are passed on while the server still works, each judged and masked', async () => {
  const seen: Record<string, unknown>[] = []
  play = async (id, response, request) => {
    const { progressToken } = JSON.parse(request.body).params._meta
    events(response, [])
    for (const step of [1, 2, 3]) {
      response.write(frame({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: step, message: 'card 4111 1111 1111 1111' } }))
      while (seen.length < step) await wait(5) // the server goes on once the client has the event
    }
    response.end(frame(answer(id, 'card 4111111111111111')))
  }
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  const response = await client.send(call(5, { _meta: { progressToken: 'mine' } }))
  for await (const message of readMessages(response)) seen.push(message)
  expect(seen).toHaveLength(4)
  expect(seen[0]).toMatchObject({ params: { progressToken: 'mine', progress: 1, message: 'card [MASKED]' } })
  expect(seen[3]).toMatchObject({ id: 5, result: { content: [{ text: 'card [MASKED]' }] } })
  expect(JSON.stringify(seen)).not.toMatch(/4111 ?1111/)
})

test('what a server asks of the client is judged, and so is the reply', async () => {
  let asked: (value: unknown) => void = () => undefined
  play = async (id, response) => {
    events(response, [frame({ jsonrpc: '2.0', id: 'q1', method: 'sampling/createMessage', params: { messages: [], maxTokens: 5 } })])
    await new Promise((resolve) => (asked = resolve))
    response.end(frame(answer(id)))
  }
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25', { sampling: {} })
  const stream = readMessages(await client.send(call(6)))
  const question = (await stream.next()).value
  expect(question).toMatchObject({ method: 'sampling/createMessage', id: 'q1' })
  expect((await client.send({ jsonrpc: '2.0', id: 'q1', result: { role: 'assistant', content: { type: 'text', text: 'hi' }, model: 'm' } })).status).toBe(202)
  expect(replies).toEqual([{ jsonrpc: '2.0', id: 'q1', result: { role: 'assistant', content: { type: 'text', text: 'hi' }, model: 'm' } }])
  asked(undefined)
  expect((await stream.next()).value).toMatchObject({ id: 6, result: {} })
  expect((await client.send({ jsonrpc: '2.0', id: 'q1', result: {} })).status).toBe(400)
  expect(replies).toHaveLength(1)
})

test('a refused request of the server is answered on the client\'s behalf; a refused reply too', async () => {
  play = async (id, response) => {
    events(response, [frame({ jsonrpc: '2.0', id: 'r1', method: 'roots/list' }), frame({ jsonrpc: '2.0', id: 'r2', method: 'elicitation/create', params: { message: 'say', requestedSchema: {} } })])
    while (replies.length < 2) await wait(5)
    response.end(frame(answer(id)))
  }
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25', { elicitation: {}, roots: {} })
  const stream = readMessages(await client.send(call(7)))
  expect((await stream.next()).value).toMatchObject({ id: 'r2' })
  await client.send({ jsonrpc: '2.0', id: 'r2', result: { text: 'forbidden' } })
  expect((await stream.next()).value).toMatchObject({ id: 7 })
  expect(replies).toMatchObject([{ id: 'r1', error: { code: -32601 } }, { id: 'r2', error: {} }])
})

test('a modern server\'s request and an answer nobody asked for are dropped, and the stream ends', async () => {
  play = (id, response) => {
    events(response, [frame({ jsonrpc: '2.0', id: 'q', method: 'sampling/createMessage', params: {} }), frame(answer(id))])
    response.end()
  }
  const asked = await post(gateway.mcp('stub'), token, call(8, { _meta: modernMeta }), modernHeaders)
  expect(JSON.stringify(await messagesIn(asked))).not.toContain('sampling')

  play = (_id, response) => {
    events(response, [frame(answer('somebody-else', 'not yours'))])
    response.end()
  }
  const stray = await post(gateway.mcp('stub'), token, call(9, { _meta: modernMeta }), modernHeaders)
  const text = await stray.text()
  expect(text).not.toContain('not yours')
  expect(text).toContain('"id":9')
})

test('the GET stream carries what no request asked for, judged too', async () => {
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-11-25' }
  const response = await fetch(gateway.mcp('stub'), { headers })
  expect(response.status).toBe(200)
  expect((await fetch(gateway.mcp('stub'), { headers })).status).toBe(409)
  listening?.write(frame({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'ssn and card 5555555555554444' } }))
  const stream = readMessages(response)
  expect((await stream.next()).value).toEqual({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'ssn and card [MASKED]' } })
  await stream.return(undefined)
  expect((await fetch(gateway.mcp('stub'), { method: 'DELETE', headers })).status).toBe(200)
  expect((await client.request('tools/list')).status).toBe(404)
})

test('a slow reader holds the server back instead of filling memory', async () => {
  let written = 0
  let blocked: (value: unknown) => void = () => undefined
  const isBlocked = new Promise((resolve) => (blocked = resolve))
  play = async (id, response) => {
    events(response, [])
    const line = frame({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x'.repeat(60_000) } })
    for (let count = 0; count < 2000 && !response.destroyed; count += 1) {
      written += line.length
      if (response.write(line)) continue
      const drained = await Promise.race([new Promise((resolve) => response.once('drain', () => resolve(true))), wait(1000, false)])
      if (drained === false) {
        blocked(true)
        return void response.end(frame(answer(id)))
      }
    }
    blocked(false)
    response.end(frame(answer(id)))
  }
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  const response = await client.send(call(12))
  expect(await isBlocked).toBe(true)
  expect(written).toBeLessThan(40 * 1024 * 1024)
  await response.body?.cancel()
})
