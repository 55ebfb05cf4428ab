import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { probeHttp, probeSse } from '../../src/cli/doctor-probe.ts'
import { allowAll, connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { startSseServer, type SseServer, type SseServerOptions } from '../support/sse-server.ts'
import { readEvents } from '../support/events.ts'

// Servers over HTTP+SSE: one stream for everything they say, and what happens when it is lost.

let elsewhere: http.Server
const reachedElsewhere: string[] = []
const servers: Record<string, SseServer> = {}
let gateway: TestGateway
let count = 0
/** What a server does when it is called, by the name that the call gives. */
const plays = new Map<string, NonNullable<SseServerOptions['call']>>()

beforeAll(async () => {
  elsewhere = http.createServer((request, response) => {
    reachedElsewhere.push(`${request.method} ${request.url}`)
    response.writeHead(202).end()
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  const away = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
  servers['good'] = await startSseServer({ call: (message, connection, response) => plays.get(String((message.params?.['arguments'] as { play?: string }).play))?.(message, connection, response) ?? false })
  servers['foreign'] = await startSseServer({ endpoint: () => `${away}/steal` })
  servers['scheme'] = await startSseServer({ endpoint: () => 'file:///etc/passwd' })
  servers['login'] = await startSseServer({ endpoint: () => `http://user:word@127.0.0.1:1/message` })
  servers['redirect'] = await startSseServer({ open: (response) => (response.writeHead(302, { location: `${away}/sse` }).end(), true) })
  servers['html'] = await startSseServer({ open: (response) => (response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'), true) })
  servers['mute'] = await startSseServer({ open: (response) => (response.writeHead(200, { 'content-type': 'text/event-stream' }), response.flushHeaders(), true) })
  servers['locked'] = await startSseServer({ open: (response) => (response.writeHead(401, { 'www-authenticate': 'Bearer realm="LEAK"' }).end(), true) })
  const credentials = { kind: 'bearer', token_from: { env: 'UPSTREAM_TOKEN' } }
  gateway = await startGateway({
    upstreams: Object.fromEntries(Object.entries(servers).map(([name, { url }]) => [name, { url, transport: 'sse', credentials }])),
    rego: { 'policies/open/open.rego': allowAll },
    env: { UPSTREAM_TOKEN: 'the-gateways-own-token' },
    settings: { limits: { upstream_wait: '6s' } },
  })
})
afterAll(async () => {
  await gateway?.close()
  await Promise.all(Object.values(servers).map((server) => server.close()))
  elsewhere?.closeAllConnections()
  elsewhere?.close()
})

async function open(upstream: string, revision = '2025-06-18') {
  const subject = `caller-${(count += 1)}`
  const token = await gateway.token({ subject, groups: [] }, upstream)
  return { subject, token, client: await connect(gateway.mcp(upstream), token, revision) }
}
const call = (play: string) => ({ name: 't', arguments: { play } })
const last = () => servers['good']?.posts.at(-1)?.connection ?? 0
const good = () => servers['good'] as SseServer // started before every test

async function outcomes(subject: string): Promise<readonly string[]> {
  const token = await gateway.token({ subject: 'ada', groups: ['audit'] }, 'api')
  const get = async (path: string) => (await fetch(`${gateway.url}/api/v1/${path}`, { headers: { authorization: `Bearer ${token}` } })).json() as Promise<{ items: Record<string, unknown>[] }>
  const [session] = (await get(`sessions?actor=${subject}`)).items
  return (await get(`sessions/${String(session?.['id'])}/events`)).items.filter(({ method }) => method === 'tools/call').map(({ outcome }) => String(outcome))
}

test('the credential goes with the stream and with every message, the caller\'s token with neither', async () => {
  const { client, token } = await open('good')
  expect(await client.request('tools/call', call('plain'))).toMatchObject({ status: 200, result: { content: [{ text: 'done' }] } })
  for (const { authorization } of [good().gets.at(-1) ?? {}, good().posts.at(-1)?.headers ?? {}]) expect(authorization).toBe('Bearer the-gateways-own-token')
  expect(JSON.stringify([good().gets, good().posts])).not.toContain(token)
})

test.each(['foreign', 'scheme', 'login'])('an endpoint of another origin (%s) is refused, and nothing is sent there', async (upstream) => {
  await expect(open(upstream)).rejects.toThrow(/502.*-33003/)
  expect(reachedElsewhere).toEqual([])
})

test.each(['redirect', 'html', 'mute'])('what is no stream with an endpoint (%s) is a fault of the server', async (upstream) => {
  await expect(open(upstream)).rejects.toThrow(/50[24].*-33003/)
  expect(reachedElsewhere).toEqual([])
})

test('a server that refuses the gateway\'s credential challenges nobody', async () => {
  const token = await gateway.token({ subject: 'sam', groups: [] }, 'locked')
  const response = await fetch(gateway.mcp('locked'), { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } } }), headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' } })
  expect(response.status).toBe(502)
  expect(response.headers.get('www-authenticate')).toBeNull()
  expect(await response.text()).not.toContain('LEAK')
})

test('doctor tells a server over HTTP+SSE from one that is none', async () => {
  const address = (name: string) => ({ url: String(servers[name]?.url), credential: undefined, tls: undefined })
  expect(await probeSse(address('good'))).toMatchObject({ ok: true })
  for (const name of ['html', 'redirect', 'locked']) expect(await probeSse(address(name))).toMatchObject({ ok: false })
  expect(await probeHttp(address('good'))).toMatchObject({ ok: false })
})

test('a lost stream ends the call as unknown; it is not sent again, and the next call finds a server that was greeted', async () => {
  plays.set('cut', (_message, connection, response) => (response.writeHead(202).end(), connection.cut(), true))
  const { subject, client } = await open('good')
  await client.request('tools/list')
  const before = last()
  expect(await client.request('tools/call', call('cut'))).toMatchObject({ status: 502, error: { code: -33003 } })
  expect(good().posts.filter(({ message }) => JSON.stringify(message).includes('"cut"'))).toHaveLength(1)
  expect(await outcomes(subject)).toEqual(['forwarded', 'unknown'])
  expect(await client.request('tools/call', call('plain'))).toMatchObject({ status: 200 })
  expect(last()).not.toBe(before)
  expect(good().posts.filter(({ connection }) => connection === last()).map(({ message }) => message.method)).toEqual(['initialize', 'notifications/initialized', 'tools/call'])
})

test('a server that forgot the connection is connected to anew', async () => {
  plays.set('forget', (_message, connection, response) => (response.writeHead(404).end(), connection.id > 0))
  const { subject, client } = await open('good')
  expect(await client.request('tools/call', call('forget'))).toMatchObject({ status: 502, error: { code: -33003 } })
  expect(await outcomes(subject)).toEqual(['forwarded', 'answered'])
  expect(await client.request('tools/call', call('plain'))).toMatchObject({ status: 200 })
})

test('the answer may come before the message is accepted, and the server may ask meanwhile', async () => {
  plays.set('early', ({ id }, connection, response) => {
    connection.send({ method: 'notifications/message', params: { level: 'info', data: 'first' } })
    connection.send({ id, result: { content: [{ type: 'text', text: 'early' }] } })
    setTimeout(() => response.writeHead(202).end(), 50)
    return true
  })
  const { client } = await open('good')
  expect(await client.request('tools/call', call('early'))).toMatchObject({ result: { content: [{ text: 'early' }] } })
})

test('calls of one session that run at once get their own answers, in whatever order', async () => {
  const held: { id: unknown; send: (message: object) => void; name: string }[] = []
  plays.set('both', ({ id, params }, connection, response) => {
    response.writeHead(202).end()
    held.push({ id, send: connection.send, name: String((params?.['arguments'] as { who?: string }).who) })
    if (held.length === 2) for (const each of held.toReversed()) each.send({ id: each.id, result: { content: [{ type: 'text', text: each.name }] } })
    return true
  })
  const { client } = await open('good')
  const answers = await Promise.all(['one', 'two'].map((who) => client.request('tools/call', { name: 't', arguments: { play: 'both', who } })))
  expect(answers).toMatchObject([{ result: { content: [{ text: 'one' }] } }, { result: { content: [{ text: 'two' }] } }])
})

test('a cancellation is said, under the id that the server knows', async () => {
  plays.set('slow', (_message, _connection, response) => (response.writeHead(202).end(), true))
  const { client } = await open('good')
  const slow = client.send({ jsonrpc: '2.0', id: 77, method: 'tools/call', params: call('slow') })
  while (!JSON.stringify(good().posts.at(-1)?.message).includes('"slow"')) await new Promise((resolve) => setTimeout(resolve, 5))
  const id = good().posts.at(-1)?.message.id
  expect((await client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 77 } })).status).toBe(202)
  expect(good().posts.at(-1)?.message).toMatchObject({ method: 'notifications/cancelled', params: { requestId: id } })
  void slow.catch(() => undefined)
})

test('what no request asked for reaches the stream of the client that listens', async () => {
  let connection: { send(message: object): void } | undefined
  plays.set('news', (_message, own, _response) => ((connection = own), false))
  const { client, token } = await open('good')
  await client.request('tools/call', call('news'))
  const listening = await fetch(gateway.mcp('good'), { headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-06-18' } })
  connection?.send({ method: 'notifications/message', params: { level: 'info', data: 'news' } })
  const stream = readEvents(listening)
  expect((await stream.next()).value?.data).toContain('news')
  await stream.return(undefined)
})
