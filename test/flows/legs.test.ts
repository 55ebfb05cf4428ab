import { connect, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const policy = `package policies.test

allow if input.upstream.name == "stub"

allow_server if input.message.method == "elicitation/create"

require_approval contains {"code": "change", "reviewers": ["oncall"]} if {
	input.message.direction == "to_server"
	input.message.call.name == "change"
}
`
const question = { resultType: 'input_required', inputRequests: { sure: { method: 'elicitation/create', params: { message: 'sure?', requestedSchema: { type: 'object', properties: {} } } } }, requestState: 'the-servers-state' }
let stub: StubServer
let gateway: TestGateway
let client: PlainClient

beforeAll(async () => {
  const tools = [{ name: 'change', inputSchema: { type: 'object' } }]
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ resultType: 'complete', tools }), 'tools/call': (params) => (params['inputResponses'] === undefined ? question : { resultType: 'complete', content: [{ type: 'text', text: 'changed' }] }) }))
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy }, settings: { approvals: { hold: '1s', hold_with_progress: '20s' } } })
  client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'sam', groups: [] }, 'stub'), '2026-07-28', { elicitation: {} })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const calls = () => stub.messages().filter(({ method }) => method === 'tools/call')
const approve = async () => {
  const token = await gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api')
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  for (;;) {
    const { items } = (await (await fetch(`${gateway.url}/api/v1/approvals?state=pending`, { headers })).json()) as { items: { id: string }[] }
    if (items[0] !== undefined) return fetch(`${gateway.url}/api/v1/approvals/${items[0].id}/approve`, { method: 'POST', headers, body: '{"reason":"fine"}' })
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const firstLeg = async (to: number) => {
  const asked = client.request('tools/call', { name: 'change', arguments: { to }, _meta: { progressToken: 'p' } })
  await approve()
  return (await asked).result as { requestState: string; resultType: string }
}
const answers = { inputResponses: { sure: { action: 'accept', content: {} } } }

test('an approval covers the later legs of its call, each judged, and no leg twice', async () => {
  const leg = await firstLeg(1)
  expect(leg).toMatchObject({ resultType: 'input_required', inputRequests: question.inputRequests })
  expect(leg.requestState).not.toContain('the-servers-state')
  const last = await client.request('tools/call', { name: 'change', arguments: { to: 1 }, requestState: leg.requestState, ...answers })
  expect(last.result).toMatchObject({ content: [{ text: 'changed' }] })
  expect(calls().at(-1)?.params).toMatchObject({ requestState: 'the-servers-state', ...answers })

  const before = calls().length
  const again = await client.request('tools/call', { name: 'change', arguments: { to: 1 }, requestState: leg.requestState, ...answers })
  expect(again.result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { kind: 'require_approval' } } })
  expect(calls().length).toBe(before)
  await approve() // leaves nothing pending for the next test
})

test('a leg with other arguments is another call', async () => {
  const leg = await firstLeg(2)
  const before = calls().length
  const other = await client.request('tools/call', { name: 'change', arguments: { to: 3 }, requestState: leg.requestState, ...answers })
  expect(other.result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { kind: 'require_approval' } } })
  expect(calls().length).toBe(before)
})
