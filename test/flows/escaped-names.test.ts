import { post, startGateway, type TestGateway } from '../support/gateway.ts'
import { json, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Names mean what they say however they are written, and whatever others sent before (src/repaired-json.ts).

const policy = `package policies.test

allow if input.actor.kind != "nobody"

deny contains {"code": "forbidden"} if input.message.call.arguments.path == "/etc/shadow"

mask contains {"path": "/structuredContent/prénom"} if input.message.direction == "to_client"
`
const complete = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
const revision = '2026-07-28'
const meta = JSON.stringify({ 'io.modelcontextprotocol/protocolVersion': revision, 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 'n', version: '1' } })

let stub: StubServer
let gateway: TestGateway
let answer = ''

beforeAll(async () => {
  const base = mcpAnswers({ 'tools/list': () => ({ ...complete, tools: [{ name: 'read', inputSchema: { type: 'object' } }] }) })
  stub = await startStubServer((request, response) => {
    const { method, id } = JSON.parse(request.body) as { method?: string; id?: unknown }
    if (method !== 'tools/call') return base(request, response)
    if (answer === '') return json(response, { jsonrpc: '2.0', id, result: { ...complete, content: [] } })
    response.writeHead(200, { 'content-type': 'application/json' }).end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"resultType":"complete","content":[],"structuredContent":${answer}}}`)
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy } })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

async function call(who: string, args: string): Promise<string> {
  const token = await gateway.token({ subject: who, groups: [] }, 'stub')
  const headers = { 'mcp-protocol-version': revision, 'mcp-method': 'tools/call', 'mcp-name': 'read' }
  const response = await post(gateway.mcp('stub'), token, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":${args},"_meta":${meta}}}`, headers)
  return response.text()
}

test.each([
  ['a letter', '"p\\u0061th"', '"p\\\\u0"'],
  ['another one', '"pat\\u0068"', '"pat\\\\"'],
])('a rule sees a name of which %s is escaped, whatever another caller sent before', async (_what, written, before) => {
  answer = ''
  for (let time = 0; time < 3; time += 1) await call('eve', `{"q":1,${before}:2}`)
  expect(await call('sam', `{"q":1,${written}:"/etc/shadow"}`)).toContain('forbidden')
  expect(await call('sam', `{"q":1,${written}:"/etc/hosts"}`)).not.toContain('forbidden')
  expect(Object.keys((JSON.parse(stub.received.at(-1)?.body ?? '{}') as { params: { arguments: object } }).params.arguments)).toEqual(['q', 'path'])
})

test('a mask covers a name that a server writes with escapes, whatever a caller sent before', async () => {
  for (let time = 0; time < 3; time += 1) await call('eve', '{"id":7,"pr\\\\u00":2}')
  answer = '{"id":7,"pr\\u00e9nom":"Alice"}'
  const told = await call('sam', '{}')
  expect(told).not.toContain('Alice')
  expect(JSON.parse(told)).toMatchObject({ result: { structuredContent: { id: 7, prénom: '[MASKED]' } } })
})

test('names that are one and the same in two spellings are told apart from two names', async () => {
  answer = ''
  for (let time = 0; time < 3; time += 1) await call('eve', '{"path":1,"p\\\\u0":2}')
  const forwarded = stub.received.length
  expect(await call('sam', '{"path":"/etc/hosts","p\\u0061th":"/etc/shadow"}')).toContain('-32700')
  expect(stub.received.length).toBe(forwarded)
})
