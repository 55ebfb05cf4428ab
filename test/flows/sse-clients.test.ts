import http from 'node:http'
import { join } from 'node:path'
import { askApi, connect, modernMeta, startGateway, type TestGateway } from '../support/gateway.ts'
import { openSse, openStream } from '../support/sse-client.ts'
import { startSseServer, type SseServer } from '../support/sse-server.ts'
import { events, json, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'
import { beginWithShortToken } from '../support/short-token.ts'

// Clients of HTTP+SSE in front of every kind of server: one stream, and every message on it judged, recorded and released like anywhere else.

const policy = `package policies.test

allow if {
	input.actor.kind != "nobody"
	not hidden
}

hidden if input.message.call.name == "hidden"

allow_server if "ops" in input.actor.groups

deny contains {"code": "no_crash", "message": "that is not done here"} if input.message.call.name == "denied"

mask contains {"detector": "card_number"} if input.message.direction == "to_client"

require_approval contains {"code": "bulk", "reviewers": ["oncall"], "ttl": "10m"} if {
	input.message.direction == "to_server"
	input.message.call.name == "export"
}
`
let stub: StubServer
let older: SseServer
let gateway: TestGateway
let count = 0
let release: () => void = () => undefined
const listening: ((message: object) => void)[] = []
const card = 'card 4111 1111 1111 1111'

beforeAll(async () => {
  const tools = ['echo', 't', 'slow', 'export', 'hidden', 'denied', 'ask'].map((name) => ({ name, inputSchema: { type: 'object' } }))
  const base = mcpAnswers({ 'tools/list': () => ({ tools }), 'tools/call': ({ name }) => ({ content: [{ type: 'text', text: `${String(name)} ${card}` }] }) })
  stub = await startStubServer(async (request, response) => {
    if (request.method === 'GET') {
      events(response, [': open\n\n'])
      listening.push((message) => void response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`))
      return
    }
    if (!request.body.includes('"slow"')) return base(request, response)
    await new Promise<void>((resolve) => (release = resolve))
    json(response, { jsonrpc: '2.0', id: JSON.parse(request.body).id, result: { content: [{ type: 'text', text: 'slow' }] } })
  })
  older = await startSseServer({
    call({ id }, connection, response) {
      response.writeHead(202).end()
      connection.send({ id, result: { content: [{ type: 'text', text: card }] } })
      return true
    },
  })
  gateway = await startGateway({
    upstreams: {
      http: { url: stub.url },
      sse: { url: older.url, transport: 'sse' },
      stdio: { command: process.execPath, args: ['--no-warnings', join(import.meta.dirname, '../support/stdio-server.ts')] },
    },
    rego: { 'policies/test/test.rego': policy },
    settings: { limits: { request: '64KiB', sessions_per_person: 3 }, approvals: { hold: '5m', hold_with_progress: '5m' } },
  })
})
afterAll(async () => {
  release()
  await gateway?.close()
  await stub?.close()
  await older?.close()
})

const url = (upstream: string) => `${gateway.mcp(upstream)}/sse`
const someone = async (upstream: string, groups: readonly string[] = []) => {
  const subject = `user-${(count += 1)}`
  return { subject, token: await gateway.token({ subject, groups }, upstream) }
}
const open = async (upstream: string, groups: readonly string[] = [], capabilities: unknown = {}) => {
  const { subject, token } = await someone(upstream, groups)
  return { subject, token, client: await openSse(url(upstream), token, '2025-06-18', capabilities) }
}
const call = (name: string, extra: object = {}) => ({ name, arguments: {}, ...extra })

const api = async (path: string, body?: unknown) => {
  const token = await gateway.token({ subject: 'ada', groups: ['audit', 'oncall'] }, 'api')
  const response = await askApi(gateway.url, token, path, body)
  return (await response.json()) as { items: Record<string, unknown>[] }
}
const sessionOf = async (subject: string) => (await api(`sessions?actor=${subject}`)).items[0]
const recordOf = async (subject: string) => (await api(`sessions/${String((await sessionOf(subject))?.['id'])}/events`)).items
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test.each([['http', 'echo'], ['sse', 't'], ['stdio', 'echo']])('in front of %s: the endpoint is the gateway\'s own, answers come on the stream, masked and recorded', async (upstream, tool) => {
  const { subject, client } = await open(upstream)
  expect(new URL(client.endpoint).origin).toBe(gateway.url)
  expect((await client.request(1, 'tools/list')).result?.['tools']).toBeDefined()
  const { result } = await client.request(2, 'tools/call', call(tool))
  expect(JSON.stringify(result)).not.toContain('4111 1111')
  if (upstream !== 'stdio') expect(JSON.stringify(result)).toContain('[MASKED]')
  const record = (await recordOf(subject)).filter(({ method }) => method === 'tools/call')
  expect(record.map(({ kind, outcome }) => [kind, outcome])).toEqual([['request', 'forwarded'], ['result', 'forwarded']])
  expect(JSON.stringify(record)).not.toContain('4111 1111')
  expect(await sessionOf(subject)).toMatchObject({ upstream, client: { name: 'plain' } })
  client.leave()
})

test('refusals by policy are the same as elsewhere', async () => {
  const { client } = await open('http')
  expect(await client.request(1, 'tools/call', call('denied'))).toMatchObject({ result: { isError: true } })
  expect(await client.request(2, 'tools/call', call('hidden'))).toMatchObject({ error: { code: -32602 } })
  client.leave()
})

test('what the server says unasked reaches the client, and what it asks is judged', async () => {
  const before = listening.length
  const { client } = await open('http')
  const say = await until(async () => listening[before])
  say({ method: 'notifications/message', params: { level: 'info', data: card } })
  expect(JSON.stringify((await client.until(({ method }) => method === 'notifications/message')).params)).toContain('[MASKED]')
  say({ id: 's1', method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } })
  await until(async () => stub.messages().find((message) => message.id === 's1'))
  expect(client.seen.some(({ id }) => id === 's1')).toBe(false)
  client.leave()

  const { client: trusted } = await open('stdio', ['ops'], { sampling: {} })
  const asked = trusted.request(5, 'tools/call', call('ask'))
  const { id } = await trusted.until(({ method }) => method === 'sampling/createMessage')
  expect((await trusted.post({ jsonrpc: '2.0', id, result: { role: 'assistant', content: { type: 'text', text: 'hi' }, model: 'm' } })).status).toBe(202)
  expect(JSON.stringify(await asked)).toContain('assistant')
  trusted.leave()
})

test('a held call says so while it waits, and runs when it is approved', async () => {
  const { client } = await open('http')
  const asked = client.request(7, 'tools/call', call('export', { _meta: { progressToken: 'p' } }))
  expect((await client.until(({ method }) => method === 'notifications/progress')).params?.['progressToken']).toBe('p')
  const { id } = await until(async () => (await api('approvals?state=pending')).items[0])
  await api(`approvals/${String(id)}/approve`, { reason: 'fine' })
  expect(JSON.stringify(await asked)).toContain('export')
  client.leave()
})

test('a held call waits no longer than the token lasts that brought it, whatever its stream lasts for', async () => {
  const subject = `user-${(count += 1)}`
  const newer = await gateway.token({ subject, groups: [] }, 'http')
  const before = stub.messages().filter(({ params }) => params?.['name'] === 'export').length
  const { client, asked } = await beginWithShortToken((expires) => gateway.token({ subject, groups: [], expires }, 'http'), async (short) => {
    const begun = await openSse(url('http'), short)
    const held = begun.request(7, 'tools/call', call('export', { arguments: { of: subject } }))
    await until(async () => (await api('approvals?state=pending')).items[0])
    return { client: begun, asked: held }
  })
  const headers = { authorization: `Bearer ${newer}` }
  expect((await client.post({ jsonrpc: '2.0', id: 8, method: 'ping' }, headers)).status).toBe(202)
  const told = JSON.stringify(await asked)
  expect(told).toContain('require_approval')
  const { id } = await until(async () => (await api('approvals?state=pending')).items[0])
  expect(told).toContain(String(id))
  await api(`approvals/${String(id)}/approve`, { reason: 'fine' })
  expect((await client.post({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: call('export', { arguments: { of: subject } }) }, headers)).status).toBe(202)
  expect(JSON.stringify(await client.until((message) => message.id === 9))).toContain('export')
  expect(stub.messages().filter(({ params }) => params?.['name'] === 'export')).toHaveLength(before + 1)
  client.leave()
})

test('a message that was still arriving when its client left begins nothing', async () => {
  const { subject, token } = await someone('http')
  const client = await openStream(url('http'), token)
  const late = http.request(client.endpoint, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', expect: '100-continue' } })
  const begun = new Promise<void>((resolve) => late.once('continue', resolve))
  const answered = new Promise<number | undefined>((resolve, reject) => late.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject))
  const text = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'late', version: '1' } } })
  late.write(text.slice(0, 20))
  await begun
  // Once this one is answered, the gateway reads the other.
  expect((await client.post('no message')).status).toBe(400)
  client.leave()
  while ((await client.post('no message')).status !== 404) await new Promise((resolve) => setTimeout(resolve, 5))
  late.end(text.slice(20))
  expect(await answered).toBe(404)
  // Of what was turned away, which is recorded beside the answer.
  const sessions = await until(async () => {
    const { items } = await api(`sessions?actor=${subject}`)
    return items.length > 0 ? items : undefined
  })
  expect(sessions.map(({ revision }) => revision)).toEqual(['none'])
})

test('a client that leaves ends its session; a call that was sent runs on to its record, one that waits does not begin', async () => {
  const { subject, client } = await open('http')
  const before = stub.messages().filter(({ method }) => method === 'tools/call').length
  const exported = stub.messages().filter(({ params }) => params?.['name'] === 'export').length
  await client.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: call('slow') })
  await until(async () => (stub.messages().filter(({ method }) => method === 'tools/call').length > before ? true : undefined))
  await client.post({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: call('export') })
  await until(async () => (await recordOf(subject)).find(({ outcome }) => outcome === 'held'))
  client.leave()
  await until(async () => ((await client.post({ jsonrpc: '2.0', id: 3, method: 'ping' })).status === 404 ? true : undefined))
  release()
  await until(async () => (await sessionOf(subject))?.['ended_at'] ?? undefined)
  const slow = async () => (await recordOf(subject)).filter(({ call: name }) => name === 'slow')
  const record = await until(async () => ((await slow()).length < 2 ? undefined : slow()))
  expect(record.map(({ outcome }) => outcome)).toEqual(['forwarded', 'forwarded'])
  expect(stub.messages().filter(({ params }) => params?.['name'] === 'export')).toHaveLength(exported)
  for (const { id } of (await api('approvals?state=pending')).items) await api(`approvals/${String(id)}/deny`, { reason: 'clean' })
})

describe('refused at the door', () => {
  const get = (headers: Record<string, string>, path = url('http')) => fetch(path, { headers: { accept: 'text/event-stream', ...headers } })

  test('without a token, or with one for another server', async () => {
    const { token } = await someone('sse')
    for (const headers of [{}, { authorization: `Bearer ${token}` }] as Record<string, string>[]) {
      const response = await get(headers)
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toContain(`${gateway.url}/.well-known/oauth-protected-resource/mcp/http`)
    }
  })

  test('from a page that may not call the gateway', async () => {
    const { token } = await someone('http')
    expect((await get({ authorization: `Bearer ${token}`, origin: 'https://evil.example' })).status).toBe(403)
  })

  test('with the wrong method, and at a server that is not there', async () => {
    const { token } = await someone('http')
    const authorization = `Bearer ${token}`
    expect((await fetch(url('http'), { method: 'POST', headers: { authorization } })).status).toBe(405)
    expect((await fetch(`${url('http')}/key`, { headers: { authorization } })).status).toBe(405)
    expect((await fetch(url('http'), { method: 'DELETE', headers: { authorization } })).status).toBe(405)
    expect((await get({ authorization }, url('nowhere'))).status).toBe(404)
    expect((await get({ authorization, accept: 'application/json' })).status).toBe(406)
  })

  test('a stream is its caller\'s alone, and a message goes to a stream that is open', async () => {
    const { token, client } = await open('http')
    const message = { jsonrpc: '2.0', id: 1, method: 'ping' }
    const other = await someone('http')
    for (const [endpoint, own] of [[client.endpoint, other.token], [`${url('http')}/unknown`, token], [client.endpoint.replace('/mcp/http/', '/mcp/sse/'), await gateway.token({ subject: 'user', groups: [] }, 'sse')]]) {
      const response = await fetch(String(endpoint), { method: 'POST', headers: { authorization: `Bearer ${own}`, 'content-type': 'application/json' }, body: JSON.stringify(message) })
      expect(response.status).toBe(404)
    }
    expect((await fetch(client.endpoint, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(message) })).status).toBe(401)
    expect(await client.request(2, 'ping')).toMatchObject({ result: {} })
    client.leave()
  })

  test('what is no message, too large, of another type, or comes before the greeting', async () => {
    const { token } = await someone('http')
    const client = await openStream(url('http'), token)
    const seen = stub.received.length
    expect((await client.post({ jsonrpc: '2.0', id: 1, method: 'tools/list' })).status).toBe(400)
    expect((await client.post('{')).status).toBe(400)
    expect((await client.post('{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}')).status).toBe(400)
    expect((await client.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { x: 'x'.repeat(70_000) } }))).status).toBe(413)
    expect((await client.post('{}', { 'content-type': 'text/plain' })).status).toBe(415)
    expect(stub.received).toHaveLength(seen)
    const greeting = { jsonrpc: '2.0', id: 2, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } } }
    expect((await client.post(greeting)).status).toBe(202)
    await client.until(({ id }) => id === 2)
    expect((await client.post({ ...greeting, id: 3 })).status).toBe(400)
    expect((await client.post({ jsonrpc: '2.0', id: 'never-asked', result: {} })).status).toBe(400)
    client.leave()
  })

  test('a message of the newer era, which has no such transport', async () => {
    const { client } = await open('http')
    const calls = () => stub.messages().filter(({ method }) => method === 'tools/call').length
    const before = calls()
    expect((await client.post({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: { ...call('echo'), _meta: modernMeta } }, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' })).status).toBe(202)
    expect((await client.until(({ id }) => id === 9)).error).toBeDefined()
    expect(calls()).toBe(before)
    client.leave()
  })

  test('more streams than one caller may have', async () => {
    const { token } = await someone('http')
    const clients = await Promise.all([1, 2, 3].map(() => openStream(url('http'), token)))
    await expect(openStream(url('http'), token)).rejects.toThrow('503')
    clients[0]?.leave()
    const next = await until(() => openStream(url('http'), token).catch(() => undefined))
    for (const client of [...clients, next]) client.leave()
  })
})

test('a stream ends with the newest token that its caller has shown', async () => {
  const subject = `user-${(count += 1)}`
  const token = await gateway.token({ subject, groups: [] }, 'http')
  const { renewed, left } = await beginWithShortToken((expires) => gateway.token({ subject, groups: [], expires }, 'http'), async (short) => {
    const [first, second] = [await openSse(url('http'), short), await openSse(url('http'), short)]
    const post = await fetch(first.endpoint, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 4, method: 'ping' }) })
    expect(post.status).toBe(202)
    return { renewed: first, left: second }
  })
  await left.ended
  let isOver = false
  void renewed.ended.then(() => (isOver = true))
  const again = await fetch(renewed.endpoint, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'ping' }) })
  expect(again.status).toBe(202)
  await renewed.until(({ id }) => id === 5)
  expect(isOver).toBe(false)
  renewed.leave()
})

test('a gateway that stops lets what runs be answered, then ends the stream', async () => {
  const own = await startGateway({ upstreams: { http: { url: stub.url } }, rego: { 'policies/test/test.rego': policy } })
  const client = await openSse(`${own.mcp('http')}/sse`, await own.token({ subject: 'sam', groups: [] }, 'http'))
  const before = stub.messages().filter(({ method }) => method === 'tools/call').length
  const asked = client.request(1, 'tools/call', call('slow'))
  await until(async () => (stub.messages().filter(({ method }) => method === 'tools/call').length > before ? true : undefined))
  const closed = own.close()
  release()
  expect(JSON.stringify(await asked)).toContain('slow')
  await client.ended
  await closed
})

test('a client of Streamable HTTP is served beside it', async () => {
  const { token } = await someone('http')
  expect((await (await connect(gateway.mcp('http'), token, '2025-11-25')).request('tools/list')).status).toBe(200)
})
