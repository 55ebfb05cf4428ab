import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { createApprovals } from '../../src/approval/approval.ts'
import type { Approvals, HoldInput } from '../../src/approval/approval.ts'
import type { Answer, ApprovalRow } from '../../src/approval/approval-store.ts'
import type { AccountId } from '../../src/account.ts'
import type { Actor, Requirement } from '../../src/model.ts'
import { createSealing } from '../../src/sealing.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { decision, person, requester, silent } from '../contract/rows.ts'
import { scratch } from '../store/scratch.ts'

const key = randomBytes(32)
let place: ReturnType<typeof scratch>
let store: Store
let approvals: Approvals
let time: number
let ticks: number
let changes: string[]
let ids = 0

const open = (changed: Partial<Parameters<typeof createApprovals>[0]> = {}): Approvals =>
  createApprovals({
    store: store.approvals, clock: () => time, monotonic: () => ticks, ids: { approval: () => `apr_${++ids}` }, key,
    redactText: (text) => text.replaceAll('4111111111111111', '[CARD]'), logger: silent, onChange: (row) => void changes.push(`${row.id} ${row.state}`), ...changed,
  })

beforeEach(async () => {
  place = scratch()
  store = await createSqliteStore({ path: place.path, logger: silent })
  time = 1_000_000
  ticks = 0
  ids = 0
  changes = []
  approvals = open()
})
afterEach(async () => {
  approvals.close()
  await store.close()
  place.remove()
})

const bulk: Requirement = { rule: 'crm/require_approval/bulk', code: 'bulk', reviewers: ['oncall'], quorum: 1 }
const needing = (requirements: readonly Requirement[], more: { ttl?: string; risk?: number } = {}): HoldInput['decision'] => ({
  ...decision('require_approval'), risk: more.risk ?? 0, approval: { ttl: more.ttl ?? '15m', requirements },
})
const call = (more: Partial<HoldInput> = {}): HoldInput => ({
  requester, upstream: 'crm', session: 'ses_1', exchange: 'exg_1', method: 'tools/call', call: { kind: 'tool', name: 'export', arguments: { card: '[CARD]' }, others: {} },
  params: '{"name":"export","arguments":{"card":"4111111111111111","limit":5000.0}}', definition_sha256: 'ff', decision: needing([bulk]), carried: [], ...more,
})
const reviewer = (subject: string, groups: readonly string[] = ['oncall'], more: Parameters<typeof person>[1] = {}) => person(subject, { groups, ...more })
const approve = (row: ApprovalRow, who: Actor = reviewer('bob')) => approvals.answer(row.id, who, { verdict: 'approve', reason: 'fine' })
const deny = (row: ApprovalRow, who: Actor = reviewer('bob'), reason = 'no') => approvals.answer(row.id, who, { verdict: 'deny', reason })
const held = async (more: Partial<HoldInput> = {}) => (await approvals.hold(call(more))).approval
const never = new AbortController().signal

test('what a person was granted is not a program\'s whom its issuer calls alike', async () => {
  const row = await held()
  await approve(row)
  const other = await held({ requester: { ...requester, kind: 'service' } })
  expect(other).toMatchObject({ state: 'pending' })
  expect(other.id).not.toBe(row.id)
  expect((await held()).id).toBe(row.id)
})

test('held, granted, used once: what is executed is what was held, to the digit', async () => {
  const row = await held()
  expect(row).toMatchObject({ id: 'apr_1', state: 'pending', expires_at: time + 900_000, digest: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(approvals.openParams(row)).toBeDefined()
  expect(await approve(row)).toMatchObject({ ok: true, approval: { state: 'granted', answers: [{ requirement: bulk.rule, verdict: 'approve', reviewer: { subject: 'bob' } }] } })
  const granted = (await approvals.get(row.id))!
  expect(approvals.grantOf(granted)).toEqual({
    id: 'apr_1', met: [{ rule: bulk.rule, reviewers: ['oncall'], quorum: 1 }], risk: 0, granted_by: ['bob'], at: new Date(time).toISOString(),
  })
  expect(JSON.stringify(approvals.openParams(granted))).toBe('{"name":"export","arguments":{"card":"4111111111111111","limit":5000.0}}')
  expect(await approvals.consume(row.id)).toBe(true)
  expect(await approvals.consume(row.id)).toBe(false)
  const executed = (await approvals.get(row.id))!
  expect(executed).toMatchObject({ state: 'executed', sealed_params: null })
  expect(approvals.openParams(executed)).toBeUndefined()
  expect(changes).toEqual(['apr_1 pending', 'apr_1 granted', 'apr_1 executed'])
})

test('of 100 who use one grant at once exactly one may', async () => {
  const row = await held()
  await approve(row)
  const won = await Promise.all(Array.from({ length: 100 }, () => approvals.consume(row.id)))
  expect(won.filter(Boolean)).toHaveLength(1)
})

test('the same call joins the open approval, even when many are made at once', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, () => approvals.hold(call({ session: 'ses_2' }))))
  expect(all.filter(({ fresh }) => fresh)).toHaveLength(1)
  expect(new Set(all.map(({ approval }) => approval.id)).size).toBe(1)
  await approve(all[0]!.approval)
  expect(await approvals.hold(call())).toMatchObject({ fresh: false, approval: { state: 'granted' } })
  await approvals.consume(all[0]!.approval.id)
  expect(await approvals.hold(call())).toMatchObject({ fresh: true, approval: { state: 'pending' } })
})

test('a retry with other passing members is still the same call', async () => {
  await held()
  const params = '{"_meta":{"progressToken":1},"name":"export","arguments":{"card":"4111111111111111","limit":5000.0},"requestState":"x"}'
  expect(await approvals.hold(call({ params }))).toMatchObject({ fresh: false })
})

const other: readonly (readonly [string, Partial<HoldInput>])[] = [
  ['arguments', { params: '{"name":"export","arguments":{"card":"4111111111111111","limit":5001}}' }],
  ['spelling of a number', { params: '{"name":"export","arguments":{"card":"4111111111111111","limit":5000}}' }],
  ['upstream', { upstream: 'files' }],
  ['method', { method: 'resources/read' }],
  ['caller', { requester: person('mallory') }],
  ['issuer of the caller', { requester: person('alice', { issuer: 'https://other.example' }) }],
  ['person acted for', { requester: { ...requester, acting_for: { issuer: 'i', subject: 'boss' } } }],
  ['tool definition', { definition_sha256: 'ee' }],
  ['requirements', { decision: needing([{ ...bulk, quorum: 2 }]) }],
  ['risk to bear', { decision: needing([bulk, { ...bulk, rule: 'sallyport/risk' }], { risk: 95 }) }],
]
test.each(other)('another %s wants an approval of its own', async (_, more) => {
  const first = await held('decision' in more ? { decision: needing([bulk, { ...bulk, rule: 'sallyport/risk' }], { risk: 72 }) } : {})
  await approve(first)
  expect(await approvals.hold(call(more))).toMatchObject({ fresh: true, approval: { state: 'pending' } })
})

test('what an agent has not heard of a refusal for one person is not lost by what it asks for another', async () => {
  const acting = (subject: string): Partial<HoldInput> => ({ requester: { ...person('agent'), acting_for: { issuer: 'i', subject } } })
  const refused = await held(acting('sam'))
  await deny(refused)
  await held(acting('eve'))
  expect(await approvals.hold(call(acting('sam')))).toMatchObject({ fresh: false, approval: { id: refused.id, state: 'refused' } })
})

test('sealed params taken from another approval, or changed in the store, do not open', async () => {
  const mine = await held()
  const theirs = await held({ requester: person('mallory') })
  expect(approvals.openParams({ ...mine, sealed_params: theirs.sealed_params })).toBeUndefined()
  expect(approvals.openParams({ ...mine, upstream: 'files' })).toBeUndefined()
  expect(approvals.openParams({ ...mine, digest: theirs.digest.replace(/./, (digit) => (digit === '0' ? '1' : '0')) })).toBeUndefined()
  expect(open({ key: randomBytes(32) }).openParams(mine)).toBeUndefined()
})

test('what reviewers were shown, what was asked of them and until when is bound to the params', async () => {
  const row = await held()
  const { requirements: [first], reasons, call: shown } = row
  const changed: readonly Partial<ApprovalRow>[] = [
    { call: { ...shown, name: 'list' } }, { call: { ...shown, others: { dry_run: true } } }, { reasons: [...reasons, ...reasons] }, { risk: row.risk + 1 }, { requirements: [] }, { requirements: [{ ...first!, quorum: 0 }] },
    { carried: [first!] }, { expires_at: row.expires_at + 1 }, { definition_sha256: 'f'.repeat(64) }, { requester: { ...row.requester, groups: ['admins'] } }, { session: 'ses_other' },
  ]
  for (const each of changed) expect(approvals.openParams({ ...row, ...each })).toBeUndefined()
  expect(approvals.openParams(row)).toBeDefined()
})

test('no state and no answer that was only written into the store is an approval', async () => {
  const row = await held({ decision: needing([{ ...bulk, quorum: 2 }]) })
  await approve(row, reviewer('bob'))
  await approve(row, reviewer('carol'))
  const granted = (await approvals.get(row.id))!
  const [bob, carol] = granted.answers
  const other = await held({ requester: person('mallory'), decision: needing([{ ...bulk, quorum: 2 }]) })
  const forged: readonly (readonly Answer[])[] = [[], [bob!], [carol!], [carol!, bob!], [bob!, bob!], [bob!, { ...carol!, reviewer: { issuer: 'i', subject: 'eve' } }], [bob!, { ...carol!, verdict: 'deny' }], [bob!, { ...carol!, mark: '' }], [bob!, carol!, { ...carol!, mark: '' }]]
  for (const answers of forged) expect(approvals.openParams({ ...granted, answers })).toBeUndefined()
  expect(approvals.openParams({ ...other, state: 'granted', answers: granted.answers })).toBeUndefined()
  expect(approvals.openParams(granted)).toBeDefined()
})

test.each([
  ['pending', "UPDATE approval SET call = json_set(call, '$.name', 'list')"], ['granted', "UPDATE approval SET state = 'granted'"],
  ['pending', `UPDATE approval SET answers = '[{"index":0,"verdict":"approve","reviewer":{"issuer":"i","subject":"eve"},"mark":""}]', answer_count = 1`],
])('one that is %s, and is not what was put before its reviewers, is void: nobody is asked about it, and the same call is held anew', async (_, change) => {
  const row = await held()
  const database = new DatabaseSync(place.path, { timeout: 5_000 })
  database.exec(change)
  database.close()
  expect(await approvals.get(row.id)).toMatchObject({ state: 'void', sealed_params: null })
  for (const state of ['pending', 'granted'] as const) expect((await approvals.list({ state })).items).toEqual([])
  expect(await approve(row)).toMatchObject({ ok: false, code: 'not_pending' })
  const anew = await held()
  expect(anew).toMatchObject({ state: 'pending' })
  expect(anew.id).not.toBe(row.id)
  expect((await store.approvals.get(row.id))?.state).toBe('void')
})

test('what an earlier version held in another form is void', async () => {
  const row = await held()
  const { requester: { issuer, subject }, upstream, method } = row
  const older = createSealing(key, { seal: 'approval params', digest: 'approval digest' }).seal(call().params, [row.id, issuer, subject, upstream, method])
  const database = new DatabaseSync(place.path, { timeout: 5_000 })
  database.prepare("UPDATE approval SET call = json_remove(call, '$.others'), sealed_params = ?").run(older)
  database.close()
  expect(await approve(row)).toMatchObject({ ok: false, message: 'the approval is void, no longer pending' })
  expect((await held()).id).not.toBe(row.id)
})

const alice = { issuer: 'https://id.example', subject: 'alice' }
const barred: readonly (readonly [string, Actor, string, Partial<HoldInput>])[] = [
  ['the requester', reviewer('alice'), 'own_request', {}],
  ['the requester in another session, with more groups', reviewer('alice', ['oncall', 'admins']), 'own_request', {}],
  ['the requester from another issuer, by e-mail', reviewer('a.smith', ['oncall'], { issuer: 'https://other.example', email: 'ALICE@example.com' }), 'own_request', {}],
  ['whom the requester acts for', reviewer('alice'), 'own_request', { requester: { ...person('agent'), acting_for: alice } }],
  ['whom the requester acts for at second hand', reviewer('alice'), 'own_request', { requester: { ...person('agent'), acting_for: { issuer: 'i', subject: 's', acting_for: alice } } }],
  ['somebody acting for the requester', reviewer('eve', ['oncall'], { acting_for: alice }), 'own_request', {}],
  ['a person of another group', reviewer('bob', ['support']), 'not_a_reviewer', {}],
  ['a person of a group alike', reviewer('bob', ['ci:oncall', 'Oncall']), 'not_a_reviewer', {}],
  ['a service account', { ...reviewer('bot'), kind: 'service' }, 'not_a_person', {}],
  ['an agent', { ...reviewer('bot'), kind: 'agent' }, 'not_a_person', {}],
  ['nobody', { kind: 'nobody', groups: [], groups_known: true }, 'not_a_person', {}],
]
test.each(barred)('%s may neither approve nor deny', async (_, who, code, more) => {
  const row = await held(more)
  expect(await approve(row, who)).toMatchObject({ ok: false, code })
  expect(await deny(row, who)).toMatchObject({ ok: false, code })
  expect(await approvals.get(row.id)).toMatchObject({ state: 'pending', answers: [] })
})

test('a quorum needs different people; one person counts once, whatever they sign in with', async () => {
  const row = await held({ decision: needing([{ ...bulk, quorum: 2 }]) })
  expect(await approve(row, reviewer('bob', ['oncall'], { email: 'bob@example.com' }))).toMatchObject({ ok: true, approval: { state: 'pending' } })
  expect(await approve(row, reviewer('bob'))).toMatchObject({ ok: false, code: 'already_answered' })
  const again = reviewer('robert', ['oncall'], { issuer: 'https://other.example', email: 'Bob@Example.com' })
  expect(await approve(row, again)).toMatchObject({ ok: false, code: 'already_answered' })
  expect(await approve(row, reviewer('eve'))).toMatchObject({ ok: true, approval: { state: 'granted' } })
})

test('people who answer at once are all counted', async () => {
  const row = await held({ decision: needing([{ ...bulk, quorum: 5 }]) })
  const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((who) => approve(row, reviewer(who))))
  expect(answers.map(({ ok }) => ok)).toEqual([true, true, true, true, true])
  expect(await approvals.get(row.id)).toMatchObject({ state: 'granted', answers: { length: 5 } })
})

test('one answer counts for every requirement its giver may answer, and for no other', async () => {
  const legal = { ...bulk, rule: 'crm/require_approval/legal', reviewers: ['legal'] }
  const row = await held({ decision: needing([bulk, legal]) })
  expect(await approve(row, reviewer('bob'))).toMatchObject({ ok: true, approval: { state: 'pending' } })
  expect(await approve(row, reviewer('eve', ['legal', 'oncall']))).toMatchObject({ ok: true, approval: { state: 'granted', answers: { length: 3 } } })
})

test('one refusal refuses, wants a reason, and erases the params', async () => {
  const row = await held({ decision: needing([{ ...bulk, quorum: 2 }]) })
  await approve(row, reviewer('bob'))
  expect(await deny(row, reviewer('eve'), '  ')).toMatchObject({ ok: false, code: 'reason_required' })
  expect(await deny(row, reviewer('bob'), 'on second thoughts, 4111111111111111')).toMatchObject({ ok: true, approval: { state: 'refused', sealed_params: null } })
  expect((await approvals.get(row.id))?.answers.at(-1)?.reason).toBe('on second thoughts, [CARD]')
  expect(await approve(row, reviewer('joe'))).toMatchObject({ ok: false, code: 'not_pending' })
  expect(await approvals.answer(row.id, reviewer('joe'), { verdict: 'deny', reason: 'x'.repeat(2_001) })).toMatchObject({ ok: false, code: 'reason_too_long' })
  expect(await approvals.answer('apr_none', reviewer('joe'), { verdict: 'approve', reason: '' })).toMatchObject({ ok: false, code: 'not_found' })
})

test('an expired approval is neither answered, joined nor used, even before the sweep', async () => {
  const pending = await held()
  const granted = await held({ upstream: 'files' })
  await approve(granted)
  time += 900_000
  expect(await approve(pending)).toMatchObject({ ok: false, code: 'not_pending' })
  expect(await approvals.consume(granted.id)).toBe(false)
  expect(await approvals.get(granted.id)).toMatchObject({ state: 'expired', sealed_params: null })
  expect((await approvals.list({ state: 'pending' })).items).toEqual([])
  expect(await approvals.hold(call())).toMatchObject({ fresh: true })
  expect(await approvals.sweep()).toBe(2)
  expect(await store.approvals.get(pending.id)).toMatchObject({ state: 'expired', sealed_params: null })
  expect(await approvals.sweep()).toBe(0)
})

test('a clock set back revives nothing, and lifetimes run on', async () => {
  const row = await held()
  await approve(row)
  time += 3_600_000
  expect((await approvals.get(row.id))?.state).toBe('expired')
  time -= 7_200_000
  expect((await approvals.get(row.id))?.state).toBe('expired')
  expect(await approvals.consume(row.id)).toBe(false)
  const later = await held()
  await approve(later)
  ticks += 900_001
  expect(await approvals.consume(later.id)).toBe(false)
})

test('the smallest of 15 minutes by default, what the policy says, and 24 hours', async () => {
  for (const [ttl, ms] of [['2m', 120_000], ['72h', 86_400_000], ['soon', 900_000]] as const) {
    const row = await held({ upstream: ttl, decision: needing([bulk], { ttl }) })
    expect(row.expires_at - row.created_at).toBe(ms)
  }
})

test('who waits is woken by the grant, the refusal, the withdrawal and the expiry', async () => {
  const rows = await Promise.all(['a', 'b', 'c', 'd'].map((upstream) => held({ upstream })))
  const waits = rows.map(({ id }) => approvals.wait(id, { signal: never }))
  await approve(rows[0]!)
  await deny(rows[1]!)
  await approvals.end(rows[2]!.id, 'withdrawn')
  expect((await Promise.all(waits.slice(0, 3))).map(({ state }) => state)).toEqual(['granted', 'refused', 'withdrawn'])
  time += 900_000
  await approvals.sweep()
  expect((await waits[3]!).state).toBe('expired')
})

test('who waits gets the approval as it stands when they stop waiting', async () => {
  const row = await held({ decision: needing([{ ...bulk, quorum: 2 }]) })
  const stop = new AbortController()
  const wait = approvals.wait(row.id, { signal: stop.signal })
  await approve(row)
  stop.abort()
  expect(await wait).toMatchObject({ state: 'pending', answers: { length: 1 } })
  expect(await approvals.wait(row.id, { signal: stop.signal })).toMatchObject({ state: 'pending' })
  expect(await approvals.wait(row.id, { signal: never, until: time })).toMatchObject({ state: 'pending' })
  const soon = approvals.wait(row.id, { signal: never, until: time + 20 })
  time += 20
  expect(await soon).toMatchObject({ state: 'pending' })
  await expect(approvals.wait('apr_none', { signal: never })).rejects.toThrow('no such approval')
})

test('closing wakes all who wait', async () => {
  const row = await held()
  const wait = approvals.wait(row.id, { signal: never })
  approvals.close()
  expect(await wait).toMatchObject({ state: 'pending' })
})

test('what was withdrawn or made void is over', async () => {
  const row = await held()
  await approve(row)
  expect(await approvals.end(row.id, 'void')).toBe(true)
  expect(await approvals.end(row.id, 'withdrawn')).toBe(false)
  expect(await approvals.consume(row.id)).toBe(false)
  expect(await approvals.get(row.id)).toMatchObject({ state: 'void', sealed_params: null })
})

test('what an earlier approval met is carried, and only the rest is asked', async () => {
  const legal = { ...bulk, rule: 'crm/require_approval/legal', reviewers: ['legal'] }
  const carried = [{ rule: bulk.rule, reviewers: ['oncall'], quorum: 1 }]
  const row = await held({ decision: needing([bulk, legal]), carried })
  expect(row.requirements).toEqual([legal])
  await approve(row, reviewer('eve', ['legal']))
  const grant = approvals.grantOf((await approvals.get(row.id))!)
  expect(grant.met.map(({ rule }) => rule)).toEqual([legal.rule, bulk.rule])
  const risk = { ...bulk, rule: 'sallyport/risk' }
  const again = await held({ upstream: 'files', decision: needing([risk], { risk: 95 }), carried: [{ rule: risk.rule, reviewers: ['oncall'], quorum: 1 }] })
  expect(again.requirements).toEqual([risk])
})

test('approvals and their expiries survive a restart', async () => {
  const row = await held()
  await approve(await held({ upstream: 'files' }))
  approvals.close()
  await store.close()
  store = await createSqliteStore({ path: place.path, logger: silent })
  approvals = open()
  expect(await approvals.hold(call())).toMatchObject({ fresh: false, approval: { id: row.id, expires_at: row.expires_at } })
  const granted = (await approvals.list({ state: 'granted' })).items[0]!
  expect(approvals.openParams(granted)).toMatchObject({ name: 'export' })
  expect(await approvals.consume(granted.id)).toBe(true)
})

test('a held call without anything to approve, or without an object as params, is a fault', async () => {
  await expect(approvals.hold(call({ decision: needing([]) }))).rejects.toThrow('at least one requirement')
  await expect(approvals.hold(call({ params: '[]' }))).rejects.toThrow('must be an object')
})

test('a listener that throws changes nothing', async () => {
  approvals.close()
  approvals = open({
    onChange: () => {
      throw new Error('listener')
    },
  })
  expect(await approve(await held())).toMatchObject({ ok: true, approval: { state: 'granted' } })
})

describe('a reviewer\'s account', () => {
  const two: Requirement = { ...bulk, quorum: 2 }
  const accounts = new Map<string, AccountId>()
  beforeEach(() => {
    accounts.clear()
    approvals.close()
    approvals = open({ accountOf: async ({ subject }) => accounts.get(subject) })
  })

  test('that has ended, or is another one by now, takes its yes away', async () => {
    accounts.set('bob', 'acc_1')
    const row = await held({ decision: needing([two]) })
    await approve(row)
    accounts.set('bob', 'acc_2')
    expect(await approve(row, reviewer('ann'))).toMatchObject({ ok: true, approval: { state: 'pending' } })
    expect(await approve(row, reviewer('ann'))).toMatchObject({ ok: false, code: 'already_answered' })
    expect(await approve(row)).toMatchObject({ ok: true, approval: { state: 'granted' } })
    expect(approvals.grantOf((await approvals.get(row.id))!).granted_by.toSorted()).toEqual(['ann', 'bob'])
  })

  test('that nobody knows here, and one that still stands, change nothing', async () => {
    accounts.set('bob', 'acc_1')
    const row = await held({ decision: needing([{ ...bulk, quorum: 3 }]) })
    await approve(row)
    await approve(row, reviewer('carl'))
    expect(await approve(row, reviewer('ann'))).toMatchObject({ ok: true, approval: { state: 'granted' } })
  })
})
