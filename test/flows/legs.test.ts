import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { connect, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const policy = `package policies.test

allow if input.upstream.name == "stub"

allow_server if input.message.method == "elicitation/create"

require_approval contains {"code": "change", "reviewers": ["oncall"]} if {
	input.message.direction == "to_server"
	input.message.call.name == "change"
}

require_approval contains {"code": "force", "reviewers": ["board"]} if {
	input.message.direction == "to_server"
	object.get(input.message.body, ["inputResponses", "sure", "content", "force"], false) != false
}
`
const question = { resultType: 'input_required', inputRequests: { sure: { method: 'elicitation/create', params: { message: 'sure?', requestedSchema: { type: 'object', properties: {} } } } }, requestState: 'the-servers-state' }
let stub: StubServer
let gateway: TestGateway
let client: PlainClient

beforeAll(async () => {
  const tools = ['change', 'free'].map((name) => ({ name, inputSchema: { type: 'object' } }))
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ resultType: 'complete', tools }), 'tools/call': (params) => (params['inputResponses'] === undefined ? question : { resultType: 'complete', content: [{ type: 'text', text: 'changed' }] }) }))
  gateway = await start()
  client = await open()
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const start = (directory?: string) =>
  startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy }, settings: { approvals: { hold: '300ms', hold_with_progress: '5m' } }, ...(directory === undefined ? {} : { directory }) })
const open = async () => connect(gateway.mcp('stub'), await gateway.token({ subject: 'sam', groups: [] }, 'stub'), '2026-07-28', { elicitation: {} })
const calls = () => stub.messages().filter(({ method }) => method === 'tools/call')
const approve = async (verdict: 'approve' | 'deny' = 'approve') => {
  const token = await gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api')
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  for (;;) {
    const { items } = (await (await fetch(`${gateway.url}/api/v1/approvals?state=pending`, { headers })).json()) as { items: { id: string }[] }
    if (items[0] !== undefined) return fetch(`${gateway.url}/api/v1/approvals/${items[0].id}/${verdict}`, { method: 'POST', headers, body: '{"reason":"no"}' })
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const firstLeg = async (to: number, by = client) => {
  const ask = async (state: object) => (await by.request('tools/call', { name: 'change', arguments: { to }, ...state })).result as { requestState: string; resultType: string; inputRequests?: object }
  const asked = ask({})
  await approve()
  let leg = await asked
  while (leg.resultType === 'input_required' && Object.keys(leg.inputRequests ?? {}).length === 0) leg = await ask({ requestState: leg.requestState })
  return leg
}
const answers = { inputResponses: { sure: { action: 'accept', content: {} } } }

test('an approval covers the later legs of its call, each judged, and no leg twice', async () => {
  const leg = await firstLeg(1)
  expect(leg).toMatchObject({ resultType: 'input_required', inputRequests: question.inputRequests })
  expect(leg.requestState).not.toContain('the-servers-state')
  const last = await client.request('tools/call', { name: 'change', arguments: { to: 1 }, requestState: leg.requestState, ...answers })
  expect(last.result).toMatchObject({ content: [{ text: 'changed' }] })
  expect(calls().at(-1)?.params).toMatchObject({ requestState: 'the-servers-state', ...answers })

  const before = calls().length
  const again = await client.request('tools/call', { name: 'change', arguments: { to: 1 }, requestState: leg.requestState, ...answers })
  expect(again.result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { kind: 'deny', reasons: [{ code: 'approval_used' }] } } })
  expect(calls().length).toBe(before)
})

test('a state that is changed, or comes back with another call, from another caller or for another method, is refused, and nothing is sent', async () => {
  const { requestState } = await firstLeg(2)
  const before = stub.received.length
  const eve = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'eve', groups: [] }, 'stub'), '2026-07-28', { elicitation: {} })
  const last = requestState.at(-2) === 'A' ? 'B' : 'A'
  const refused = await Promise.all([
    client.request('tools/call', { name: 'change', arguments: { to: 3 }, requestState, ...answers }),
    client.request('tools/call', { name: 'change', arguments: { to: 2 }, requestState: requestState.slice(0, -2) + last + requestState.at(-1), ...answers }),
    client.request('tools/call', { name: 'change', arguments: { to: 2 }, requestState: `${requestState.slice(0, 20)}`, ...answers }),
    client.request('prompts/get', { name: 'change', arguments: { to: '2' }, requestState, ...answers }),
    eve.request('tools/call', { name: 'change', arguments: { to: 2 }, requestState, ...answers }),
  ])
  expect(refused.map(({ error }) => error)).toEqual(refused.map(() => ({ code: -32602, message: expect.stringContaining('requestState') })))
  expect(stub.received.length).toBe(before)
  expect((await client.request('tools/call', { name: 'change', arguments: { to: 2 }, requestState, ...answers })).result).toMatchObject({ content: [{ text: 'changed' }] })
})

test('a state of one who acts for somebody is not theirs when they act for another, nor a program\'s that of a person called alike', async () => {
  const by = async (claims: Readonly<Record<string, unknown>>, subject = 'sam') => connect(gateway.mcp('stub'), await gateway.token({ subject, groups: [], claims }, 'stub'), '2026-07-28', { elicitation: {} })
  const bot = { act: { sub: 'bot' } }
  for (const [to, own, other] of [[6, await by(bot), await by(bot, 'eve')], [7, client, await by({ client_id: 'sam' })]] as const) {
    const { requestState } = await firstLeg(to, own)
    const [leg, before] = [{ name: 'change', arguments: { to }, requestState, ...answers }, calls().length]
    expect((await other.request('tools/call', leg)).error).toEqual({ code: -32602, message: expect.stringContaining('requestState') })
    expect(calls().length).toBe(before)
    expect((await own.request('tools/call', leg)).result).toMatchObject({ content: [{ text: 'changed' }] })
  }
})

test('a state outlives the gateway that gave it, and is still good once only', async () => {
  const { requestState } = await firstLeg(4)
  const { directory } = gateway
  await gateway.gateway.close()
  gateway = await start(directory)
  client = await open()
  const leg = { name: 'change', arguments: { to: 4 }, requestState, ...answers }
  const before = calls().length
  const [one, other] = await Promise.all([client.request('tools/call', leg), client.request('tools/call', leg)])
  expect([one, other].map(({ result }) => result?.['isError'] === true).sort()).toEqual([false, true])
  expect(calls().length).toBe(before + 1)
})

test('what an approval covers is what was approved, whatever the store says afterwards', async () => {
  const { requestState } = await firstLeg(8)
  const store = new DatabaseSync(join(gateway.directory, 'sallyport.db'), { timeout: 5_000 })
  store.exec(`UPDATE approval SET requirements = json_insert(requirements, '$[#]', json('{"rule":"test/require_approval/force","code":"force","reviewers":["board"],"quorum":1}')) WHERE state = 'executed'`)
  store.close()
  const before = calls().length
  const leg = await client.request('tools/call', { name: 'change', arguments: { to: 8 }, requestState, inputResponses: { sure: { action: 'accept', content: { force: true } } } })
  expect(JSON.stringify(leg)).toContain('test/require_approval/force')
  expect(calls().length).toBe(before)
})

test('the server\'s own state passes untouched where no approval is at stake', async () => {
  const first = await client.request('tools/call', { name: 'free', arguments: {} })
  expect(first.result).toEqual(question)
  const last = await client.request('tools/call', { name: 'free', arguments: {}, requestState: question.requestState, ...answers })
  expect(last.result).toMatchObject({ content: [{ text: 'changed' }] })
})

test('a client that waits is sent round by round, and what became of it while it was away is told', async () => {
  const call = { name: 'change', arguments: { to: 5 } }
  const first = await client.request('tools/call', call)
  expect(first.result).toMatchObject({ resultType: 'input_required', requestState: expect.stringMatching(/^sp/), _meta: { 'sallyport/decision': { kind: 'require_approval', executed: false } } })
  expect(first.result?.['inputRequests']).toEqual({})
  const second = await client.request('tools/call', { ...call, requestState: first.result?.['requestState'] })
  expect(second.result).toMatchObject({ resultType: 'input_required' })
  await approve()
  const before = calls().length
  const third = await client.request('tools/call', { ...call, requestState: second.result?.['requestState'] })
  expect(third.result).toMatchObject({ resultType: 'input_required', inputRequests: question.inputRequests })
  expect(calls().length).toBe(before + 1)

  const other = { name: 'change', arguments: { to: 6 } }
  const asked = await client.request('tools/call', other)
  await approve('deny')
  const told = await client.request('tools/call', { ...other, requestState: asked.result?.['requestState'] })
  expect(told.result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('the reviewers refused the call: no') }] })
  expect(calls().length).toBe(before + 1)
})

test('after two rounds the caller is told to call again, and does not wait in vain', async () => {
  const call = { name: 'change', arguments: { to: 7 } }
  let requestState: unknown
  let rounds = 0
  let result = (await client.request('tools/call', call)).result
  for (; result?.['resultType'] === 'input_required'; rounds += 1) {
    requestState = result['requestState']
    result = (await client.request('tools/call', { ...call, requestState })).result
  }
  expect(rounds).toBe(2)
  expect(result).toMatchObject({ resultType: 'complete', isError: true, content: [{ text: expect.stringContaining('Call the same tool again') }] })
  await approve()
  expect((await client.request('tools/call', call)).result).toMatchObject({ inputRequests: question.inputRequests })
})
