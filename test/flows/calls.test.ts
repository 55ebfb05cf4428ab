import { connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const tools = [{ name: 'echo', inputSchema: { type: 'object' } }, { name: 'secret', inputSchema: { type: 'object' } }]
const policy = `package policies.test

allow if {
	input.message.method == "tools/call"
	input.message.call.name == "echo"
}
`
let stub: StubServer
let gateway: TestGateway

beforeAll(async () => {
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools }), 'tools/call': (params) => ({ content: [{ type: 'text', text: JSON.stringify(params['arguments']) }] }) }))
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy } })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

test.each(['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'])('%s: an allowed call passes, a hidden tool is unknown and not listed', async (revision) => {
  const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'sam', groups: ['support'] }, 'stub'), revision)
  expect((await client.request('tools/call', { name: 'echo', arguments: { a: 1 } })).result).toMatchObject({ content: [{ type: 'text', text: '{"a":1}' }] })
  expect((await client.request('tools/list')).result).toMatchObject({ tools: [{ name: 'echo' }] })
  const before = stub.messages().filter(({ method }) => method === 'tools/call').length
  expect((await client.request('tools/call', { name: 'secret', arguments: {} })).error).toEqual({ code: -32602, message: 'Unknown tool: secret' })
  expect(stub.messages().filter(({ method }) => method === 'tools/call').length).toBe(before)
})
