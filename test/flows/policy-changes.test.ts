import type { ServerResponse } from 'node:http'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { readMessages } from '../support/events.ts'
import { connect, modernMeta, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { openSse } from '../support/sse-client.ts'
import { events, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// What a session that is already open notices of another policy: news of lists, and streams that may not go on.

let edits = 0
const policy = (more = '') => `package policies.test

# ${(edits += 1)}
allow if input.message.call.name in {"slow", "other"}
${more}`
const subscription = 'io.modelcontextprotocol/subscriptionId'
const notice = { 'sallyport/notice': 'policy_changed' }
let stub: StubServer
let gateway: TestGateway
let onCall: (id: unknown, response: ServerResponse, token: unknown) => void
let onListen: (id: unknown, response: ServerResponse) => void
let onGet: ((response: ServerResponse) => void) | undefined

beforeAll(async () => {
  const base = mcpAnswers({ 'tools/list': () => ({ tools: [{ name: 'slow', inputSchema: { type: 'object' } }] }) })
  stub = await startStubServer((request, response) => {
    if (request.method === 'GET' && onGet !== undefined) return onGet(response)
    const message = request.body === '' ? {} : JSON.parse(request.body)
    if (message.method === 'tools/call') return onCall(message.id, response, message.params._meta?.progressToken)
    if (message.method === 'subscriptions/listen') return onListen(message.id, response)
    return base(request, response)
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy() } })
})
beforeEach(() => (onGet = undefined))
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const activate = async (more = '') => {
  gateway.writePolicy('policies/test/test.rego', policy(more))
  expect((await gateway.gateway.pipeline.run()).error).toBeUndefined()
}
const tokenOf = (subject = 'sam') => gateway.token({ subject, groups: [] }, 'stub')
const open = async (revision = '2025-11-25', subject = 'sam') => {
  const token = await tokenOf(subject)
  const client = await connect(gateway.mcp('stub'), token, revision)
  const own = { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': revision }
  const stream = async () => {
    const abort = new AbortController()
    const response = await fetch(gateway.mcp('stub'), { headers: own, signal: abort.signal })
    const messages = readMessages(response)
    return { status: response.status, next: async () => (await messages.next()).value, leave: () => abort.abort() }
  }
  return { client, token, stream }
}
const changed = (list: string) => ({ jsonrpc: '2.0', method: `notifications/${list}/list_changed`, params: { _meta: notice } })
const message = (id: unknown, text: string) => `data: ${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } })}\n\n`
const progress = (token: unknown, at: number) => `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress: at } })}\n\n`
const recorded = async (actor: string) => {
  const api = await gateway.token({ subject: 'vera', groups: ['audit'] }, 'api')
  const get = async (path: string) => (await (await fetch(`${gateway.url}/api/v1/${path}`, { headers: { authorization: `Bearer ${api}` } })).json()) as { items: Record<string, unknown>[] }
  const sessions = (await get(`sessions?actor=${actor}`)).items
  return (await Promise.all(sessions.map(async ({ id }) => (await get(`sessions/${id}/events`)).items))).flat()
}

test('a greeting announces that every list of the server may change, whoever changes it', async () => {
  const token = await tokenOf()
  const greeting = await post(gateway.mcp('stub'), token, { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'n', version: '1' } } })
  expect(await greeting.json()).toMatchObject({ result: { capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true } } } })
})

test.each(['2025-03-26', '2025-06-18', '2025-11-25'])('%s: the stream of a session has news of its lists, of a server that offers none too, and only where the policies are others', async (revision) => {
  const { stream } = await open(revision)
  const { status, next, leave } = await stream()
  expect(status).toBe(200)
  await gateway.gateway.pipeline.run() // nothing is other than before
  await activate()
  expect([await next(), await next(), await next()]).toEqual(['tools', 'prompts', 'resources'].map(changed))
  leave()
})

test('the news are judged and recorded like any notification', async () => {
  const { stream } = await open('2025-11-25', 'quiet')
  const { next, leave } = await stream()
  await activate('\ndeny contains {"code": "no_news"} if input.message.method == "notifications/tools/list_changed"\n')
  expect([await next(), await next()]).toEqual(['prompts', 'resources'].map(changed))
  const news = (await recorded('quiet')).filter(({ method }) => String(method).endsWith('/list_changed')).filter(({ outcome }) => outcome === 'dropped')
  expect(news).toMatchObject([{ direction: 'to_client', message: { params: { _meta: notice } }, decision: { kind: 'deny', reasons: [{ code: 'no_news' }] } }])
  leave()
  await activate()
})

test('who had no stream is told when it opens one, once', async () => {
  const { stream } = await open()
  await activate()
  const first = await stream()
  expect([await first.next(), await first.next(), await first.next()]).toEqual(['tools', 'prompts', 'resources'].map(changed))
  await activate()
  expect(await first.next()).toEqual(changed('tools'))
  first.leave()
})

test('where only a call has a stream, the news come on that', async () => {
  const { client } = await open()
  const server = Promise.withResolvers<{ response: ServerResponse; id: unknown }>()
  onCall = (id, response, token) => {
    events(response, [progress(token, 1)])
    server.resolve({ response, id })
  }
  const messages = readMessages(await client.send({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'slow', arguments: {}, _meta: { progressToken: 'p' } } }))
  const next = async () => (await messages.next()).value
  const { response, id } = await server.promise
  expect(await next()).toMatchObject({ method: 'notifications/progress' })
  await activate()
  expect([await next(), await next(), await next()]).toEqual(['tools', 'prompts', 'resources'].map(changed))
  response.end(message(id, 'done'))
  expect(await next()).toMatchObject({ id: 7, result: { content: [{ text: 'done' }] } })
})

test('HTTP+SSE: the news come on the one stream', async () => {
  const client = await openSse(`${gateway.mcp('stub')}/sse`, await tokenOf())
  await activate()
  for (const list of ['tools', 'prompts', 'resources']) expect(await client.until(({ method }) => method === `notifications/${list}/list_changed`)).toEqual(changed(list))
  client.leave()
  await client.ended
})

const subscribe = async (notifications: object) => {
  const server = Promise.withResolvers<{ response: ServerResponse; id: unknown }>()
  onListen = (id, response) => {
    const acknowledged = { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { notifications: {}, _meta: { [subscription]: id } } }
    events(response, [`data: ${JSON.stringify(acknowledged)}\n\n`])
    server.resolve({ id, response })
  }
  const response = await post(gateway.mcp('stub'), await tokenOf(), { jsonrpc: '2.0', id: 'mine', method: 'subscriptions/listen', params: { notifications, _meta: modernMeta } }, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' })
  const messages = readMessages(response)
  return { server: await server.promise, next: async () => (await messages.next()).value }
}

test('2026-07-28: a subscription is granted the changes of lists it asks for, and told of those alone, under its own id', async () => {
  const { server, next } = await subscribe({ promptsListChanged: true, toolsListChanged: true })
  expect(await next()).toMatchObject({ method: 'notifications/subscriptions/acknowledged', params: { notifications: { promptsListChanged: true, toolsListChanged: true } } })
  await activate()
  const withId = (list: string) => ({ jsonrpc: '2.0', method: `notifications/${list}/list_changed`, params: { _meta: { ...notice, [subscription]: 'mine' } } })
  expect([await next(), await next()]).toEqual([withId('tools'), withId('prompts')])
  server.response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: server.id, result: { resultType: 'complete', _meta: { [subscription]: server.id } } })}\n\n`)
  expect(await next()).toMatchObject({ id: 'mine', result: { resultType: 'complete' } })
})

test('2026-07-28: a subscription that may not be had any more ends as soon as the policies change', async () => {
  const { server, next } = await subscribe({})
  const closed = new Promise((resolve) => server.response.once('close', resolve))
  expect(await next()).toMatchObject({ method: 'notifications/subscriptions/acknowledged' })
  await activate('\ndeny contains {"code": "no_subscriptions"} if input.message.method == "subscriptions/listen"\n')
  expect(await next()).toMatchObject({ id: 'mine', error: { data: { reasons: [{ code: 'no_subscriptions' }] } } })
  await closed
  await activate()
})

test('many sessions are told, each once', async () => {
  const clients = await Promise.all(Array.from({ length: 35 }, (_, index) => open('2025-11-25', `many-${index % 7}`)))
  const streams = await Promise.all(clients.map(({ stream }) => stream()))
  await activate()
  const told = await Promise.all(streams.map(async ({ next }) => [await next(), await next(), await next()]))
  expect(told).toEqual(streams.map(() => ['tools', 'prompts', 'resources'].map(changed)))
  for (const { leave } of streams) leave()
})

const forbidden = policy().replace('"slow", ', '')

test('a stream of a call that may not be made any more ends with its next event, at the server too', async () => {
  const { client } = await open('2025-11-25', 'streamer')
  const server = Promise.withResolvers<{ response: ServerResponse; token: unknown }>()
  onCall = (_id, response, token) => {
    events(response, [progress(token, 1)])
    server.resolve({ response, token })
  }
  const messages = readMessages(await client.send({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'slow', arguments: {}, _meta: { progressToken: 'p' } } }))
  const { response, token } = await server.promise
  const closed = new Promise((resolve) => response.once('close', resolve))
  expect((await messages.next()).value).toMatchObject({ method: 'notifications/progress' })
  gateway.writePolicy('policies/test/test.rego', forbidden)
  await gateway.gateway.pipeline.run()
  response.write(progress(token, 2))
  const rest: Record<string, unknown>[] = []
  for await (const each of messages) if (!String(each['method']).endsWith('list_changed')) rest.push(each)
  expect(rest).toMatchObject([{ id: 7, result: { isError: true, _meta: { 'sallyport/decision': { executed: true, reasons: [{ code: 'not_allowed' }] } } } }])
  await closed
  expect(stub.messages().some(({ method }) => method === 'notifications/cancelled')).toBe(true)
  await activate()
})

test('an answer that comes after the call may not be made any more is withheld', async () => {
  const { client } = await open('2025-11-25', 'waiter')
  const server = Promise.withResolvers<{ response: ServerResponse; id: unknown }>()
  onCall = (id, response) => server.resolve({ response, id })
  const asked = client.request('tools/call', { name: 'slow', arguments: {} })
  const { response, id } = await server.promise
  gateway.writePolicy('policies/test/test.rego', forbidden)
  await gateway.gateway.pipeline.run()
  events(response, [message(id, 'secret')])
  response.end()
  const { result } = await asked
  expect(result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { executed: true } } })
  expect(JSON.stringify(result)).not.toContain('secret')
  await activate()
})

test('a client of the SDK lists anew by itself, and sees what the new policy shows', async () => {
  const told = Promise.withResolvers<readonly string[]>()
  const client = new Client({ name: 'real', version: '1.0.0' }, { listChanged: { tools: { onChanged: (_error, tools) => told.resolve((tools ?? []).map(({ name }) => name)) } } })
  // The SDK's own transport has optional members that its interface spells without `undefined`.
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.mcp('stub')), { requestInit: { headers: { authorization: `Bearer ${await tokenOf('real')}` } } }) as StreamableHTTPClientTransport & Transport)
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['slow'])
  gateway.writePolicy('policies/test/test.rego', forbidden)
  await gateway.gateway.pipeline.run()
  expect(await told.promise).toEqual([])
  await client.close()
  await activate()
})

test('a task of a call that may not be made any more is unknown from then on', async () => {
  const { client } = await open('2025-11-25', 'tasked')
  const task = { taskId: 'task-1', status: 'working', ttl: 60_000, createdAt: '2026-01-01T00:00:00Z', lastUpdatedAt: '2026-01-01T00:00:00Z' }
  onCall = (id, response) => {
    events(response, [`data: ${JSON.stringify({ jsonrpc: '2.0', id, result: { task } })}\n\n`])
    response.end()
  }
  expect((await client.request('tools/call', { name: 'slow', arguments: {}, task: { ttl: 60_000 } })).result).toMatchObject({ task: { taskId: 'task-1' } })
  gateway.writePolicy('policies/test/test.rego', forbidden)
  await gateway.gateway.pipeline.run()
  expect((await client.request('tasks/get', { taskId: 'task-1' })).error).toEqual({ code: -32602, message: 'Task not found' })
  expect(stub.messages().some(({ method }) => method === 'tasks/get')).toBe(false)
  await activate()
})

test('a stream that no request asked for goes on without what may not be told any more', async () => {
  const server = Promise.withResolvers<ServerResponse>()
  onGet = (response) => {
    events(response, [])
    response.flushHeaders()
    server.resolve(response)
  }
  const { stream } = await open('2025-11-25', 'reader')
  const opening = stream()
  const response = await server.promise
  const { next, leave } = await opening
  const say = (data: string) => void response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data } })}\n\n`)
  say('before')
  expect(await next()).toMatchObject({ params: { data: 'before' } })
  await activate('\ndeny contains {"code": "hush"} if {\n\tinput.message.method == "notifications/message"\n\tinput.message.body.data == "private"\n}\n')
  for (const list of ['tools', 'prompts', 'resources']) expect(await next()).toEqual(changed(list))
  say('private')
  say('public')
  expect(await next()).toMatchObject({ params: { data: 'public' } })
  leave()
})
