import http from 'node:http'
import { until } from '../support/conditions.ts'
import { allowAll, connect, modernMeta, startGateway, type TestGateway } from '../support/gateway.ts'
import { json, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

let stub: StubServer
let gateway: TestGateway
let release: () => void = () => undefined
let reached: Promise<unknown>
let aborted: Promise<unknown>

beforeEach(async () => {
  const base = mcpAnswers({ 'tools/list': () => ({ tools: [{ name: 'slow', inputSchema: { type: 'object' } }] }) })
  let tellReached: (value?: unknown) => void
  reached = new Promise((resolve) => (tellReached = resolve))
  let tellAborted: (value?: unknown) => void
  aborted = new Promise((resolve) => (tellAborted = resolve))
  stub = await startStubServer(async (request, response) => {
    if (!request.body.includes('tools/call')) return base(request, response)
    tellReached()
    response.once('close', () => !response.writableEnded && tellAborted())
    await new Promise<void>((resolve) => (release = resolve))
    if (!response.destroyed) json(response, { jsonrpc: '2.0', id: JSON.parse(request.body).id, result: { content: [{ type: 'text', text: 'done' }] } })
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/open/open.rego': allowAll } })
})
afterEach(async () => {
  release()
  await gateway.close()
  await stub.close()
})

const leave = async (url: string, token: string, body: unknown, headers: Record<string, string>) => {
  const abort = new AbortController()
  const asked = fetch(url, {
    method: 'POST', signal: abort.signal, body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}`, ...headers },
  }).catch((error: Error) => error.name)
  await reached
  abort.abort()
  expect(await asked).toBe('AbortError')
}

async function outcomesOf(method: string): Promise<readonly { kind: string; outcome: string }[]> {
  const token = await gateway.token({ subject: 'ada', groups: ['audit'] }, 'api')
  const get = async (path: string) => (await fetch(`${gateway.url}/api/v1/${path}`, { headers: { authorization: `Bearer ${token}` } })).json() as Promise<{ items: Record<string, unknown>[] }>
  const [session] = (await get('sessions')).items
  const events = (await get(`sessions/${String(session?.['id'])}/events`)).items
  return events.filter((event) => event['method'] === method).map(({ kind, outcome }) => ({ kind: String(kind), outcome: String(outcome) }))
}

test('a legacy client that leaves mid-call does not stop the call: it runs, is judged and recorded', async () => {
  const token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  await leave(gateway.mcp('stub'), token, { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'slow', arguments: {} } }, { 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-11-25' })
  release()
  await untilRecorded(2)
  expect(await outcomesOf('tools/call')).toEqual([{ kind: 'request', outcome: 'forwarded' }, { kind: 'result', outcome: 'forwarded' }])
})

test('a modern client that leaves cancels the call at the server', async () => {
  const token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
  await leave(gateway.mcp('stub'), token, { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'slow', arguments: {}, _meta: modernMeta } }, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'slow' })
  await aborted
  await untilRecorded(2)
  expect((await outcomesOf('tools/call')).map(({ outcome }) => outcome)).toEqual(['forwarded', 'unknown'])
})

const untilRecorded = (events: number) => until(async () => (await outcomesOf('tools/call').catch(() => [])).length >= events)

test('a call that was still arriving when its session ended is not sent', async () => {
  const token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  const headers = { authorization: `Bearer ${token}`, 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-11-25', 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const late = http.request(gateway.mcp('stub'), { method: 'POST', headers: { ...headers, expect: '100-continue' } })
  const answered = new Promise<number | undefined>((resolve, reject) => late.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject))
  const begun = new Promise<void>((resolve) => late.once('continue', resolve))
  const text = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'slow', arguments: {} } })
  late.write(text.slice(0, 20))
  await begun
  expect((await client.request('ping')).result).toEqual({}) // whatever came before it is being read
  expect((await fetch(gateway.mcp('stub'), { method: 'DELETE', headers })).status).toBe(200)
  late.end(text.slice(20))
  expect(await answered).toBe(404)
  expect(stub.messages().filter(({ method }) => method === 'tools/call')).toEqual([])
})
