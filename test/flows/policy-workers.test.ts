import { ownerOf } from '../../src/workers/owner.ts'
import { readMessages } from '../support/events.ts'
import { connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { startLogReceiver, type LogReceiver } from '../support/log-receiver.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Several processes: each tells its own sessions and judges its own held calls by another policy; what all of them decide is reported once.

const issuer = 'https://people.example'
const names = Array.from({ length: 20 }, (_, index) => `person-${index}`)
const subjects = [0, 1].map((worker) => names.find((name) => ownerOf(issuer, name, 2) === worker) ?? '')
const policy = (more = '') => `package policies.test

allow if input.actor.kind != "nobody"

require_approval contains {"code": "asked", "reviewers": ["oncall"]} if input.message.call.name == "change"
${more}`
interface Logged {
  readonly decision_id: string
  readonly requested_by: string
  readonly bundles: { readonly sallyport: { readonly revision: string } }
  readonly erased?: readonly string[]
}
let logs: LogReceiver<Logged>
let stub: StubServer
let gateway: TestGateway

beforeAll(async () => {
  logs = await startLogReceiver()
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools: [{ name: 'change', inputSchema: { type: 'object' } }] }) }))
  gateway = await startGateway({
    upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy() },
    settings: { workers: 2, logging: { level: 'error' }, policy: { source: { kind: 'directory', path: 'rego' }, decision_logs: { url: logs.url } } },
  })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
  await logs?.close()
})

test('sessions of every worker hear of another policy, and their held calls are judged by it', async () => {
  const clients = await Promise.all(subjects.map(async (subject) => {
    const token = await gateway.token({ subject, groups: [] }, 'stub')
    const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
    const abort = new AbortController()
    const response = await fetch(gateway.mcp('stub'), { headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-11-25' }, signal: abort.signal })
    return { stream: readMessages(response), held: client.request('tools/call', { name: 'change', arguments: {} }), leave: () => abort.abort() }
  }))
  const reviewer = await gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api')
  const pending = async () => ((await (await fetch(`${gateway.url}/api/v1/approvals?state=pending`, { headers: { authorization: `Bearer ${reviewer}` } })).json()) as { items: unknown[] }).items.length
  while ((await pending()) < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  gateway.writePolicy('policies/test/test.rego', policy('\ndeny contains {"code": "stopped"} if input.message.call.name == "change"\n'))
  gateway.writePolicy('system/log/log.rego', 'package system.log\n\nmask contains "/input/actor/groups"\n')
  expect((await gateway.gateway.pipeline.run()).error).toBeUndefined()
  for (const { stream, held, leave } of clients) {
    expect((await held).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { executed: false, reasons: [{ code: 'stopped' }] } } })
    for (const list of ['tools', 'prompts', 'resources']) expect((await stream.next()).value).toMatchObject({ method: `notifications/${list}/list_changed` })
    leave()
  }
  expect(await pending()).toBe(0)
})

test('what the workers decide is reported once, by whichever decided it', async () => {
  for (const subject of subjects) await logs.arrived(({ requested_by }) => requested_by === `people:${subject}`)
  expect(new Set(logs.logged.map(({ decision_id }) => decision_id)).size).toBe(logs.logged.length)
  const { digest } = gateway.gateway.pipeline.status().active ?? {}
  const isOfAnother = ({ bundles }: Logged) => bundles.sallyport.revision === digest
  await logs.arrived(isOfAnother)
  expect(logs.logged.filter(isOfAnother).filter(({ erased = [] }) => !erased.includes('/input/actor/groups'))).toEqual([])
})
