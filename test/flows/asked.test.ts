import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { startFixture, type Fixture } from '../conformance/http.ts'
import { connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { readMessages } from '../support/events.ts'
import { events, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// What a server asks of the client and what the client replies, in both eras: as requests of its own, and inside of results.

const policy = `package policies.test

allow if input.actor.kind != "nobody"

allow_server if {
	"ops" in input.actor.groups
	input.message.method in {"sampling/createMessage", "elicitation/create", "roots/list"}
}

mask contains {"detector": "card_number", "with": "[CARD]"}
`
let fixture: Fixture
let stub: StubServer
let gateway: TestGateway
let ask: object
const replies: Record<string, unknown>[] = []

beforeAll(async () => {
  fixture = await startFixture()
  const base = mcpAnswers({
    'tools/list': () => ({ tools: [{ name: 'ask', inputSchema: { type: 'object' } }, { name: 'refuse', inputSchema: { type: 'object' } }] }),
  })
  stub = await startStubServer(async (request, response) => {
    const message = request.body === '' ? {} : JSON.parse(request.body)
    if ('result' in message || 'error' in message) replies.push(message)
    if (message.method !== 'tools/call') return base(request, response)
    if (message.params.name === 'refuse') return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error: urlRequired }))
    if (message.params._meta?.['io.modelcontextprotocol/protocolVersion'] !== undefined) {
      const result = message.params.inputResponses === undefined ? { resultType: 'input_required', inputRequests: { go: ask }, requestState: 's' } : { resultType: 'complete', content: [{ type: 'text', text: JSON.stringify(message.params.inputResponses) }] }
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
    }
    events(response, [frame({ jsonrpc: '2.0', id: 'u1', ...ask })])
    while (replies.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    response.write(frame({ jsonrpc: '2.0', method: 'notifications/elicitation/complete', params: { elicitationId: 'e1' } }))
    response.end(frame({ jsonrpc: '2.0', id: message.id, result: { content: [{ type: 'text', text: JSON.stringify(replies[0]) }] } }))
  })
  gateway = await startGateway({ upstreams: { fixture: { url: fixture.url }, stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy } })
})
afterAll(async () => {
  await gateway?.close()
  await fixture?.close()
  await stub?.close()
})
beforeEach(() => replies.splice(0))

const frame = (message: unknown) => `data: ${JSON.stringify(message)}\n\n`
const urlElicitation = { method: 'elicitation/create', params: { mode: 'url', elicitationId: 'e1', url: 'https://bank.example/pay', message: 'pay with 4111111111111111' } }
const urlRequired = { code: -32042, message: 'This request requires more information.', data: { elicitations: [{ mode: 'url', elicitationId: 'e1', url: 'https://bank.example/pay', message: 'pay' }] } }

const openClient = async (mode: 'legacy' | { pin: string }, groups: readonly string[]) => {
  const client = new Client({ name: 'asked', version: '1.0.0' }, { versionNegotiation: { mode }, capabilities: { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } } })
  const asked: string[] = []
  client.setRequestHandler('sampling/createMessage', async ({ method }) => (asked.push(method), { role: 'assistant' as const, model: 'm', content: { type: 'text' as const, text: 'sampled 4111 1111 1111 1111' } }))
  client.setRequestHandler('elicitation/create', async ({ method }) => (asked.push(method), { action: 'accept' as const, content: { response: 'Ada', name: 'Ada', color: 'green', username: 'Ada' } }))
  client.setRequestHandler('roots/list', async ({ method }) => (asked.push(method), { roots: [{ uri: 'file:///srv/docs', name: 'docs' }] }))
  const token = await gateway.token({ subject: `asked ${JSON.stringify(mode)} ${groups.join()}`, groups: [...groups] }, 'fixture')
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.mcp('fixture')), { requestInit: { headers: { authorization: `Bearer ${token}` } } }))
  const call = async (name: string, args: Record<string, unknown> = {}) => JSON.stringify(await client.callTool({ name, arguments: args }).catch((error: Error) => ({ error: error.message })))
  return { client, asked, call }
}
const modes = [['legacy', 'legacy'], ['2026-07-28', { pin: '2026-07-28' }]] as const

test.each(modes)('%s: sampling, elicitation and roots reach the client, and its replies the server, both masked', async (_name, mode) => {
  const { client, asked, call } = await openClient(mode, ['ops'])
  expect(await call('test_sampling', { prompt: 'say something' })).toContain('sampled [CARD]')
  expect(await call('test_elicitation', { message: 'who?' })).toContain('Ada')
  expect(await call('test_input_required_result_list_roots')).toContain('file:///srv/docs')
  expect(await call('test_input_required_result_multi_round')).toContain('Ada likes green')
  expect(await call('test_input_required_result_request_state')).toContain('state-ok')
  expect(asked).toEqual(expect.arrayContaining(['sampling/createMessage', 'elicitation/create', 'roots/list']))
  await client.close()
})

test.each(modes)('%s: what may not be asked never reaches the client', async (_name, mode) => {
  const { client, asked, call } = await openClient(mode, [])
  expect(await call('test_sampling', { prompt: 'say something' })).not.toContain('sampled')
  expect(await call('test_elicitation', { message: 'who?' })).not.toContain('Ada')
  expect(asked).toEqual([])
  await client.close()
})

test('2025-11-25: a question that sends a person to a page is masked like any other; its end and the error that asks for one pass', async () => {
  ask = urlElicitation
  const token = await gateway.token({ subject: 'uma', groups: ['ops'] }, 'stub')
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25', { elicitation: { url: {} } })
  const stream = readMessages(await client.send({ jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'ask', arguments: {} } }))
  expect((await stream.next()).value).toEqual({ jsonrpc: '2.0', id: 'u1', method: 'elicitation/create', params: { ...urlElicitation.params, message: 'pay with [CARD]' } })
  expect((await client.send({ jsonrpc: '2.0', id: 'u1', result: { action: 'accept' } })).status).toBe(202)
  expect((await stream.next()).value).toEqual({ jsonrpc: '2.0', method: 'notifications/elicitation/complete', params: { elicitationId: 'e1' } })
  expect((await stream.next()).value).toMatchObject({ id: 5, result: { content: [{ text: expect.stringContaining('accept') }] } })
  expect((await client.request('tools/call', { name: 'refuse', arguments: {} })).error).toEqual(urlRequired)
})

test('2026-07-28: the same inside of a result, and the reply inside of the next request', async () => {
  ask = { method: 'elicitation/create', params: { mode: 'url', url: 'https://bank.example/pay', message: 'pay with 4111111111111111' } }
  const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'uma', groups: ['ops'] }, 'stub'), '2026-07-28', { elicitation: { url: {} } })
  const first = await client.request('tools/call', { name: 'ask', arguments: {} })
  expect(first.result).toMatchObject({ resultType: 'input_required', inputRequests: { go: { params: { url: 'https://bank.example/pay', message: 'pay with [CARD]' } } }, requestState: 's' })
  const second = await client.request('tools/call', { name: 'ask', arguments: {}, requestState: 's', inputResponses: { go: { action: 'accept' } } })
  expect(second.result).toMatchObject({ content: [{ text: '{"go":{"action":"accept"}}' }] })

  const plain = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'pia', groups: [] }, 'stub'), '2026-07-28', { elicitation: { url: {} } })
  const refused = await plain.request('tools/call', { name: 'ask', arguments: {} })
  expect(refused.result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { kind: 'deny' } } })
  const before = stub.messages().filter(({ method }) => method === 'tools/call').length
  expect((await plain.request('tools/call', { name: 'ask', arguments: {}, inputResponses: { go: { action: 'accept' } } })).result ?? {}).not.toHaveProperty('content.0.text', expect.stringContaining('accept'))
  expect(stub.messages().filter(({ method }) => method === 'tools/call').length).toBe(before)
})

test.each(['2025-11-25', '2026-07-28'])('%s: a page whose address a mask would change is not shown at all', async (revision) => {
  ask = { method: 'elicitation/create', params: { mode: 'url', elicitationId: 'e1', url: 'https://bank.example/pay/4111111111111111', message: 'pay' } }
  const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'uma', groups: ['ops'] }, 'stub'), revision, { elicitation: { url: {} } })
  const { result } = await client.request('tools/call', { name: 'ask', arguments: {} })
  if (revision === '2025-11-25') expect(replies).toMatchObject([{ id: 'u1', error: { code: -32601 } }])
  else expect(result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'mask_impossible' }] } } })
})
