import { answerOf, askApi, greetingOf, modernMeta, startGateway, type TestGateway } from '../support/gateway.ts'
import { readEvents } from '../support/events.ts'
import { openSse } from '../support/sse-client.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'
import { until } from '../support/conditions.ts'
import { ownerOf } from '../../src/workers/owner.ts'
import { fetchFrom, killWorker } from './by-worker.ts'

// What waits for reviewers, for input or for a stream, by connections of all workers; the one that it belongs to, or the one between, is killed.

const policy = `package policies.test

allow if input.upstream.name == "stub"

allow_server if input.message.method == "elicitation/create"

require_approval contains {"code": "change", "reviewers": ["oncall"]} if {
	input.message.direction == "to_server"
	input.message.call.name in {"change", "asks"}
}
`
const count = 3
const question = { resultType: 'input_required', inputRequests: { sure: { method: 'elicitation/create', params: { message: 'sure?', requestedSchema: { type: 'object', properties: {} } } } }, requestState: 'the-servers-state' }
let stub: StubServer
let gateway: TestGateway
let fetches: readonly (typeof fetch)[]

beforeAll(async () => {
  const tools = ['change', 'asks', 'plain'].map((name) => ({ name, inputSchema: { type: 'object' } }))
  stub = await startStubServer(mcpAnswers({
    'tools/list': () => ({ resultType: 'complete', tools }),
    'tools/call': ({ name, arguments: args, inputResponses }) => {
      const done = { resultType: 'complete', content: [{ type: 'text', text: `did ${String(name)} ${JSON.stringify(args)}` }] }
      return name === 'asks' && inputResponses === undefined ? question : done
    },
  }))
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy }, settings: { workers: count, logging: { level: 'error' } } })
  fetches = Array.from({ length: count }, (_, slot) => fetchFrom(gateway.url, slot))
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

let serial = 0
/** The token of somebody new who belongs to a worker. */
function tokenOn(worker: number): Promise<string> {
  for (;;) {
    const subject = `somebody-${(serial += 1)}`
    if (ownerOf('https://people.example', subject, count) === worker) return gateway.token({ subject, groups: [] }, 'stub')
  }
}
const at = (worker: number): typeof fetch => fetches[worker % count] ?? fetch
const plainHeaders = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
async function ask(worker: number, token: string, method: string, params: { readonly name?: string; readonly taskId?: string; readonly [key: string]: unknown }, capabilities: object = { elicitation: {} }) {
  const body = { jsonrpc: '2.0', id: (serial += 1), method, params: { ...params, _meta: { ...modernMeta, 'io.modelcontextprotocol/clientCapabilities': capabilities } } }
  const headers = { ...plainHeaders, authorization: `Bearer ${token}`, 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': params.taskId ?? params.name ?? '' }
  return answerOf(await at(worker)(gateway.mcp('stub'), { method: 'POST', headers, body: JSON.stringify(body) }))
}
const everywhere = <T>(act: (worker: number) => Promise<T>): Promise<readonly T[]> => Promise.all(fetches.map((_, worker) => act(worker)))
const api = async (path: string, body?: object) => (await (await askApi(gateway.url, await gateway.token({ subject: 'rita', groups: ['oncall', 'audit'] }, 'api'), path, body)).json()) as { state: string; items: { id: string }[] }
const pending = () => until(async () => (await api('approvals?state=pending')).items[0]?.id)
const approve = async (id: string) => expect((await api(`approvals/${id}/approve`, { reason: 'fine' })).state).toBe('granted')
const ran = (name: string) => stub.messages().filter(({ method, params }) => method === 'tools/call' && params?.['name'] === name).length

test('a task of the gateway, approved while its worker is away, runs once, whoever asks for it first', async () => {
  const token = await tokenOn(0)
  const tasks = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
  const { result } = await ask(1, token, 'tools/call', { name: 'change', arguments: { to: 1 } }, tasks)
  const taskId = String(result?.['taskId'])
  const look = (worker: number) => ask(worker, token, 'tasks/get', { taskId }, tasks)
  expect((await everywhere(look)).map((answer) => answer.result?.['status'])).toEqual(['working', 'working', 'working'])
  const id = await pending()
  const back = killWorker(gateway.url, 0)
  await approve(id)
  await back
  await Promise.all([everywhere(look), everywhere(look)])
  const told = await until(async () => (await everywhere(look)).find((answer) => answer.result?.['status'] !== 'working'))
  expect(told.result).toMatchObject({ status: 'completed', result: { content: [{ text: 'did change {"to":1}' }] } })
  expect(ran('change')).toBe(1)
  expect((await ask(2, await tokenOn(0), 'tasks/get', { taskId }, tasks)).error).toEqual({ code: -32602, message: 'Task not found' })
})

test('a leg of an approved call goes on once, at whichever worker it comes in, also when the call\'s own was killed in between', async () => {
  const token = await tokenOn(1)
  const call = { name: 'asks', arguments: { to: 2 } }
  const asked = ask(0, token, 'tools/call', call)
  await approve(await pending())
  const { result } = await asked
  expect(result).toMatchObject({ resultType: 'input_required', inputRequests: question.inputRequests })
  await killWorker(gateway.url, 1)
  const reply = { ...call, requestState: result?.['requestState'], inputResponses: { sure: { action: 'accept', content: {} } } }
  expect((await ask(0, await tokenOn(1), 'tools/call', reply)).error).toMatchObject({ code: -32602 })
  const answers = await everywhere((worker) => ask(worker, token, 'tools/call', reply))
  expect(answers.map((answer) => answer.result?.['isError'] === true).sort()).toEqual([false, true, true])
  expect(ran('asks')).toBe(2)
})

test('a stream that was cut because the worker between was killed goes on by another; its own worker\'s end is told', async () => {
  const token = await tokenOn(2)
  const headers = { ...plainHeaders, authorization: `Bearer ${token}` }
  const send = (worker: number, body: object, more: object = {}) => at(worker)(gateway.mcp('stub'), { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) })
  const greeted = await send(0, greetingOf('plain'))
  await greeted.text()
  const own = { 'mcp-session-id': greeted.headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': '2025-11-25' }
  await send(1, { jsonrpc: '2.0', method: 'notifications/initialized' }, own)
  const cut = await send(1, { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'change', arguments: { to: 3 }, _meta: { progressToken: 'p' } } }, own)
  const heard = readEvents(cut) as AsyncGenerator<{ id?: string; data: string }>
  const first = (await heard.next()).value
  const id = await pending()
  await killWorker(gateway.url, 1)
  await expect((async () => { for await (const _ of heard); })()).rejects.toThrow()
  const resume = () => at(0)(gateway.mcp('stub'), { headers: { ...headers, ...own, 'last-event-id': first?.id ?? '' } })
  const rest = answerOf(await resume())
  await approve(id)
  expect(await rest).toMatchObject({ id: 7, result: { content: [{ text: 'did change {"to":3}' }] } })
  expect(ran('change')).toBe(2)
  await killWorker(gateway.url, 2)
  expect((await resume()).status).toBe(404)
})

test('messages of HTTP+SSE reach their stream by any connection, and it ends with its worker', async () => {
  const token = await tokenOn(0)
  const client = await openSse(`${gateway.mcp('stub')}/sse`, token)
  const send = (worker: number, bearer: string) => at(worker)(client.endpoint, { method: 'POST', headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 10 + worker, method: 'tools/call', params: { name: 'plain', arguments: { worker } } }) })
  expect((await everywhere((worker) => send(worker, token))).map(({ status }) => status)).toEqual([202, 202, 202])
  for (const worker of [0, 1, 2]) expect(await client.until(({ id }) => id === 10 + worker)).toMatchObject({ result: { content: [{ text: `did plain {"worker":${worker}}` }] } })
  const other = await tokenOn(0)
  expect((await everywhere((worker) => send(worker, other))).map(({ status }) => status)).toEqual([404, 404, 404])
  await Promise.all([client.ended, killWorker(gateway.url, 0)])
  expect((await everywhere((worker) => send(worker, token))).map(({ status }) => status)).toEqual([404, 404, 404])
})
