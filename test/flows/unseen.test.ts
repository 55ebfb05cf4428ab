import { connect, modernMeta, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/conditions.ts'
import { events, json, mcpAnswers, startStubServer, type Answer, type StubServer } from '../support/stub-server.ts'

const policy = `package policies.test

allow if input.actor.kind != "nobody"

deny contains {"code": "destructive"} if input.message.call.annotations.destructiveHint == true

deny contains {"code": "forbidden"} if input.message.body._meta.x == "forbidden"

deny contains {"code": "too_often"} if input.session.denied > 2

deny contains {"code": "no_list"} if {
	input.message.method == "tools/list"
	input.message.direction == "to_server"
	input.actor.subject == "nolist"
}
`
const complete = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
let stub: StubServer
let gateway: TestGateway
/** What is answered in place of the next lists. */
let instead: Answer[]

beforeEach(async () => {
  instead = []
  const base = mcpAnswers({
    'tools/list': () => ({ ...complete, tools: [{ name: 'wipe', inputSchema: { type: 'object' }, annotations: { destructiveHint: true } }] }),
    'tools/call': () => ({ ...complete, content: [] }),
    'resources/read': () => ({ ...complete, contents: [] }),
  })
  stub = await startStubServer((request, response) => ((/"(?:tools|resources)\/list"|"enable"/.test(request.body) ? instead.shift() : undefined) ?? base)(request, response))
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy } })
})
afterEach(async () => {
  await gateway?.close()
  await stub?.close()
})

const clientOf = async (subject: string): Promise<PlainClient> => connect(gateway.mcp('stub'), await gateway.token({ subject, groups: [] }, 'stub'), '2026-07-28')
const wipe = (client: PlainClient, _meta: object = {}) => client.request('tools/call', { name: 'wipe', arguments: {}, _meta })
const executed = (): number => stub.messages().filter(({ method }) => method === 'tools/call').length
const listed = () => stub.messages().filter(({ method }) => method === 'tools/list')

test('a list that a policy refuses to one caller is asked for by the next', async () => {
  await wipe(await clientOf('nolist'))
  const before = executed()
  const answer = await wipe(await clientOf('sam'))
  expect(answer.result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'destructive' }] } } })
  expect(executed()).toBe(before)
})

test('nothing that a caller adds to a call has a say in whether its tool is known', async () => {
  const client = await clientOf('sam')
  expect((await wipe(client, { x: 'forbidden' })).result).toMatchObject({ isError: true })
  expect((await wipe(client)).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'destructive' }] } } })
  expect(executed()).toBe(0)
  expect(listed().map(({ params }) => params?.['_meta'])).toEqual([modernMeta])
})

test('a call that waits for the list of another caller, which comes to nothing, has a list of its own', async () => {
  const waiting = Promise.withResolvers<void>()
  instead = [async (_request, response) => waiting.promise.then(() => void response.destroy())]
  const first = wipe(await clientOf('eve'))
  await until(() => listed().length === 1)
  const sam = await clientOf('sam')
  const second = wipe(sam)
  const third = wipe(sam)
  waiting.resolve()
  for (const answer of [await second, await third]) expect(answer.result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'destructive' }] } } })
  expect(await first).toMatchObject({ status: 502, error: { code: -33003 } })
  expect(executed()).toBe(0)
})

const withResult = (result: object): Answer => ({ body }, response) => json(response, { jsonrpc: '2.0', id: (JSON.parse(body) as { id: unknown }).id, result: { ...complete, ...result } })

test('what a server does not list to one caller is asked for by the next', async () => {
  const [eve, sam] = [await clientOf('eve'), await clientOf('sam')]
  instead = [withResult({ tools: [] })]
  for (let time = 0; time < 2; time++) expect((await wipe(eve)).result).toMatchObject({ content: [] })
  expect(listed()).toHaveLength(1)
  expect((await wipe(sam)).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'destructive' }] } } })
  expect(executed()).toBe(2)
})

test('… and by one who has waited for that list', async () => {
  const [eve, sam] = [await clientOf('eve'), await clientOf('sam')]
  const waiting = Promise.withResolvers<void>()
  instead = [async (request, response) => waiting.promise.then(() => withResult({ tools: [] })(request, response))]
  const first = wipe(eve)
  await until(() => listed().length === 1)
  const second = wipe(sam)
  expect((await sam.request('prompts/list')).status).toBe(200)
  waiting.resolve()
  await first
  expect((await second).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'destructive' }] } } })
  expect(executed()).toBeLessThanOrEqual(1)
})

const withError = (code: number, status = 200): Answer => ({ body }, response) => json(response, { jsonrpc: '2.0', id: (JSON.parse(body) as { id: unknown }).id, error: { code, message: 'no' } }, status)

test.each<[string, number, Answer]>([
  ['that the session is not known', 404, withError(-32001, 404)],
  ['that it has not been greeted', 502, withError(-32602)],
  ['something that is no list', 502, withResult({})],
  ['that it needs something first', 502, withResult({ resultType: 'input_required', requestState: 'x' })],
  ['nothing that is JSON, and 400', 400, (_request, response) => void response.writeHead(400).end()],
  ['nothing', 502, (_request, response) => void response.destroy()],
])('where the server says %s, no tool is called, and the next call asks again', async (_what, status, answer) => {
  const client = await clientOf('sam')
  instead = [answer]
  expect(await wipe(client)).toMatchObject({ status, error: { code: -33003 } })
  expect((await wipe(client)).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'destructive' }] } } })
  expect(executed()).toBe(0)
})

test('a server that has no lists is asked once in a while, and its tools are called', async () => {
  const client = await clientOf('sam')
  instead = [withError(-32601)]
  for (let time = 0; time < 3; time++) expect((await wipe(client)).result).toMatchObject({ content: [] })
  expect(listed()).toHaveLength(1)
})

test('who may not list is not counted as refused for what the gateway asks', async () => {
  const client = await clientOf('nolist')
  for (let time = 0; time < 5; time++) expect((await client.request('tools/call', { name: 'look', arguments: {} })).result).toMatchObject({ content: [] })
})

test('a resource whose list the server refuses is read, and the list asked for once in a while', async () => {
  const client = await clientOf('sam')
  instead = Array.from({ length: 3 }, () => withError(-32603))
  for (let time = 0; time < 3; time++) await client.request('resources/read', { uri: `a://${time}` })
  const lists = () => stub.messages().filter(({ method }) => method === 'resources/list').length
  expect(lists()).toBe(1)
})

test('what a server lists to a client that can do more is not taken for unlisted because the same caller came with one that cannot', async () => {
  const client = await clientOf('sam')
  instead = [withResult({ tools: [] })]
  expect((await wipe(client)).result).toMatchObject({ content: [] })
  const able = { ...modernMeta, 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } }
  expect((await wipe(client, able)).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'destructive' }] } } })
})

test('many calls that wait for a list which tells nothing of their tool share one of their own', async () => {
  const [eve, sam] = [await clientOf('eve'), await clientOf('sam')]
  const waiting = Promise.withResolvers<void>()
  instead = Array.from({ length: 40 }, () => async (request, response) => waiting.promise.then(() => withResult({ tools: [] })(request, response)))
  const calls = [wipe(eve), ...Array.from({ length: 10 }, () => wipe(sam))]
  await until(() => listed().length === 1)
  expect((await sam.request('prompts/list')).status).toBe(200)
  waiting.resolve()
  await Promise.all(calls)
  expect(listed().length).toBeLessThanOrEqual(2)
})

test('a tool that a server lists only after another call, and says so, is asked for again', async () => {
  const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'sam', groups: [] }, 'stub'), '2025-11-25')
  const enables: Answer = ({ body }, response) => {
    const { id } = JSON.parse(body) as { id: unknown }
    events(response, [{ method: 'notifications/tools/list_changed' }, { id, result: { content: [] } }].map((message) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`))
    response.end()
  }
  instead = [withResult({ tools: [] }), withResult({ tools: [{ name: 'enable', inputSchema: { type: 'object' } }] }), enables]
  expect((await wipe(client)).result).toMatchObject({ content: [] })
  expect((await client.request('tools/call', { name: 'enable', arguments: {} })).result).toMatchObject({ content: [] })
  expect((await wipe(client)).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'destructive' }] } } })
})

test('a server whose last page has an empty cursor, and so begins again, is not asked on and on', async () => {
  const client = await clientOf('sam')
  instead = Array.from({ length: 10 }, () => withResult({ tools: [], nextCursor: '' }))
  expect((await wipe(client)).result).toMatchObject({ content: [] })
  expect(listed()).toHaveLength(2)
})
