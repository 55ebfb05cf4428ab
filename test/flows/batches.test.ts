import { askApi, connect, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { messagesIn, readMessages } from '../support/events.ts'
import { events, json, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Batches of 2025-03-26 (basic/index, "Batching"; basic/transports, "Sending Messages to the Server"), over plain HTTP.

const policy = `package policies.test

allow if {
	input.actor.kind != "nobody"
	not input.message.call.name == "hidden"
}

allow_server := true

deny contains {"code": "closed", "message": "not today"} if {
	input.message.direction == "to_server"
	input.message.call.name == "closed"
}

require_approval contains {"code": "change", "reviewers": ["oncall"]} if input.message.call.name == "change"

mask contains {"detector": "card_number", "with": "[CARD]"} if input.message.direction == "to_client"
`
let stub: StubServer
let gateway: TestGateway
let client: PlainClient

beforeAll(async () => {
  const tools = ['open', 'closed', 'change', 'hidden', 'arrays', 'asks'].map((name) => ({ name, inputSchema: { type: 'object' } }))
  const base = mcpAnswers({ 'tools/list': () => ({ tools }), 'tools/call': ({ name }) => ({ content: [{ type: 'text', text: `${String(name)} 4111 1111 1111 1111` }] }) })
  stub = await startStubServer((request, response) => {
    const message = request.body === '' ? {} : JSON.parse(request.body)
    const { name, _meta } = message.params ?? {}
    const answer = { jsonrpc: '2.0', id: message.id, result: { content: [{ type: 'text', text: '5555 5555 5555 4444' }] } }
    const question = (id: string) => ({ jsonrpc: '2.0', id, method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } })
    // Servers may batch too, on streams and as plain JSON.
    if (name === 'arrays' && _meta?.progressToken !== undefined) {
      const progress = (step: number) => ({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: _meta.progressToken, progress: step } })
      events(response, [`data: ${JSON.stringify([progress(1), progress(2)])}\n\n`, `data: ${JSON.stringify([progress(3), answer])}\n\n`])
      return void response.end()
    }
    if (name === 'arrays') return json(response, [answer])
    if (name === 'asks') return void (events(response, [`data: ${JSON.stringify([question('q1'), question('q2')])}\n\n`, `data: ${JSON.stringify(answer)}\n\n`]), response.end())
    return base(request, response)
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy }, settings: { approvals: { hold: '5m' } } })
  client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'sam', groups: [] }, 'stub'), '2025-03-26', { sampling: {} })
  await client.request('tools/list')
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const call = (id: unknown, name: string, more: object = {}) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {}, ...more } })
const notice = { jsonrpc: '2.0', method: 'notifications/roots/list_changed' }
const byId = (messages: readonly Record<string, unknown>[], id: unknown) => messages.find((message) => message['id'] === id)
const sent = () => stub.messages().length

test('every request of a batch has its own answer: allowed and masked, denied, unknown, held until it is approved', async () => {
  const api = async (path: string, body?: object) => {
    const token = await gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api')
    return (await askApi(gateway.url, token, path, body)).json() as Promise<{ items: { id: string }[] }>
  }
  const response = await client.send([call(1, 'open'), notice, call('1', 'closed'), call(2, 'hidden'), call(3, 'change'), { jsonrpc: '2.0', id: 4, method: 'x/y' }])
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  const seen: Record<string, unknown>[] = []
  for await (const message of readMessages(response)) {
    seen.push(message)
    if (seen.length < 4) continue
    const [held] = (await api('approvals?state=pending')).items
    if (held !== undefined) await api(`approvals/${held.id}/approve`, { reason: 'fine' })
  }
  expect(seen).toHaveLength(5)
  expect(byId(seen, 1)).toMatchObject({ result: { content: [{ text: 'open [CARD]' }] } })
  expect(byId(seen, '1')).toMatchObject({ result: { isError: true, content: [{ text: expect.stringContaining('not today') }] } })
  expect(byId(seen, 2)).toEqual({ jsonrpc: '2.0', id: 2, error: { code: -32602, message: 'Unknown tool: hidden' } })
  expect(byId(seen, 3)).toMatchObject({ result: { content: [{ text: 'change [CARD]' }] } })
  expect(byId(seen, 4)).toMatchObject({ error: { code: -32601 } })
})

test('a batch that asks for nothing is accepted without a body', async () => {
  const before = sent()
  const response = await client.send([notice, notice])
  expect([response.status, await response.text()]).toEqual([202, ''])
  expect(stub.messages().slice(before).map(({ method }) => method)).toEqual([notice.method, notice.method])
})

test('replies come in a batch, each to its own question', async () => {
  const stream = readMessages(await client.send(call(8, 'asks')))
  const asked = [(await stream.next()).value, (await stream.next()).value]
  expect(asked.map((question) => question?.['id'])).toEqual(['q1', 'q2'])
  const reply = (id: unknown) => ({ jsonrpc: '2.0', id, result: { role: 'assistant', content: { type: 'text', text: String(id) }, model: 'm' } })
  const before = sent()
  expect((await client.send([reply('q2'), reply('q1')])).status).toBe(202)
  expect(stub.messages().slice(before).map(({ id }) => id).sort()).toEqual(['q1', 'q2'])
  expect((await client.send([reply('q1'), reply('nobody asked')])).status).toBe(400)
})

test('what a server batches is taken apart, judged one by one, and sent as single messages', async () => {
  const stream = await messagesIn(await client.send(call(9, 'arrays', { _meta: { progressToken: 'mine' } })))
  expect(stream).toMatchObject([1, 2, 3].map((progress) => ({ method: 'notifications/progress', params: { progressToken: 'mine', progress } })).concat([{ id: 9, result: { content: [{ text: '[CARD]' }] } } as never]))
  expect((await client.request('tools/call', { name: 'arrays', arguments: {} })).result).toMatchObject({ content: [{ text: '[CARD]' }] })
  const later = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'sam', groups: [] }, 'stub'), '2025-06-18')
  expect((await later.request('tools/call', { name: 'arrays', arguments: {} })).error).toBeDefined()
})

test.each([
  ['initialize with company', [{ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'x', version: '1' } } }, call(2, 'open')]],
  ['the same id twice', [call(1, 'open'), call(1, 'open')]],
  ['more than a hundred', Array.from({ length: 101 }, (_, id) => call(id, 'open'))],
  ['nothing', []],
  ['a message of the newer era', [call(1, 'open'), call(2, 'open', { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } })]],
  ['what is no message', [call(1, 'open'), 7]],
])('%s: the whole batch is refused and nothing is sent', async (_name, batch) => {
  const before = sent()
  const response = await client.send(batch)
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: { code: -32600 } })
  expect(sent()).toBe(before)
})

test('a hundred requests of one batch are all answered', async () => {
  const answers = await messagesIn(await client.send(Array.from({ length: 100 }, (_, id) => call(id, 'open'))))
  expect(new Set(answers.map(({ id }) => id)).size).toBe(100)
})
