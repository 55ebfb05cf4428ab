import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../support/conditions.ts'
import { connect, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { startLogReceiver, type LogReceiver } from '../support/log-receiver.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// What a source says in `package system.log` about the decisions that a running gateway sends elsewhere: what is left out, what happens where that
// cannot be told, and that it holds from the first decision of the bundle that says it.

interface Logged {
  readonly decision_id: string
  readonly bundles: { readonly sallyport: { readonly revision: string } }
  readonly input?: { readonly actor: Record<string, unknown>; readonly message: { readonly method: string; readonly direction: string; readonly call?: { readonly arguments: Record<string, unknown> } } }
  readonly result?: { readonly kind: string }
  readonly masked?: readonly string[]
  readonly erased?: readonly string[]
}
const policy = `package policies.test

allow if input.actor.kind != "nobody"

deny contains {"code": "odd"} if input.message.call.arguments.boom
`
const never = `some i in numbers.range(1, 4000)
	some j in numbers.range(1, 4000)
	i * j < 0`
const rules = `package system.log

drop if {
	input.input.message.method == "tools/list"
	input.result.kind != "deny"
}

drop if {
	input.input.message.call.arguments.boom == "drop"
	${never}
}

mask contains "/input/actor/claims"

mask contains {"op": "upsert", "path": "/input/actor/email", "value": "somebody"} if input.input.actor.email

mask contains sprintf("/input/%s/%s/arguments/%s", [of, where, name]) if {
	some of in ["message", "request"]
	some where in ["call", "body"]
	some name in ["note", "card holder"]
}

mask contains place if {
	input.input.message.call.arguments.boom == "path"
	place := sprintf("/labels/%s", [input.labels.app])
}

mask contains "/input/never" if {
	input.input.message.call.arguments.boom == "mask"
	${never}
}
`
const who = { subject: 'sam', groups: ['ops'], email: 'sam@corp.example', claims: { department: 'care' } }
let logs: LogReceiver<Logged>
let stub: StubServer
let gateway: TestGateway
let client: PlainClient

beforeAll(async () => {
  logs = await startLogReceiver()
  stub = await startStubServer(mcpAnswers({
    'tools/list': () => ({ tools: [{ name: 'query', inputSchema: { type: 'object' } }] }),
    'tools/call': () => ({ content: [{ type: 'text', text: 'done' }] }),
  }))
  gateway = await startGateway({
    upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy, 'system/log/log.rego': rules },
    settings: { policy: { source: { kind: 'directory', path: 'rego' }, decision_logs: { url: logs.url } } },
  })
  client = await connect(gateway.mcp('stub'), await gateway.token(who, 'stub'), '2025-11-25')
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
  await logs?.close()
})

const call = (args: object) => client.request('tools/call', { name: 'query', arguments: args })
const holding = (...texts: readonly string[]) => logs.logged.filter((each) => texts.some((text) => JSON.stringify(each).includes(text))).map(({ decision_id }) => decision_id)
const marked = (mark: string) => logs.arrived(({ input }) => input?.message.call?.arguments['mark'] === mark)
/** Of a call that was denied, by the id that its caller was told. */
const denied = async (args: object): Promise<string> => ((await call(args)).result as { _meta: { 'sallyport/decision': { decision_id: string } } })._meta['sallyport/decision'].decision_id
const status = async () => {
  const response = await fetch(`${gateway.url}/api/v1/policy`, { headers: { authorization: `Bearer ${await gateway.token(who, 'api')}` } })
  return ((await response.json()) as { decision_logs: Record<string, unknown> & { fault: { why: string } | null } }).decision_logs
}
const activate = async (files: Readonly<Record<string, string>>): Promise<string> => {
  for (const [name, text] of Object.entries(files)) gateway.writePolicy(name, text)
  const run = await gateway.gateway.pipeline.run()
  expect(run.error).toBeUndefined()
  return gateway.gateway.pipeline.status().active?.digest ?? ''
}

test('what the rules leave out is in no upload, and the event says so', async () => {
  await client.request('tools/list')
  await call({ mark: 'one', note: 'secret-note', 'card holder': 'secret-holder', kept: 'plain' })
  const event = await marked('one')
  expect(event.input?.message.call?.arguments).toEqual({ mark: 'one', kept: 'plain' })
  expect(event.input?.actor).toMatchObject({ subject: 'sam', email: 'somebody' })
  expect(event.masked).toContain('/input/actor/email')
  expect(event.erased).toEqual(expect.arrayContaining(['/input/message/call/arguments/note', '/input/message/body/arguments/note', '/input/message/call/arguments/card%20holder']))
  expect(holding('secret-', 'corp.example', 'department', 'tools/list')).toEqual([])
  await until(async () => (await status()).dropped === 2)
  expect(await status()).toMatchObject({ dropped: 2, bare: 0, withheld: 0, lost: 0, failing: null, fault: null })
  // What judges knows nothing of it, and the record holds all.
  expect(stub.received.at(-1)?.body).toContain('secret-note')
})

test('where it cannot be told, nothing is sent in the clear, and the rest goes on', async () => {
  const ids: Record<string, string> = {}
  for (const boom of ['mask', 'path', 'drop']) ids[boom] = await denied({ boom, note: 'secret-boom' })
  await call({ mark: 'after' })
  await marked('after')
  for (const boom of ['mask', 'path']) {
    const event = await logs.arrived(({ decision_id }) => decision_id.startsWith(`${ids[boom]}/`))
    expect(event).toEqual({ labels: expect.anything(), decision_id: expect.anything(), bundles: expect.anything(), path: 'sallyport/decision', requested_by: 'people:sam', timestamp: expect.anything(), erased: ['/input', '/result'] })
  }
  expect(logs.logged.filter(({ decision_id }) => decision_id.startsWith(`${ids['drop']}/`))).toEqual([])
  expect(holding('secret-')).toEqual([])
  await until(async () => (await status()).withheld === 1)
  const told = await status()
  expect(told).toMatchObject({ bare: 2, withheld: 1, fault: { why: expect.stringMatching(/^system\.log/) } })
  const metrics = await gateway.gateway.metrics.print()
  for (const [result, count] of [['bare', 2], ['withheld', 1], ['dropped', 2]] as const) expect(metrics).toContain(`sallyport_decision_logs_total{result="${result}"} ${count}`)
})

test('rules of another bundle hold from the first decision that it makes', async () => {
  const traffic = { on: true, sent: 0 }
  const running = (async () => {
    while (traffic.on) await call({ mark: `t${(traffic.sent += 1)}`, later: 'secret-later' })
  })()
  const changed = await activate({ 'system/log/log.rego': `${rules}\nmask contains sprintf("/input/%s/arguments/later", [where]) if some where in ["message/call", "message/body", "request/call", "request/body"]\n` })
  const from = traffic.sent
  while (traffic.sent < from + 20) await new Promise((next) => setTimeout(next, 5))
  traffic.on = false
  await running
  await marked(`t${traffic.sent}`)
  const calls = logs.logged.filter(({ input }) => input?.message.method === 'tools/call')
  const isClear = (event: Logged): boolean => JSON.stringify(event).includes('secret-later')
  expect(calls.filter((event) => event.bundles.sallyport.revision === changed && isClear(event))).toEqual([])
  expect(calls.filter((event) => event.bundles.sallyport.revision === changed).length).toBeGreaterThan(10)
  expect((await status()).fault).toBeNull()
  // And are gone with it.
  await activate({ 'system/log/log.rego': 'package system.log\n\ndrop := false\n' })
  await call({ mark: 'clear', note: 'not-hidden' })
  expect((await marked('clear')).input?.message.call?.arguments).toMatchObject({ note: 'not-hidden' })
})

test('a source whose rules are no rules about decision logs does not become active', async () => {
  const before = gateway.gateway.pipeline.status().active?.digest
  gateway.writePolicy('system/log/log.rego', 'package system.log\n\nmask contains "/requested_by"\n')
  expect((await gateway.gateway.pipeline.run()).problems).toMatchObject([{ code: 'log_mask', file: 'system/log/log.rego', row: 3 }])
  expect(gateway.gateway.pipeline.status().active?.digest).toBe(before)
  gateway.writePolicy('system/log/log.rego', rules)
})

test('where it cannot be told how far the upload was, a start says so with what to do', async () => {
  await gateway.gateway.close()
  const file = join(gateway.directory, 'sallyport.db.decision-logs')
  const whole = readFileSync(file, 'utf8')
  const start = () => startGateway({
    upstreams: { stub: { url: stub.url } }, rego: {}, directory: gateway.directory,
    settings: { policy: { source: { kind: 'directory', path: 'rego' }, decision_logs: { url: logs.url } } },
  })
  for (const damaged of ['', 'no JSON', '{"cursor": 3, "from": 0}', '{"cursor": "bm9uZQ", "from": 0}']) {
    writeFileSync(file, damaged)
    await expect(start()).rejects.toThrow(/decision-logs, which says how far .* is damaged: bring it back, or delete it/)
  }
  writeFileSync(file, JSON.stringify({ cursor: Buffer.from('1000000').toString('base64url'), from: 0 }))
  await expect(start()).rejects.toThrow(/it is of another store.*delete the file/)
  writeFileSync(file, whole)
  await (await start()).gateway.close()
  rmSync(file)
  gateway = await start()
  client = await connect(gateway.mcp('stub'), await gateway.token(who, 'stub'), '2025-11-25')
  await call({ mark: 'anew' })
  await marked('anew')
})
