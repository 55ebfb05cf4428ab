import { connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const policy = `package policies.counting

allow if input.upstream.name == "stub"

deny contains {"code": "never"} if {
	input.message.direction == "to_server"
	input.message.call.name == "never"
}

deny contains {"code": "counted", "message": text} if {
	input.message.direction == "to_server"
	input.message.call.name == "count"
	session := input.session
	text := sprintf("%d calls, %d denied, %d held, answers %v", [session.calls, session.denied, session.approvals, session.bytes_out > 0])
}

require_approval contains {"code": "ask", "reviewers": ["oncall"]} if {
	input.message.direction == "to_server"
	input.message.call.name == "ask"
}
`
let stub: StubServer
let gateway: TestGateway
const start = (directory?: string) =>
  startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/counting/counting.rego': policy }, settings: { approvals: { hold: '100ms' } }, ...(directory === undefined ? {} : { directory }) })

beforeAll(async () => {
  const tools = ['work', 'never', 'count', 'ask'].map((name) => ({ name, inputSchema: { type: 'object' } }))
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools }), 'tools/call': () => ({ content: [] }) }))
  gateway = await start()
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const call = async (subject: string, name: string) => {
  const client = await connect(gateway.mcp('stub'), await gateway.token({ subject, groups: [] }, 'stub'), '2025-11-25')
  return JSON.stringify((await client.request('tools/call', { name, arguments: {} })).result)
}

test('what a caller did in the last half hour still counts after a restart', async () => {
  for (const name of ['work', 'work', 'never', 'ask']) await call('sam', name)
  expect(await call('sam', 'count')).toContain('5 calls, 1 denied, 1 held, answers true')
  await gateway.gateway.close()
  gateway = await start(gateway.directory)
  expect(await call('sam', 'count')).toContain('6 calls, 2 denied, 1 held, answers true')
  expect(await call('eve', 'count')).toContain('1 calls, 0 denied, 0 held, answers true')
})
