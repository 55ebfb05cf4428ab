import http from 'node:http'
import { connect as dial } from 'node:net'
import { allowAll, connect, modernMeta, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/conditions.ts'
import { storedFiles } from '../support/stored-files.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// What is turned away before anybody judges it leaves one record, and nobody can fill the store with them.

let stub: StubServer
let gateway: TestGateway
const options = () => ({ upstreams: { stub: { url: stub.url }, other: { url: stub.url }, flooded: { url: stub.url } }, rego: { 'policies/open/open.rego': allowAll }, settings: { limits: { request: '64KiB' } } })

beforeAll(async () => {
  const tools = [{ name: 't', inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } }]
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools }) }))
  gateway = await startGateway(options())
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

interface Recorded {
  readonly status: number
  readonly times: number
  readonly from: string
  readonly code: string
}
/** Every record of what was turned away, by whom it was recorded. */
async function rejected(upstream: string, actor: (kind: string, subject: string) => boolean, of: TestGateway = gateway): Promise<readonly Recorded[]> {
  const token = await of.token({ subject: 'ada', groups: ['audit'] }, 'api')
  const get = async (path: string) => (await fetch(`${of.url}/api/v1/${path}`, { headers: { authorization: `Bearer ${token}` } })).json() as Promise<{ items: Record<string, unknown>[] }>
  const sessions = (await get(`sessions?upstream=${encodeURIComponent(upstream)}&limit=200`)).items.filter(({ actor: who }) => actor(String((who as { kind: string }).kind), String((who as { subject: string }).subject)))
  const events = await Promise.all(sessions.map(async ({ id }) => (await get(`sessions/${String(id)}/events?limit=200`)).items))
  return events.flat().flatMap(({ outcome, decision, message }) => {
    const { rejected: about } = message as { rejected?: { status: number; times: number; from: string } }
    const [reason] = (decision as { reasons: { code: string }[] }).reasons
    return outcome === 'denied' && about !== undefined && reason !== undefined ? [{ ...about, code: reason.code }] : []
  })
}
const nobody = (kind: string) => kind === 'nobody'
/** Records are made beside the answer. */
async function eventually(read: () => Promise<readonly Recorded[]>, count: number): Promise<readonly Recorded[]> {
  return until(async () => {
    const found = await read()
    return found.length >= count && found
  })
}

const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
const malformed: readonly (readonly [string, number, string | object, Record<string, string>])[] = [
  ['a method twice', 400, '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}', {}],
  ['a method in capitals', 400, '{"jsonrpc":"2.0","id":1,"METHOD":"tools/list"}', {}],
  ['another content type', 415, ping, { 'content-type': 'text/plain' }],
  ['no acceptable answer', 406, ping, { accept: 'text/html' }],
  ['too large', 413, { ...ping, params: { x: 'x'.repeat(70_000) } }, {}],
  ['another name in the header', 400, { ...ping, method: 'tools/call', params: { name: 't', arguments: {}, _meta: modernMeta } }, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'u' }],
]
test.each(malformed)('%s: one record, by whom it was sent, and the server hears nothing', async (name, status, body, headers) => {
  const subject = `caller of ${name}`
  const before = stub.received.length
  const response = await post(gateway.mcp('stub'), await gateway.token({ subject, groups: [] }, 'stub'), body, headers)
  expect(response.status).toBe(status)
  expect(stub.received).toHaveLength(before)
  const found = await eventually(() => rejected('stub', (_kind, who) => who === subject), 1)
  expect(found).toEqual([{ status, times: 1, from: '127.0.0.1', code: 'malformed' }])
})

test.each(['at once', 'a moment later'])('a message that breaks off %s: one record, by whom it was sent, and no fault of the gateway', async (when) => {
  const subject = `caller who left ${when}`
  const token = await gateway.token({ subject, groups: [] }, 'stub')
  const { host, port } = new URL(gateway.url)
  const socket = dial(Number(port), '127.0.0.1')
  socket.write(`POST /mcp/stub HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`)
  const begun = performance.now()
  if (when === 'a moment later') await connect(gateway.mcp('stub'), token, '2025-11-25')
  socket.end('{"jsonrpc":')
  expect(await eventually(() => rejected('stub', (_kind, who) => who === subject), 1)).toMatchObject([{ status: 400, times: 1, code: 'malformed' }])
  expect(performance.now() - begun).toBeLessThan(20_000)
  expect(await (await fetch(`${gateway.url}/metrics`)).text()).not.toContain('"internal"')
})

test('what one sends who acts for several people is on record with the person for whom it was sent', async () => {
  for (const subject of ['principal one', 'principal two']) {
    const agent = await gateway.token({ subject, groups: [], claims: { act: { sub: 'a bot of several' } } }, 'stub')
    expect((await post(gateway.mcp('stub'), agent, malformed[0]![2])).status).toBe(400)
  }
  const api = await gateway.token({ subject: 'ada', groups: ['audit'] }, 'api')
  const behind = async () => ((await (await fetch(`${gateway.url}/api/v1/sessions?actor=a%20bot%20of%20several`, { headers: { authorization: `Bearer ${api}` } })).json()) as { items: { actor: { acting_for: { subject: string }[] } }[] }).items.flatMap(({ actor }) => actor.acting_for.map(({ subject }) => subject))
  await until(async () => (await behind()).length > 1)
  expect((await behind()).sort()).toEqual(['principal one', 'principal two'])
})

test('an argument that differs from its header is on record in the caller\'s own session', async () => {
  const token = await gateway.token({ subject: 'mirror', groups: [] }, 'stub')
  const body = { ...ping, method: 'tools/call', params: { name: 't', arguments: { region: 'west' }, _meta: modernMeta } }
  expect((await post(gateway.mcp('stub'), token, body, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 't', 'mcp-param-region': 'east' })).status).toBe(400)
  const api = await gateway.token({ subject: 'ada', groups: ['audit'] }, 'api')
  const get = async (path: string) => (await (await fetch(`${gateway.url}/api/v1/${path}`, { headers: { authorization: `Bearer ${api}` } })).json()) as { items: Record<string, unknown>[] }
  await until(async () => {
    const [session] = (await get('sessions?actor=mirror')).items
    return session !== undefined && JSON.stringify((await get(`sessions/${String(session['id'])}/events`)).items).includes('sallyport/header_mismatch')
  })
})

test('no token, a token for another server, and one that is none: one record for each reason, with how often, and without the token', async () => {
  const foreign = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
  const attempts = [undefined, foreign, 'no.token.at-all']
  for (let round = 0; round < 10; round += 1) for (const token of attempts) expect((await post(gateway.mcp('other'), token, ping)).status).toBe(401)
  const found = await eventually(() => rejected('other', nobody), 3)
  // The first of each is recorded at once, the others by the minute.
  expect([...new Set(found.map(({ code }) => code))].sort()).toEqual(['audience_mismatch', 'token_invalid', 'token_missing'])
  for (const code of new Set(found.map((each) => each.code))) expect(found.find((each) => each.code === code)).toMatchObject({ status: 401, times: 1 })
  expect(found.length).toBeLessThan(attempts.length * 5)
  for (const { bytes } of storedFiles(gateway.directory)) expect(bytes.includes(foreign.slice(-40))).toBe(false)
})

test('a host and an origin that may not call, and a stranger at the API', async () => {
  const ask = (path: string, headers: Record<string, string>) =>
    new Promise<number>((resolve) => http.get(`${gateway.url}${path}`, { headers }, (response) => (response.resume(), resolve(response.statusCode ?? 0))))
  expect(await ask('/mcp/stub', { host: 'evil.example' })).toBe(403)
  expect(await ask('/mcp/stub', { origin: 'https://evil.example' })).toBe(403)
  expect((await eventually(() => rejected('/', nobody), 2)).map(({ code }) => code).sort()).toEqual(['host_not_allowed', 'origin_not_allowed'])
  expect(await ask('/api/v1/sessions', {})).toBe(401)
  expect((await eventually(() => rejected('/api/v1', nobody), 1))[0]?.code).toBe('token_missing')
})

test('what normal clients meet every day leaves none', async () => {
  const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'normal', groups: [] }, 'stub'), '2025-11-25')
  expect((await client.send(ping, { 'mcp-session-id': 'gone' })).status).toBe(404)
  expect((await fetch(gateway.mcp('stub'), { method: 'PUT' })).status).toBe(405)
  expect(await rejected('stub', (_kind, subject) => subject === 'normal')).toEqual([])
})

test('a flood from many addresses is counted to the last one, in a bounded number of records', async () => {
  const from = (localAddress: string) =>
    new Promise<number>((resolve, reject) => {
      const request = http.request(gateway.mcp('flooded'), { method: 'POST', localAddress }, (response) => (response.resume(), resolve(response.statusCode ?? 0)))
      request.once('error', reject).end()
    })
  const sources = Array.from({ length: 100 }, (_, index) => `127.0.1.${index + 1}`)
  const began = performance.now()
  for (const source of [...sources, ...sources]) expect(await from(source)).toBe(401)
  const minutes = Math.ceil((performance.now() - began) / 60_000) + 1
  await gateway.gateway.close()
  const again = await startGateway({ ...options(), directory: gateway.directory })
  try {
    const found = await rejected('flooded', nobody, again)
    expect(found.reduce((sum, { times }) => sum + times, 0)).toBe(200)
    expect(found.length).toBeLessThanOrEqual(60 * minutes + 1)
    const others = await rejected('other', nobody, again)
    expect(others.reduce((sum, { times }) => sum + times, 0)).toBe(30)
  } finally {
    await again.gateway.close()
  }
})
