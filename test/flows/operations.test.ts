import { until } from '../support/conditions.ts'
import { allowAll, connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

let stub: StubServer
let gateway: TestGateway

beforeAll(async () => {
  const tools = [{ name: 'echo', inputSchema: { type: 'object' } }]
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools }), 'tools/call': () => ({ content: [] }) }))
  gateway = await startGateway({ upstreams: { stub: { url: stub.url, credentials: { kind: 'bearer', token_from: { env: 'STUB_TOKEN' } } } }, env: { STUB_TOKEN: 'the-gateways-own-credential' }, rego: { 'policies/open/open.rego': allowAll } })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const metrics = async () => (await fetch(`${gateway.url}/metrics`)).text()
const policy = async () => {
  const token = await gateway.token({ subject: 'o', groups: ['ops'] }, 'api')
  return (await (await fetch(`${gateway.url}/api/v1/policy`, { headers: { authorization: `Bearer ${token}` } })).json()) as { active: { digest: string }; last_run: { error: string | null } }
}
test('health, readiness and metrics answer without a token on loopback', async () => {
  expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
  expect(await (await fetch(`${gateway.url}/readyz`)).json()).toEqual({ status: 'ready', missing: [] })
  const text = await metrics()
  for (const name of ['sallyport_decisions_total', 'sallyport_judging_seconds', 'sallyport_recording_seconds', 'sallyport_request_seconds', 'sallyport_record_queue', 'sallyport_sessions', 'sallyport_bundle_active 1', 'sallyport_unjudged_total 0']) expect(text).toContain(name)
})

test('metrics want a token from anybody who comes through a proxy', async () => {
  expect((await fetch(`${gateway.url}/metrics`, { headers: { 'x-forwarded-for': '203.0.113.9' } })).status).toBe(401)
})

test('a call without a token is told where to get one', async () => {
  const response = await fetch(gateway.mcp('stub'), { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
  expect(response.status).toBe(401)
  const where = /resource_metadata="([^"]+)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1] ?? ''
  expect(await (await fetch(where)).json()).toMatchObject({ resource: gateway.mcp('stub') })
})

test('the caller\'s token stays here and the server gets the gateway\'s own', async () => {
  const token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  await client.request('tools/call', { name: 'echo', arguments: {} })
  const seen = JSON.stringify(stub.received.map(({ rawHeaders, body }) => [rawHeaders, body]))
  expect(seen).toContain('Bearer the-gateways-own-credential')
  expect(seen).not.toContain(token)
})

test('a token for one server opens no other, and none opens the API', async () => {
  const token = await gateway.token({ subject: 'sam', groups: ['ops'] }, 'stub')
  expect((await fetch(`${gateway.url}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
})

test('a bad edit leaves the old bundle active and says why; a good one is active at once', async () => {
  const token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  const before = (await policy()).active.digest
  gateway.writePolicy('policies/more/more.rego', 'package policies.more\n\ndeny contains {"code": "x"} if { http.send({}) }\n')
  await until(async () => (await policy()).last_run.error !== null)
  expect((await policy()).last_run.error).toContain('http.send')
  expect((await policy()).active.digest).toBe(before)
  expect((await client.request('tools/call', { name: 'echo', arguments: {} })).result).toEqual({ content: [] })

  gateway.writePolicy('policies/more/more.rego', 'package policies.more\n\ndeny contains {"code": "closed", "message": "closed today"} if input.message.call.name == "echo"\n')
  await until(async () => (await policy()).active.digest !== before)
  expect((await client.request('tools/call', { name: 'echo', arguments: {} })).result).toMatchObject({ isError: true })
  expect(await metrics()).toMatch(/sallyport_policy_runs_total\{result="failed"\} [1-9]/)
})

test('a port that is taken is told as such, and nothing is left open', async () => {
  const port = Number(new URL(gateway.url).port)
  const second = startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/open/open.rego': allowAll }, settings: { listen: { host: '127.0.0.1', port }, public_url: gateway.url } })
  await expect(second).rejects.toThrow(`port ${port} on 127.0.0.1 is taken`)
})
