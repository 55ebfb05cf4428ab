import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { askApi, connect, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Held calls of clients that take tasks (https://github.com/modelcontextprotocol/ext-tasks).

const policy = (more = '') => `package policies.test

allow if {
	input.upstream.name == "stub"
	not input.message.call.name == "unknown"
}

allow_server if input.message.method == "elicitation/create"

require_approval contains {"code": "change", "reviewers": ["oncall"]} if input.message.call.name in {"change", "asks", "waits", "odd"}

mask contains {"detector": "card_number", "with": "[CARD]"} if input.message.direction == "to_client"
${more}`
const tasksExtension = { extensions: { 'io.modelcontextprotocol/tasks': {} }, elicitation: {} }
const question = (key: string) => ({ resultType: 'input_required', inputRequests: { [key]: { method: 'elicitation/create', params: { message: `${key}?`, requestedSchema: { type: 'object', properties: {} } } } }, requestState: `state of ${key}` })
let stub: StubServer
let gateway: TestGateway
let client: PlainClient

beforeAll(async () => {
  const tools = ['change', 'asks', 'waits', 'odd'].map((name) => ({ name, inputSchema: { type: 'object' } }))
  stub = await startStubServer(
    mcpAnswers({
      'server/discover': () => ({ resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'private' }),
      'tools/list': () => ({ resultType: 'complete', tools, ttlMs: 0, cacheScope: 'private' }),
      'tools/call': ({ name, arguments: args, requestState, inputResponses }) => {
        if (name === 'asks' && inputResponses === undefined) return question('first')
        if (name === 'odd' && inputResponses === undefined) return question('constructor')
        if (requestState === 'state of first') return question('second')
        if (name === 'waits' && requestState === undefined) return { resultType: 'input_required', inputRequests: {}, requestState: 'soon' }
        return { resultType: 'complete', content: [{ type: 'text', text: `changed ${JSON.stringify(args)} 4111 1111 1111 1111 ${JSON.stringify(inputResponses ?? null)}` }] }
      },
    }),
  )
  gateway = await start()
  client = await open('sam')
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const start = (directory?: string) => startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy() }, ...(directory === undefined ? {} : { directory }) })
const open = async (subject: string, capabilities: object = tasksExtension) => connect(gateway.mcp('stub'), await gateway.token({ subject, groups: [] }, 'stub'), '2026-07-28', capabilities)
const calls = () => stub.messages().filter(({ method }) => method === 'tools/call')
const api = async (path: string, body?: object) => {
  const token = await gateway.token({ subject: 'rita', groups: ['oncall', 'audit'] }, 'api')
  const response = await askApi(gateway.url, token, path, body)
  return (await response.json()) as { state: string; id: string; items: { id: string }[] }
}
interface Task extends Record<string, unknown> {
  readonly taskId: string
  readonly status: string
  readonly _meta: { readonly 'sallyport/decision': { readonly approval_id: string } }
}
const call = async (name: string, args: object): Promise<Task> => (await client.request('tools/call', { name, arguments: args })).result as unknown as Task
const about = (method: 'get' | 'update' | 'cancel', taskId: string, params: object = {}, by = client) => by.request(`tasks/${method}`, { taskId, ...params }, { 'mcp-name': taskId })
const until = async (taskId: string, status: string, by = client) => {
  for (;;) {
    const { result } = await about('get', taskId, {}, by)
    if (result?.['status'] === status) return result
    if (result?.['status'] !== 'working') throw new Error(JSON.stringify(result))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const answer = (task: Task, verdict: 'approve' | 'deny' = 'approve') => api(`approvals/${task._meta['sallyport/decision'].approval_id}/${verdict}`, { reason: 'as agreed' })

test('a held call becomes a task at once; approved, its answer is the result of the task, masked', async () => {
  const task = await call('change', { to: 1.50 })
  expect(task).toMatchObject({ resultType: 'task', status: 'working', ttlMs: expect.any(Number), pollIntervalMs: expect.any(Number), createdAt: expect.stringMatching(/Z$/) })
  expect((await about('get', task.taskId)).result).toMatchObject({ resultType: 'complete', taskId: task.taskId, status: 'working' })
  expect(calls()).toHaveLength(0)
  await answer(task)
  expect(await until(task.taskId, 'completed')).toMatchObject({ resultType: 'complete', result: { content: [{ text: expect.stringContaining('[CARD]') }] } })
  expect(calls()).toHaveLength(1)
  // The task is the gateway's: to the server its client takes none.
  expect(calls()[0]?.params?.['_meta']).toMatchObject({ 'io.modelcontextprotocol/clientCapabilities': { extensions: {}, elicitation: {} } })
  expect(stub.messages().filter(({ method }) => method?.startsWith('tasks/') === true)).toEqual([])
})

test('what the reviewers refuse is the result of the task', async () => {
  const task = await call('change', { to: 2 })
  await answer(task, 'deny')
  expect(await until(task.taskId, 'completed')).toMatchObject({ result: { isError: true, content: [{ text: expect.stringContaining('as agreed') }] } })
  expect(calls()).toHaveLength(1)
})

test('cancelling withdraws the approval', async () => {
  const task = await call('change', { to: 3 })
  expect((await about('cancel', task.taskId)).result).toEqual({ resultType: 'complete' })
  expect((await about('get', task.taskId)).result).toMatchObject({ status: 'cancelled' })
  expect((await api(`approvals/${task._meta['sallyport/decision'].approval_id}`)).state).toBe('withdrawn')
  await answer(task)
  expect(calls()).toHaveLength(1)
})

test('a server is not asked for news of the gateway\'s own tasks, nor of those of others', async () => {
  const task = await call('change', { to: 13 })
  await client.request('subscriptions/listen', { notifications: { toolsListChanged: true, taskIds: [task.taskId, 'of somebody else'] } })
  expect(stub.messages().at(-1)?.params).toMatchObject({ notifications: { toolsListChanged: true, taskIds: [] } })
  await about('cancel', task.taskId)
})

test('a task is nobody else\'s, and an id that was changed is unknown', async () => {
  const task = await call('change', { to: 4 })
  const eve = await open('eve')
  for (const method of ['get', 'update', 'cancel'] as const) {
    expect((await about(method, task.taskId, { inputResponses: {} }, eve)).error).toEqual({ code: -32602, message: 'Task not found' })
  }
  expect((await about('get', `${task.taskId.slice(0, -3)}AAA`)).error).toEqual({ code: -32602, message: 'Task not found' })
  expect((await about('get', task.taskId)).result).toMatchObject({ status: 'working' })
  await about('cancel', task.taskId)
})

test('a task of one who acts for somebody is not theirs when they act for another', async () => {
  const bot = async (subject: string) => connect(gateway.mcp('stub'), await gateway.token({ subject, groups: [], claims: { act: { sub: 'bot' } } }, 'stub'), '2026-07-28', tasksExtension)
  const [forSam, forEve] = [await bot('sam'), await bot('eve')]
  const task = (await forSam.request('tools/call', { name: 'change', arguments: { to: 14 } })).result as unknown as Task
  for (const method of ['get', 'update', 'cancel'] as const) {
    expect((await about(method, task.taskId, { inputResponses: {} }, forEve)).error).toEqual({ code: -32602, message: 'Task not found' })
  }
  expect((await about('get', task.taskId, {}, forSam)).result).toMatchObject({ status: 'working' })
  await about('cancel', task.taskId, {}, forSam)
})

test('what the server asks on the way is asked of the client by way of the task, under keys of their own', async () => {
  const task = await call('asks', { to: 5 })
  await answer(task)
  const first = await until(task.taskId, 'input_required')
  expect(first).toMatchObject({ inputRequests: { '0.first': { method: 'elicitation/create', params: { message: 'first?' } } } })
  expect(JSON.stringify(first)).not.toContain('state of')
  const reply = { action: 'accept', content: { sure: true } }
  await about('update', task.taskId, { inputResponses: { 'other.first': reply, first: reply } })
  expect((await about('get', task.taskId)).result).toMatchObject({ status: 'input_required' })
  expect((await about('update', task.taskId, { inputResponses: { '0.first': reply } })).result).toEqual({ resultType: 'complete' })
  expect(await until(task.taskId, 'input_required')).toMatchObject({ inputRequests: { '1.second': { params: { message: 'second?' } } } })
  await about('update', task.taskId, { inputResponses: { '1.second': reply } })
  expect(await until(task.taskId, 'completed')).toMatchObject({ result: { content: [{ text: expect.stringContaining('{"second":{"action":"accept","content":{"sure":true}}}') }] } })
  expect(calls().slice(-2).map(({ params }) => params?.['requestState'])).toEqual(['state of first', 'state of second'])
})

test('what every object has by its nature is no reply, whatever the server calls its question', async () => {
  const task = await call('odd', {})
  await answer(task)
  expect(Object.keys((await until(task.taskId, 'input_required'))?.['inputRequests'] as object)).toEqual(['0.constructor'])
  await about('update', task.taskId, { inputResponses: {} })
  expect((await about('get', task.taskId)).result).toMatchObject({ status: 'input_required' })
  await about('update', task.taskId, { inputResponses: { '0.constructor': { action: 'accept', content: {} } } })
  expect(JSON.stringify((await until(task.taskId, 'completed'))?.['result'])).toContain('accept')
})

test('a server that only wants to be asked again is asked again by the gateway', async () => {
  const task = await call('waits', { to: 12 })
  await answer(task)
  expect(await until(task.taskId, 'completed')).toMatchObject({ result: { content: [{ text: expect.stringContaining('changed {"to":12}') }] } })
  expect(calls().slice(-2).map(({ params }) => params?.['requestState'])).toEqual([undefined, 'soon'])
})

test('a client that takes no tasks is never given one', async () => {
  const plain = await open('pia', {})
  const abort = new AbortController()
  const token = await gateway.token({ subject: 'pia', groups: [] }, 'stub')
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'change', arguments: { to: 6 }, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} } } }
  const response = await fetch(gateway.mcp('stub'), {
    method: 'POST', signal: abort.signal, body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}`, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'change' },
  })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  abort.abort()
  expect((await plain.request('server/discover')).result).not.toHaveProperty('capabilities.extensions')
  expect((await client.request('server/discover')).result).toMatchObject({ capabilities: { tools: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } } })
})

test('a client of the extension itself waits for its task and gets the answer', async () => {
  const token = await gateway.token({ subject: 'tess', groups: [] }, 'stub')
  const child = spawn(process.execPath, ['--no-warnings', join(import.meta.dirname, '../support/task-client.ts'), gateway.mcp('stub'), token], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  expect(JSON.parse((await lines.next()).value ?? '')).toEqual({ kind: 'task' })
  const { items } = await api('approvals?state=pending')
  await api(`approvals/${items[0]?.id}/approve`, { reason: 'fine' })
  expect(JSON.parse((await lines.next()).value ?? '')).toMatchObject({ content: [{ text: expect.stringContaining('changed {"to":7} [CARD]') }] })
  child.kill()
})

test('the answer of a task is judged by the bundle that is active when it is told', async () => {
  const task = await call('change', { to: 8 })
  await answer(task)
  await until(task.taskId, 'completed')
  gateway.writePolicy('policies/test/test.rego', policy('\ndeny contains {"code": "closed"} if {\n\tinput.message.direction == "to_client"\n\tinput.request.call.name == "change"\n}\n'))
  await gateway.gateway.pipeline.run()
  const told = (await about('get', task.taskId)).result
  expect(told).toMatchObject({ status: 'completed', result: { isError: true, _meta: { 'sallyport/decision': { executed: true, reasons: [{ code: 'closed' }] } } } })
  expect(JSON.stringify(told)).not.toContain('changed')
  gateway.writePolicy('policies/test/test.rego', policy())
  await gateway.gateway.pipeline.run()
})

test('a task outlives the gateway: waiting it goes on, and runs once; what ran before is not run again', async () => {
  const done = await call('change', { to: 9 })
  await answer(done)
  await until(done.taskId, 'completed')
  const waiting = await call('change', { to: 10 })
  const refused = await call('change', { to: 11 })
  await answer(refused, 'deny')
  const before = calls().length
  const { directory } = gateway
  await gateway.gateway.close()
  gateway = await start(directory)
  client = await open('sam')
  expect((await about('get', waiting.taskId)).result).toMatchObject({ status: 'working' })
  await answer(waiting)
  expect(await until(waiting.taskId, 'completed')).toMatchObject({ result: { content: [{ text: expect.stringContaining('changed {"to":10}') }] } })
  expect((await about('get', done.taskId)).result).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('may have been executed') } })
  expect((await about('get', refused.taskId)).result).toMatchObject({ status: 'completed', result: { isError: true } })
  expect(calls().length).toBe(before + 1)
})
