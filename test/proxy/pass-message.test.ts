import { randomBytes, randomUUID } from 'node:crypto'
import { createApprovals, type Approvals } from '../../src/approval/approval.ts'
import { createDetectors } from '../../src/detect/index.ts'
import { scan } from '../../src/detect/scan.ts'
import { redact, redactText } from '../../src/enforce/redact.ts'
import { GatewayError } from '../../src/errors.ts'
import { createMetrics } from '../../src/metrics/metrics.ts'
import type { GrantedApproval, Ids, Json, Request, Result } from '../../src/model.ts'
import type { BuiltBundle } from '../../src/policy/bundle.ts'
import { createPolicyEngine, type PolicyEngine } from '../../src/policy/engine.ts'
import { createCounters } from '../../src/proxy/counters.ts'
import { createDefinitions } from '../../src/proxy/definitions.ts'
import type { Judge } from '../../src/proxy/evaluate.ts'
import { createOwnTasks } from '../../src/proxy/own-tasks.ts'
import { isCurrent, passMessage } from '../../src/proxy/pipeline.ts'
import { createSessions } from '../../src/proxy/sessions.ts'
import { passUnfolded } from '../../src/proxy/task-results.ts'
import { createTurns } from '../../src/proxy/turns.ts'
import { createRecorder } from '../../src/record/recorder.ts'
import { createRooms } from '../../src/core/rooms.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import type { Upstream } from '../../src/upstream/upstream.ts'
import { printJson } from '../../src/wire/json.ts'
import { decision, person, silent } from '../contract/rows.ts'
import { bundleOf, openCompiler } from '../policy/support.ts'
import { plainBasis } from '../record/basis.ts'
import { scratch } from '../store/scratch.ts'

// A bundle that changes between the record of a decision and the sending of the message, and a record that cannot be made.

const compiler = openCompiler()
const saying = async (kind: 'allow' | 'deny') => bundleOf(await compiler.compile(`decision := {"kind": "${kind}", "reasons": [{"code": "said", "rule": "x/${kind}"}], "risk": 0, "listed": []}`))
const ids: Ids = { session: () => `ses_${randomUUID()}`, exchange: () => `exg_${randomUUID()}`, approval: () => `apr_${randomUUID()}`, secret: randomUUID }
const actor = person('sam')
let bundles: { readonly allowing: BuiltBundle; readonly allowingToo: BuiltBundle; readonly denying: BuiltBundle }
let place: ReturnType<typeof scratch>
let store: Store
let engine: PolicyEngine
let approvals: Approvals
let rooms: Judge
/** Happens once a record is durable. */
let recorded: () => Promise<void>

beforeAll(async () => {
  bundles = { allowing: await saying('allow'), allowingToo: await saying('allow'), denying: await saying('deny') }
})
afterAll(() => compiler.close())
beforeEach(async () => {
  place = scratch()
  store = await createSqliteStore({ path: place.path, logger: silent })
  const detectors = createDetectors({})
  const scanBody = (body: Json) => scan(body, detectors)
  const clean = (text: string) => redactText(text, detectors)
  engine = createPolicyEngine({ detectors: detectors.names, logger: silent })
  approvals = createApprovals({ store: store.approvals, clock: Date.now, ids, key: randomBytes(32), redactText: clean, logger: silent })
  const recorder = createRecorder({ store: store.records, basis: plainBasis(), redact: (message, found: ReturnType<typeof scanBody>, masks) => redact(message, found, masks, scanBody), redactText: clean, isPlain: detectors.isPlain, print: printJson, clock: Date.now, logger: silent })
  const { meters } = createMetrics()
  const made = createRooms({ limits: { answer: 1e6, depth: 64 }, detectors, engine, recorder, approvals, meters, patience: { without: 1, withProgress: 1, silence: 1 }, clock: Date.now, ids, logger: silent })
  const record = async (...args: Parameters<typeof made.record.record>) => {
    await made.record.record(...args)
    await recorded()
  }
  rooms = { ...made, record: { ...made.record, record }, counters: createCounters(Date.now), definitions: createDefinitions(printJson), turns: createTurns(10), tasks: createOwnTasks(Date.now, meters.unjudged) }
  await engine.activate(bundles.allowing)
})
afterEach(async () => {
  approvals.close()
  await engine.close()
  await store.close()
  place.remove()
})

const params = { name: 'change', arguments: { to: 1 } }
const request: Request = {
  direction: 'to_server', revision: '2025-11-25', kind: 'request', id: 1, method: 'tools/call', body: params,
  envelope: { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, call: { kind: 'tool', name: 'change', arguments: { to: 1 }, annotations: {}, template: false },
}
/** An approved call on its way to its server. */
async function pass() {
  // Its link is never used: nothing is sent here.
  const upstream: Upstream = { name: 'crm', labels: {}, open: () => ({}) as ReturnType<Upstream['open']>, close: async () => undefined }
  const session = createSessions(rooms, { all: 10, perCaller: 10 }).modern({ actor, upstream, revision: '2025-11-25', client: {} })
  const { approval } = await approvals.hold({
    requester: actor, upstream: 'crm', session: session.id, exchange: 'exg_1', method: 'tools/call', call: { kind: 'tool', name: 'change', arguments: {}, others: {} }, params: JSON.stringify(params), definition_sha256: null, carried: [],
    decision: decision('require_approval'),
  })
  await approvals.answer(approval.id, person('rita', { groups: ['oncall'] }), { verdict: 'approve', reason: 'fine' })
  const row = (await approvals.get(approval.id))!
  const passage = await passMessage(request, { session, exchange: 'exg_1', actor }, { closes: false, claim: { take: () => approvals.consume(row.id), giveBack: () => approvals.giveBack(row) } }, rooms).catch((cause: unknown) => cause)
  const events = (await store.records.listEvents(session.id, {})).items
  return { passage, rows: events.map(({ outcome, decision: { reasons } }) => [outcome, ...reasons.map(({ code }) => code)]), approval: (await approvals.get(row.id))! }
}
const once = (then: () => Promise<unknown>) => {
  let done = false
  recorded = async () => {
    if (done) return
    done = true
    await then()
  }
}

test('a bundle that then refuses: the second record says what it replaces, and the approval is not spent', async () => {
  once(() => engine.activate(bundles.denying))
  const { passage, rows, approval } = await pass()
  expect(passage).toMatchObject({ kind: 'refused' })
  expect(rows).toEqual([['forwarded', 'said'], ['denied', 'said', 'judged_again']])
  expect(approval.state).toBe('granted')
  expect(approvals.openParams(approval)).toEqual(params)
})

test('a bundle that lets it pass too: the approval is used once, and the second record says what it replaces', async () => {
  once(() => engine.activate(bundles.allowingToo))
  const { passage, rows, approval } = await pass()
  expect(passage).toMatchObject({ kind: 'forward', evaluated: { bundle: bundles.allowingToo.digest } })
  expect(rows).toEqual([['forwarded', 'said'], ['forwarded', 'said', 'judged_again']])
  expect(approval).toMatchObject({ state: 'executed', sealed_params: null })
})

test('a call that cannot be recorded gives its approval back', async () => {
  once(async () => {
    throw new GatewayError('record_unavailable', { detail: 'the disk is gone' })
  })
  const { passage, approval } = await pass()
  expect(passage).toMatchObject({ code: 'record_unavailable' })
  expect(approval.state).toBe('granted')
})

test('a bundle that changes after the result of a task was judged, before the message that brings it: both are judged by the new one', async () => {
  const upstream: Upstream = { name: 'crm', labels: {}, open: () => ({}) as ReturnType<Upstream['open']>, close: async () => undefined }
  const session = createSessions(rooms, { all: 10, perCaller: 10 }).modern({ actor, upstream, revision: '2025-11-25', client: {} })
  session.tasks.set('t1', { request, approval: undefined }, 100)
  const word = (kind: string) => `{"kind": "${kind}", "reasons": [{"code": "said", "rule": "x/${kind}"}], "risk": 0, "listed": []}`
  const withholding = await bundleOf(await compiler.compile(`decision := ${word('allow')} if { input.message.method == "tasks/result" } else := ${word('deny')}`))
  let records = 0
  recorded = async () => void ((records += 1) === 2 && (await engine.activate(withholding)))
  const asked: Request = { ...request, id: 2, method: 'tasks/result', body: { taskId: 't1' }, envelope: { jsonrpc: '2.0', id: 2, method: 'tasks/result', params: { taskId: 't1' } } }
  const body = { content: [] }
  const brought: Result = { direction: 'to_client', revision: '2025-11-25', kind: 'result', id: 2, method: 'tasks/result', request: asked, envelope: { jsonrpc: '2.0', id: 2, result: body }, body }
  expect(await passUnfolded(brought, { session, exchange: 'exg_1', actor }, { closes: true }, session, rooms)).toMatchObject({ kind: 'refused', judged: { message: { method: 'tools/call' } } })
})

describe('a tool of which its server says something else', () => {
  const upstream: Upstream = { name: 'crm', labels: {}, open: () => ({}) as ReturnType<Upstream['open']>, close: async () => undefined }
  const say = (destructiveHint: boolean) => rooms.definitions.learn('crm', [{ kind: 'tool', name: 'change', value: { name: 'change', annotations: { destructiveHint } } }])
  const told = () => rooms.definitions.describe('crm', 'tool', 'change')
  const passOnce = async (approval?: GrantedApproval) => {
    say(false)
    const described: Request = { ...request, call: { ...request.call!, ...told() } }
    const session = createSessions(rooms, { all: 10, perCaller: 10 }).modern({ actor, upstream, revision: '2025-11-25', client: {} })
    const about = { session, exchange: 'exg_1' as const, actor, approval }
    return { about, passage: await passMessage(described, about, { closes: false }, rooms) }
  }

  test('while a call is recorded: it is judged again', async () => {
    once(async () => say(true))
    expect((await passOnce()).passage).toMatchObject({ kind: 'forward', judged: { question: { message: { call: told() } } } })
    expect(told()).toMatchObject({ annotations: { destructiveHint: true } })
  })

  test('… and an approved call is refused: its reviewers were told something else', async () => {
    once(async () => say(true))
    const approval: GrantedApproval = { id: 'apr_1', met: [], risk: 0, granted_by: ['rita'], at: '2026-01-01T00:00:00Z' }
    expect((await passOnce(approval)).passage).toMatchObject({ kind: 'refused', judged: { decision: { reasons: [{ code: 'approval_void' }] } } })
  })

  test('before its first byte: it is not sent as it was judged', async () => {
    recorded = async () => undefined
    const { about, passage } = await passOnce()
    expect(isCurrent(passage.judged, about, rooms)).toBe(true)
    say(true)
    expect(isCurrent(passage.judged, about, rooms)).toBe(false)
  })
})
