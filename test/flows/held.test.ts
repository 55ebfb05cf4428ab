import { askApi, connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { startSseServer, type SseConnection, type SseServer } from '../support/sse-server.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const policy = `package policies.test

allow if {
	input.actor.kind != "nobody"
	not input.message.call.name == "unknown"
}

require_approval contains {"code": "long", "reviewers": ["oncall"]} if input.message.call.name == "export"

deny contains {"code": "result_without_approval"} if {
	input.message.method == "tasks/get"
	not input.approval
}
`
let stub: StubServer
let streams: SseServer
let stream: SseConnection | undefined
const greeting = { asked: Promise.withResolvers<void>(), given: Promise.withResolvers<void>() }
let gateway: TestGateway
let token: string
let task: object

beforeAll(async () => {
  const tools = ['export', 'free'].map((name) => ({ name, inputSchema: { type: 'object' } }))
  task = { taskId: 'task-1', status: 'working', ttl: 60_000, createdAt: '2026-01-01T00:00:00Z', lastUpdatedAt: '2026-01-01T00:00:00Z' }
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools }), 'tools/call': () => ({ task }), 'tasks/get': () => task, 'tasks/list': () => ({ tasks: [task, { ...task, taskId: 'of somebody else' }] }) }))
  streams = await startSseServer({
    call: (_message, connection) => ((stream = connection), false),
    async greets(connection) {
      if (connection === 1) return
      greeting.asked.resolve()
      await greeting.given.promise
    },
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url }, streams: { url: streams.url, transport: 'sse' } }, rego: { 'policies/test/test.rego': policy }, settings: { approvals: { hold: '5m', hold_with_progress: '5m' } } })
  token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
  await streams?.close()
})

const api = async (path: string, body?: object) => {
  const own = await gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api')
  const response = await askApi(gateway.url, own, path, body)
  return (await response.json()) as { state?: string; items?: { id: string }[]; active?: { digest: string } }
}
const pending = async (): Promise<string> => {
  for (;;) {
    const id = (await api('approvals?state=pending')).items?.[0]?.id
    if (id !== undefined) return id
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const sent = (method: string) => stub.messages().filter((message) => message.method === method).length
const call = { name: 'export', arguments: {}, task: { ttl: 60_000 } }

test('a call is not sent once its session has ended, even if it is approved then; made again, it runs', async () => {
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  const held = client.request('tools/call', call)
  const id = await pending()
  const headers = { authorization: `Bearer ${token}`, 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-11-25' }
  expect((await fetch(gateway.mcp('stub'), { method: 'DELETE', headers })).status).toBe(200)
  expect((await held).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { executed: false } } })
  await api(`approvals/${id}/approve`, { reason: 'fine' })
  expect(sent('tools/call')).toBe(0)
  const again = await connect(gateway.mcp('stub'), token, '2025-11-25')
  expect((await again.request('tools/call', call)).result).toMatchObject({ task: { taskId: 'task-1' } })
  expect(sent('tools/call')).toBe(1)
  expect((await api(`approvals/${id}`)).state).toBe('executed')
})

test('a task is judged as the call that made it, with its approval; to every other session it is unknown', async () => {
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  const held = client.request('tools/call', call)
  await api(`approvals/${await pending()}/approve`, { reason: 'fine' })
  expect((await held).result).toMatchObject({ task: { taskId: 'task-1' } })
  expect((await client.request('tasks/get', { taskId: 'task-1' })).result).toMatchObject({ status: 'working' })
  const before = sent('tasks/get')
  const other = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'eve', groups: [] }, 'stub'), '2025-11-25')
  expect((await other.request('tasks/get', { taskId: 'task-1' })).error).toEqual({ code: -32602, message: 'Task not found' })
  expect((await other.request('tasks/list')).result).toEqual({ tasks: [] })
  expect((await client.request('tasks/list')).result).toEqual({ tasks: [task] })
  expect(sent('tasks/get')).toBe(before)
})

test('an approved call is judged after its server was greeted anew: by the bundle that is active when it is sent', async () => {
  const sam = await gateway.token({ subject: 'sam', groups: [] }, 'streams')
  const client = await connect(gateway.mcp('streams'), sam, '2025-06-18')
  await client.request('tools/call', { name: 'free', arguments: {} })
  const held = client.request('tools/call', { name: 'export', arguments: {} })
  const id = await pending()
  stream?.cut()
  await api(`approvals/${id}/approve`, { reason: 'fine' })
  await greeting.asked.promise
  const before = (await api('policy')).active?.digest
  gateway.writePolicy('policies/stop/stop.rego', 'package policies.stop\n\ndeny contains {"code": "stopped"} if input.message.call.name == "export"\n')
  while ((await api('policy')).active?.digest === before) await new Promise((resolve) => setTimeout(resolve, 10))
  greeting.given.resolve()
  expect((await held).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { executed: false, reasons: [{ code: 'stopped' }] } } })
  expect(streams.posts.map(({ message }) => message.params?.['name']).filter((name) => name === 'export')).toEqual([])
})
