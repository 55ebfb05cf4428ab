import { allowAll, answerOf, connect, greetingOf, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const tools = () => ({ tools: [{ name: 'echo', inputSchema: { type: 'object' } }] })
const echo = () => ({ content: [{ type: 'text', text: 'hi' }] })
let noStream: number
let capabilities: object
let callStatus: number | undefined
let sessionless: StubServer
let forgetful: StubServer
let gateway: TestGateway

beforeAll(async () => {
  const answer = mcpAnswers({ 'tools/list': tools, 'tools/call': echo, initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities, serverInfo: { name: 'stub', version: '1' } }) }, '')
  sessionless = await startStubServer((request, response) => {
    if (request.method === 'GET') return void response.writeHead(noStream).end()
    if (callStatus !== undefined && request.body.includes('tools/call')) return void response.writeHead(callStatus).end()
    return answer(request, response)
  })
  const remembering = mcpAnswers({ 'tools/list': tools }, 'upstream-session')
  forgetful = await startStubServer((request, response) => {
    if (request.method === 'GET' || request.body.includes('tools/call')) return void response.writeHead(404).end()
    return remembering(request, response)
  })
  gateway = await startGateway({ upstreams: { sessionless: { url: sessionless.url }, forgetful: { url: forgetful.url } }, rego: { 'policies/open/open.rego': allowAll } })
})
beforeEach(() => {
  noStream = 405
  capabilities = { tools: {} }
  callStatus = undefined
})
afterAll(async () => {
  await gateway?.close()
  await sessionless?.close()
  await forgetful?.close()
})

const open = async (upstream: string) => {
  const token = await gateway.token({ subject: 'sam', groups: [] }, upstream)
  const client = await connect(gateway.mcp(upstream), token, '2025-11-25')
  const listen = () => fetch(gateway.mcp(upstream), { headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-11-25' } })
  return { token, client, listen }
}
const call = { name: 'echo', arguments: {} }

test.each([404, 405])('a server without sessions that answers GET with %d has no stream, and without lists there is no news; the session goes on', async (status) => {
  noStream = status
  capabilities = {}
  const { client, listen } = await open('sessionless')
  const refused = await listen()
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST, DELETE'])
  capabilities = { tools: {} }
  const own = await (await open('sessionless')).listen()
  expect(own.status).toBe(200)
  await own.body?.cancel()
  expect((await client.request('tools/call', call)).result).toEqual(echo())
})

test('a 404 of a server without sessions does not tell the client to greet again', async () => {
  const { client } = await open('sessionless')
  callStatus = 404
  expect((await client.request('tools/call', call)).status).toBe(502)
  callStatus = undefined
  expect((await client.request('tools/call', call)).result).toEqual(echo())
})

test('a server that has forgotten its session: the client is told 404, on its call, its stream and ever after', async () => {
  const one = await open('forgetful')
  expect((await one.client.request('tools/call', call)).status).toBe(404)
  expect((await one.client.request('ping')).status).toBe(404)
  const other = await open('forgetful')
  expect((await other.listen()).status).toBe(404)
  expect((await other.client.request('ping')).status).toBe(404)
})

test('an address that is no MCP endpoint stays a 404 for who greets it, so that clients can fall back', async () => {
  const elsewhere = await startStubServer((_request, response) => void response.writeHead(404).end())
  const other = await startGateway({ upstreams: { elsewhere: { url: elsewhere.url } }, rego: { 'policies/open/open.rego': allowAll } })
  try {
    const token = await other.token({ subject: 'sam', groups: [] }, 'elsewhere')
    const greeting = await post(other.mcp('elsewhere'), token, greetingOf('n'))
    expect(greeting.status).toBe(404)
    expect((await answerOf(greeting)).id).toBe(1)
  } finally {
    await other.close()
    await elsewhere.close()
  }
})
