import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { askApi, connect, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const policy = `package policies.test

import data.sallyport

allow if {
	input.upstream.name == "stub"
	not "ops" in input.actor.groups
}

require_approval contains {"code": "bulk", "reviewers": ["oncall"], "ttl": "10m"} if {
	input.message.direction == "to_server"
	input.message.call.name == "export"
	sallyport.exceeds(sallyport.arg("limit"), 1000)
}
`
let stub: StubServer
let gateway: TestGateway

beforeAll(async () => {
  const tools = [{ name: 'export', inputSchema: { type: 'object' } }]
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools }), 'tools/call': (params) => ({ content: [{ type: 'text', text: `exported ${JSON.stringify(params['arguments'])}` }] }) }))
  gateway = await start('5m')
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const start = (hold: string) => startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy }, settings: { approvals: { hold, hold_with_progress: '5m' } } })
const api = async (who: string, groups: readonly string[], path: string, body?: unknown) => {
  const token = await gateway.token({ subject: who, groups }, 'api')
  const response = await askApi(gateway.url, token, path, body)
  return { status: response.status, body: (await response.json()) as { items: { id: string; state: string }[]; code?: string } }
}
const pending = async () => {
  for (;;) {
    const [first] = (await api('rita', ['oncall'], 'approvals?state=pending')).body.items
    if (first !== undefined) return first.id
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const sallyport = async (args: readonly string[], env: Readonly<Record<string, string>>) => (await promisify(execFile)(process.execPath, [program, ...args], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env }, timeout: 240_000 })).stdout
const calls = () => stub.messages().filter(({ method }) => method === 'tools/call').length

test.each(['2025-06-18', '2025-11-25', '2026-07-28'])('%s: a held call runs once the reviewer approves, and only once', async (revision) => {
  const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'sam', groups: ['support'] }, 'stub'), revision)
  const before = calls()
  const asked = client.request('tools/call', { name: 'export', arguments: { limit: 5000 }, _meta: { progressToken: 'p1' } })
  const id = await pending()
  expect(calls()).toBe(before)
  expect((await api('sam', ['oncall'], `approvals/${id}/approve`, { reason: 'mine' })).status).toBe(403)
  expect((await api('eve', ['support'], `approvals/${id}/approve`, { reason: 'no role' })).status).toBe(403)
  expect((await api('rita', ['oncall'], `approvals/${id}/approve`, { reason: 'known export' })).status).toBe(200)
  expect((await asked).result).toMatchObject({ content: [{ text: 'exported {"limit":5000}' }] })
  expect(calls()).toBe(before + 1)
  expect((await api('rita', ['oncall'], `approvals/${id}`)).body).toMatchObject({ state: 'executed' })
  expect((await api('rita', ['oncall'], `approvals/${id}/approve`, { reason: 'again' })).status).toBe(409)
})

test('a refused call is told why, and nothing reaches the server', async () => {
  const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'sue', groups: ['support'] }, 'stub'), '2025-11-25')
  const before = calls()
  const asked = client.request('tools/call', { name: 'export', arguments: { limit: 6000 } })
  await api('rita', ['oncall'], `approvals/${await pending()}/deny`, { reason: 'not without a ticket' })
  const { result } = await asked
  expect(result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { kind: 'deny', executed: false } } })
  expect(JSON.stringify(result)).toContain('not without a ticket')
  expect(calls()).toBe(before)
})

test('past the patience the caller is told to call again, and the same call then uses the approval', async () => {
  const patient = gateway
  gateway = await start('300ms')
  try {
    const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'tom', groups: ['support'] }, 'stub'), '2025-11-25')
    const before = calls()
    const call = { name: 'export', arguments: { limit: 7000, format: 'csv' }, _meta: { 'x/tenant': 'test' } }
    const first = await client.request('tools/call', call)
    expect(first.result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { kind: 'require_approval', executed: false } } })
    const id = await pending()
    await api('rita', ['oncall'], `approvals/${id}/approve`, { reason: 'fine' })
    const other = await client.request('tools/call', { name: 'export', arguments: { limit: 7001, format: 'csv' } })
    expect(other.result).toMatchObject({ isError: true })
    expect(calls()).toBe(before)
    const again = await client.request('tools/call', { ...call, _meta: { 'x/tenant': 'production', 'x/as': 'root', progressToken: 'p9', traceparent: 't2' } })
    expect(again.result).toMatchObject({ content: [{ text: 'exported {"limit":7000,"format":"csv"}' }] })
    expect(calls()).toBe(before + 1)
    // What reviewers did not see does not come with what they approved; what belongs to the sending does.
    expect(stub.messages().at(-1)?.params?.['_meta']).toEqual({ 'x/tenant': 'test', progressToken: expect.anything(), traceparent: 't2' })
    const third = await client.request('tools/call', call)
    expect(third.result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { kind: 'require_approval' } } })
    for (const { id: open } of (await api('rita', ['oncall'], 'approvals?state=pending')).body.items) await api('rita', ['oncall'], `approvals/${open}/deny`, { reason: 'clean' })
  } finally {
    await gateway.close()
    gateway = patient
  }
})

test('a legacy cancellation takes a held call back', async () => {
  const token = await gateway.token({ subject: 'uma', groups: ['support'] }, 'stub')
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  const before = calls()
  const asked = post(gateway.mcp('stub'), token, { jsonrpc: '2.0', id: 99, method: 'tools/call', params: { name: 'export', arguments: { limit: 8000 } } }, { 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-11-25' })
  const id = await pending()
  expect((await client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 99 } })).status).toBe(202)
  await (await asked).text()
  expect((await api('rita', ['oncall'], `approvals/${id}`)).body).toMatchObject({ state: 'withdrawn' })
  expect(calls()).toBe(before)
})

test('reviewers are shown all that is sent, to the digit', async () => {
  const token = await gateway.token({ subject: 'vera', groups: ['support'] }, 'stub')
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  const args = '{"limit":12345678901234567890,"share":0.30000000000000000001,"price":1.10}'
  const asked = client.send(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"export","arguments":${args},"uri":"file:///all","onBehalfOf":"root","_meta":{"x/tenant":"production","progressToken":"p"}}}`)
  const id = await pending()
  const shown = await askApi(gateway.url, await gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api'), `approvals/${id}`)
  expect(await shown.text()).toContain(`"arguments":${args},"others":{"uri":"file:///all","onBehalfOf":"root","_meta":{"x/tenant":"production"}}`)
  const env = { SALLYPORT_URL: gateway.url, SALLYPORT_TOKEN: await gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api') }
  const told = await sallyport(['approvals', 'show', id], env)
  for (const words of ['12345678901234567890', '0.30000000000000000001', '1.10', '"onBehalfOf": "root"', '"x/tenant": "production"']) expect(told).toContain(words)
  await api('rita', ['oncall'], `approvals/${id}/approve`, {})
  await (await asked).text()
  expect(stub.received.at(-1)?.body).toContain(args)
})

test('whoever writes to the store, and has not its key, lets no call run', async () => {
  const patient = gateway
  gateway = await start('300ms')
  try {
    const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'wim', groups: ['support'] }, 'stub'), '2025-11-25')
    const before = calls()
    const call = { name: 'export', arguments: { limit: 9000 } }
    await client.request('tools/call', call)
    const id = await pending()
    const store = new DatabaseSync(join(gateway.directory, 'sallyport.db'), { timeout: 5_000 })
    store.exec("UPDATE approval SET state = 'granted' WHERE state = 'pending'")
    store.close()
    expect((await client.request('tools/call', call)).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { kind: 'require_approval', executed: false, approval_id: expect.not.stringMatching(id) } } })
    expect((await api('rita', ['oncall'], `approvals/${id}`)).body).toMatchObject({ state: 'void' })
    expect(calls()).toBe(before)
  } finally {
    await gateway.close()
    gateway = patient
  }
})

test.each([['a client', {}], ['a task', { extensions: { 'io.modelcontextprotocol/tasks': {} } }]])('a call of %s waits no longer than its token is good; made again, it is whoever the newer one says', async (_, capabilities) => {
  const before = calls()
  const short = (groups: readonly string[], expires: string) => gateway.token({ subject: 'yan', groups, expires }, 'stub')
  const token = await short(['support'], '3s')
  const [waiting, client] = [await connect(gateway.mcp('stub'), token, '2025-11-25'), await connect(gateway.mcp('stub'), token, '2026-07-28', capabilities)]
  const call = { name: 'export', arguments: { limit: 9100 } }
  const asked = client.request('tools/call', call)
  const id = await pending()
  // Both end with the token: the one tells when.
  expect((await waiting.request('tools/call', call)).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { kind: 'require_approval', approval_id: id } } })
  const { result = {} } = await asked
  expect((await api('rita', ['oncall'], `approvals/${id}/approve`, {})).body).toMatchObject({ state: 'granted' })
  const again = (groups: readonly string[]) => short(groups, '10m').then((newer) => connect(gateway.mcp('stub'), newer, '2026-07-28', capabilities))
  const isTask = typeof result['taskId'] === 'string'
  const ask = async (groups: readonly string[]) => (await again(groups)).request(isTask ? 'tasks/get' : 'tools/call', isTask ? { taskId: result['taskId'] } : call, isTask ? { 'mcp-name': String(result['taskId']) } : {})
  expect(await ask(['ops'])).toMatchObject({ error: expect.anything() })
  expect(calls()).toBe(before)
  // The task was taken up by who may not: it has ended with that.
  if (isTask) expect((await ask(['support'])).result).toMatchObject({ status: 'completed', result: { isError: true } })
  else expect((await ask(['support'])).result).toMatchObject({ content: [{ text: 'exported {"limit":9100}' }] })
  expect(calls()).toBe(before + (isTask ? 0 : 1))
})
