import type { ServerResponse } from 'node:http'
import { connect, modernMeta, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { readMessages } from '../support/events.ts'
import { events, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Tasks that a server makes, of both kinds: those of 2025-11-25, and those of the extension of 2026-07-28.

const policy = `package policies.test

allow if {
	input.actor.kind != "nobody"
	not input.message.call.name == "hidden"
}

allow_server if input.message.method in {"sampling/createMessage", "tasks/get", "tasks/result", "notifications/tasks/status"}

mask contains {"path": "/structuredContent/ssn", "with": "[SSN]"} if {
	input.message.method == "tools/call"
	input.message.direction == "to_client"
}

deny contains {"code": "secret", "message": "that may not be told"} if {
	input.message.method == "tools/call"
	input.message.body.structuredContent.secret
}
`
const outcome = { content: [], structuredContent: { ssn: '123', city: 'Ulm' } }
const times = { createdAt: '2026-01-01T00:00:00Z', lastUpdatedAt: '2026-01-01T00:00:00Z' }
const task = { taskId: 't1', status: 'working', ttl: 60_000, ...times }
let stub: StubServer
let gateway: TestGateway
let result: Record<string, unknown>
let onCall: ((id: unknown, response: ServerResponse) => void) | undefined
let onListen: (message: { id: unknown; params: { notifications: unknown } }, response: ServerResponse) => void

beforeAll(async () => {
  const base = mcpAnswers({
    'tools/list': () => ({ tools: [{ name: 'report', inputSchema: { type: 'object' }, execution: { taskSupport: 'optional' } }] }),
    'tools/call': ({ _meta }) => (JSON.stringify(_meta ?? {}).includes('2026-07-28') ? { resultType: 'task', taskId: 't2', status: 'working', ttlMs: 1000, pollIntervalMs: 10, ...times } : { task, _meta: { 'io.modelcontextprotocol/model-immediate-response': 'wait' } }),
    'tasks/get': ({ taskId }) => (taskId === 't2' ? { resultType: 'complete', taskId, status: 'completed', result, ttlMs: 1000, ...times } : { ...task, status: 'completed' }),
    'tasks/result': () => ({ ...result, _meta: { 'io.modelcontextprotocol/related-task': { taskId: 't1' } } }),
    'tasks/cancel': ({ taskId }) => (taskId === 't2' ? { resultType: 'complete' } : { ...task, status: 'cancelled' }),
    'tasks/update': () => ({ resultType: 'complete' }),
    'tasks/list': () => ({ tasks: [task, { ...task, taskId: 'of somebody else' }] }),
  })
  stub = await startStubServer((request, response) => {
    const message = request.body === '' ? {} : JSON.parse(request.body)
    if (message.method === 'subscriptions/listen') return onListen(message, response)
    return message.method === 'tools/call' && onCall !== undefined ? onCall(message.id, response) : base(request, response)
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy } })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})
beforeEach(() => {
  result = outcome
  onCall = undefined
})

const open = async (revision: string, subject = 'sam') => connect(gateway.mcp('stub'), await gateway.token({ subject, groups: [] }, 'stub'), revision, { sampling: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } })
const about = (client: PlainClient, method: string, taskId: string, params: object = {}) => client.request(method, { taskId, ...params }, client.session === undefined ? { 'mcp-name': taskId } : {})
const sent = (method: string) => stub.messages().filter((message) => message.method === method).length

test('2025-11-25: a task goes its way, and its result is judged as that of the call', async () => {
  const client = await open('2025-11-25')
  expect((await client.request('tools/call', { name: 'report', arguments: {}, task: { ttl: 60_000 } })).result).toEqual({ task, _meta: { 'io.modelcontextprotocol/model-immediate-response': 'wait' } })
  expect((await about(client, 'tasks/get', 't1')).result).toEqual({ ...task, status: 'completed' })
  expect((await about(client, 'tasks/result', 't1')).result).toEqual({ content: [], structuredContent: { ssn: '[SSN]', city: 'Ulm' }, _meta: { 'io.modelcontextprotocol/related-task': { taskId: 't1' } } })
  expect((await client.request('tasks/list')).result).toEqual({ tasks: [task] })
  result = { content: [], structuredContent: { secret: 'x' } }
  const withheld = await about(client, 'tasks/result', 't1')
  expect(withheld.error).toMatchObject({ code: -33001, data: { executed: true, reasons: [{ code: 'secret' }] } })
  expect(JSON.stringify(withheld)).not.toContain('"x"')
  expect((await about(client, 'tasks/cancel', 't1')).result).toMatchObject({ status: 'cancelled' })
})

test('2026-07-28: the same for a task of the extension', async () => {
  const client = await open('2026-07-28')
  expect((await client.request('tools/call', { name: 'report', arguments: {} })).result).toMatchObject({ resultType: 'task', taskId: 't2' })
  expect((await about(client, 'tasks/get', 't2')).result).toMatchObject({ status: 'completed', result: { structuredContent: { ssn: '[SSN]', city: 'Ulm' } } })
  expect((await about(client, 'tasks/update', 't2', { inputResponses: {} })).result).toEqual({ resultType: 'complete' })
  result = { content: [], structuredContent: { secret: 'x' } }
  expect((await about(client, 'tasks/get', 't2')).error).toMatchObject({ code: -33001, data: { executed: true } })
  expect((await about(client, 'tasks/cancel', 't2')).result).toEqual({ resultType: 'complete' })
})

test.each(['2025-11-25', '2026-07-28'])('%s: to everybody else the task is unknown, and the server is not asked', async (revision) => {
  const mine = await open(revision)
  const { result: made } = await mine.request('tools/call', { name: 'report', arguments: {}, ...(revision === '2025-11-25' ? { task: { ttl: 1000 } } : {}) })
  const id = revision === '2025-11-25' ? 't1' : String(made?.['taskId'])
  const eve = await open(revision, 'eve')
  const methods = revision === '2025-11-25' ? ['tasks/get', 'tasks/result', 'tasks/cancel'] : ['tasks/get', 'tasks/update', 'tasks/cancel']
  const before = methods.map(sent)
  for (const method of methods) expect((await about(eve, method, id, { inputResponses: {} })).error).toEqual({ code: -32602, message: 'Task not found' })
  expect(methods.map(sent)).toEqual(before)
})

test('2026-07-28: of the tasks of others nothing is to be heard by a subscription, whatever the server tells', async () => {
  const mine = await open('2026-07-28')
  await mine.request('tools/call', { name: 'report', arguments: {} })
  const told = { taskId: 't2', status: 'completed', ...times, result: outcome }
  const listen = async (client: PlainClient) => {
    const asked = Promise.withResolvers<unknown>()
    onListen = ({ id, params }, response) => {
      const _meta = { 'io.modelcontextprotocol/subscriptionId': id }
      const say = (method: string, more: object) => `data: ${JSON.stringify({ jsonrpc: '2.0', method, params: { ...more, _meta } })}\n\n`
      asked.resolve(params.notifications)
      events(response, [say('notifications/subscriptions/acknowledged', { notifications: {} }), say('notifications/tasks', told), say('notifications/tools/list_changed', {})])
    }
    const body = { jsonrpc: '2.0', id: 5, method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true, taskIds: ['t2', 7] }, _meta: modernMeta } }
    const stream = readMessages(await client.send(body, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' }))
    const heard: unknown[] = []
    for await (const message of stream) {
      heard.push(message)
      if (message.method === 'notifications/tools/list_changed') break
    }
    return { asked: await asked.promise, heard: heard.slice(1) }
  }
  const own = await listen(mine)
  expect(own.asked).toEqual({ toolsListChanged: true, taskIds: ['t2'] })
  expect(own.heard).toMatchObject([{ method: 'notifications/tasks', params: { taskId: 't2', result: { structuredContent: { ssn: '[SSN]' } } } }, { method: 'notifications/tools/list_changed' }])
  const other = await listen(await open('2026-07-28', 'eve'))
  expect(other.asked).toEqual({ toolsListChanged: true, taskIds: [] })
  expect(other.heard).toMatchObject([{ method: 'notifications/tools/list_changed' }])
})

test('2025-11-25: news of a task, and a task that the client makes for the server, pass', async () => {
  const server = Promise.withResolvers<ServerResponse>()
  const client = await open('2025-11-25')
  await client.request('tools/call', { name: 'report', arguments: {}, task: { ttl: 60_000 } })
  let callId: unknown
  onCall = (id, response) => {
    callId = id
    events(response, [`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tasks/status', params: { ...task, status: 'working', statusMessage: 'half' } })}\n\n`])
    server.resolve(response)
  }
  const stream = readMessages(await client.send({ jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'report', arguments: {} } }))
  expect((await stream.next()).value).toMatchObject({ method: 'notifications/tasks/status', params: { taskId: 't1', statusMessage: 'half' } })
  const response = await server.promise
  const ask = async (id: string, method: string, params: object, reply: object) => {
    response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n\n`)
    expect((await stream.next()).value).toMatchObject({ id, method })
    expect((await client.send({ jsonrpc: '2.0', id, result: reply })).status).toBe(202)
    expect(stub.messages().at(-1)).toEqual({ jsonrpc: '2.0', id, result: reply })
  }
  const own = { ...task, taskId: 'client-1' }
  await ask('s1', 'sampling/createMessage', { messages: [], maxTokens: 5, task: { ttl: 1000 } }, { task: own })
  await ask('s2', 'tasks/get', { taskId: 'client-1' }, { ...own, status: 'completed' })
  await ask('s3', 'tasks/result', { taskId: 'client-1' }, { role: 'assistant', content: { type: 'text', text: 'hi' }, model: 'm' })
  expect((await client.send({ jsonrpc: '2.0', method: 'notifications/tasks/status', params: { ...own, status: 'completed' } })).status).toBe(202)
  expect(stub.messages().at(-1)?.method).toBe('notifications/tasks/status')
  response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: callId, result: { content: [] } })}\n\n`)
  expect((await stream.next()).value).toMatchObject({ id: 5 })
})
