import { fc } from '../support/property.ts'
import { overlap } from '../../src/places.ts'
import type { Decision, Exchange, Json, JsonObject, JudgedMessage, KnownActor, Message, Question, Request, Result } from '../../src/model.ts'
import { changedPlaces } from '../../src/record/changed-places.ts'
import { createRebuilder, type Asked } from '../../src/record/rebuild.ts'
import type { BasisParts } from '../../src/record/make-basis.ts'
import type { EventRow } from '../../src/record/record-store.ts'
import { namedCall } from '../../src/wire/call.ts'
import { listOf } from '../../src/wire/list.ts'
import { decision, person, sessionRow } from '../contract/rows.ts'
import { plainBasis } from './basis.ts'

/** What is kept of a message where `hide` is replaced, and the question as it is put together again. */
function recording(parts: Partial<BasisParts> = {}) {
  const session = { ...sessionRow('1', { actor: person('sam', { claims: { iat: 1, team: 'a' } }), client: {} }) }
  const basis = plainBasis(parts)
  const rebuilder = createRebuilder({ callOf: namedCall, listOf })
  let seq = 0
  basis.opened(session, true)
  const ask = (message: Message, more: Partial<Question> = {}): Question => ({
    actor: session.actor as KnownActor, upstream: { name: 'crm', labels: {} }, session: { id: session.id, started_at: new Date(session.started_at).toISOString(), client: {}, calls: 1, denied: 0, approvals: 0, bytes_out: 9 },
    message: headOf(message), ...('request' in message ? { request: headOf(message.request) } : {}), entries: [], findings: [], now: '2026-01-01T00:00:00.000Z', ...more,
  })
  return {
    record(message: Message, { question = ask(message), hide = (envelope: JsonObject) => envelope, decided = decision('allow') as Decision, exchange = 'exg_1' as Exchange['exchange'] } = {}) {
      const made: Exchange = { session: session.id, exchange, at: Date.parse(question.now) + 3, message, findings: question.findings, decision: decided, verdict: decided, outcome: 'forwarded', closes: false, question }
      const envelope = hide(message.envelope)
      const text = basis.of(made, { envelope, method: message.method, findingsAsTheyWere: true, verdict: undefined })
      const event: EventRow = { session: session.id, seq: ++seq, at: made.at, exchange, direction: message.direction, kind: message.kind, method: message.method, call: null, decision: decided, bundle: decided.bundle, outcome: 'forwarded', findings: question.findings, message: JSON.stringify(envelope), closes: false, basis: text }
      return { question, basis: text, asked: rebuilder.next(event, session) }
    },
    ask, session,
  }
}
const headOf = (message: Message): JudgedMessage => {
  const { direction, kind, method, revision, body } = message
  return { direction, kind, method, revision, ...('call' in message && message.call !== undefined ? { call: message.call } : {}), body }
}
const request = (method: string, body: JsonObject, more: Partial<Request> = {}): Request => {
  const named = namedCall(method, body)
  return { kind: 'request', direction: 'to_server', revision: '2025-11-25', id: 1, method, body, envelope: { jsonrpc: '2.0', id: 1, method, params: body }, ...(named === undefined ? {} : { call: { ...named, annotations: { readOnlyHint: true }, definition_sha256: 'ab' } }), ...more }
}
const result = (to: Request, body: JsonObject): Result => ({ kind: 'result', direction: 'to_client', revision: to.revision, id: 1, method: to.method, request: to, body, envelope: { jsonrpc: '2.0', id: 1, result: body } })
/** Nothing differs but what is told as lost. */
const isFaithful = ({ question, asked }: { readonly question: Question; readonly asked: Asked | undefined }): boolean =>
  asked !== undefined && changedPlaces(question as unknown as Json, asked.question as unknown as Json).every((place) => asked.lost.some((lost) => overlap(lost, place)))

test('a call and its answer are asked again as they were', () => {
  const { record } = recording()
  const call = request('tools/call', { name: 'query', arguments: { sql: 'SELECT 1' } })
  const asked = record(call)
  expect(asked.asked).toMatchObject({ question: asked.question, lost: [] })
  const answer = record(result(call, { content: [] }))
  expect(answer.asked).toMatchObject({ question: answer.question, lost: [] })
})

test('what was replaced in the record is told, in the body and in what is taken from it', () => {
  const { record } = recording()
  const call = request('tools/call', { name: 'query', arguments: { note: 'secret', limit: 1 } })
  const hide = (envelope: JsonObject) => ({ ...envelope, params: { name: 'query', arguments: { note: '[MASKED]', limit: 1 } } })
  const asked = record(call, { hide })
  expect(asked.asked?.lost).toEqual(['/message/body/arguments/note', '/message/call/arguments/note'])
  expect(isFaithful(asked)).toBe(true)
  const answer = record(result(call, { rows: [{ ssn: '1' }, { ssn: '2' }] }), { hide: (envelope) => ({ ...envelope, result: { rows: [{ ssn: 'x' }, { ssn: 'x' }] } }) })
  expect(answer.asked?.lost.toSorted()).toEqual(['/message/body/rows/*/ssn', '/request/body/arguments/note', '/request/call/arguments/note'])
  expect(answer.basis).not.toContain('secret')
})

test('two requests that say nothing but their method are told apart, though they share a body', () => {
  const { record } = recording()
  const body = {}
  const ping = request('ping', body)
  const roots: Request = { ...request('roots/list', body), direction: 'to_client' }
  record(ping)
  record(roots)
  const reply = record({ ...result(roots, { roots: [] }), direction: 'to_server' })
  expect(reply.asked).toMatchObject({ question: { request: { method: 'roots/list', direction: 'to_client' } }, lost: [] })
  expect(record(result(ping, {})).asked).toMatchObject({ question: { request: { method: 'ping', direction: 'to_server' } }, lost: [] })
})

test('a request that another message stood for is the one that was recorded of its exchange', () => {
  const { record } = recording()
  record(request('tools/call', { name: 'export', arguments: { limit: 5 }, _meta: { a: 1 } }))
  const live = request('tools/call', { name: 'export', arguments: { limit: 5 }, _meta: { a: 2 } })
  const answer = record(result(live, { content: [] }))
  expect(answer.asked?.lost).toEqual(['/request/body/_meta/a'])
  expect(isFaithful(answer)).toBe(true)
  const other = record(result(live, { content: [] }), { exchange: 'exg_2' })
  expect(other.asked?.lost).toContain('/request')
})

test('another token of the caller is kept by what differs; its claims only where rules read them', () => {
  const other = person('sam', { groups: ['oncall'], claims: { iat: 2, team: 'a' } })
  for (const [reads, lost] of [[['/actor/groups'], ['/actor/claims']], [['/actor/claims/team'], []]] as const) {
    const { record, ask } = recording({ reads: () => [...reads, '/message/call/annotations', '/message/call/definition_sha256'] })
    const call = request('ping', {})
    const asked = record(call, { question: ask(call, { actor: other }) })
    expect(asked.asked?.lost).toEqual(lost)
    expect(isFaithful(asked)).toBe(true)
  }
})

test('what rules did not read of a definition is not kept, and what a detector finds in it never', () => {
  const call = request('tools/call', { name: 'query', arguments: {} })
  expect(recording({ reads: () => ['/message/call/name'] }).record(call).asked?.lost).toEqual(['/message/call/annotations', '/message/call/definition_sha256'])
  expect(recording({ isClean: () => false }).record(call)).toMatchObject({ asked: { lost: ['/message/call/annotations'] }, basis: expect.not.stringContaining('readOnlyHint') as string })
})

test('a list whose names were replaced is told as lost', () => {
  const { record, ask } = recording()
  const list = request('tools/list', {})
  const tools = [{ name: 'card 4111', inputSchema: {} }, { name: 'query', inputSchema: {} }]
  const entries = tools.map(({ name }) => ({ kind: 'tool' as const, name, annotations: {}, template: false }))
  const answer = result(list, { tools })
  const question = ask(answer, { entries })
  expect(record(answer, { question }).asked).toMatchObject({ question: { entries }, lost: [] })
  const hidden = record(answer, { question, hide: (envelope) => ({ ...envelope, result: { tools: [{ name: '[MASKED]', inputSchema: {} }, tools[1]!] } }) })
  expect(hidden.asked?.lost).toContain('/entries')
})

test('where no policy was asked there is nothing to ask again', () => {
  const { record } = recording()
  const stale: Decision = { kind: 'deny', reasons: [{ code: 'policy_stale', rule: 'sallyport/policy_stale' }], risk: 0, listed: [], bundle: 'bnd_1' }
  expect(record(request('ping', {}), { decided: stale })).toMatchObject({ basis: null, asked: undefined })
})

test('every place in which two values differ is told', () => {
  const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>
  const without = (value: Json, places: readonly string[], at = ''): unknown => {
    if (places.includes(at)) return 'told'
    if (Array.isArray(value)) return value.map((each: Json) => without(each, places, `${at}/*`))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, without(member as Json, places, `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)]))
  }
  fc.assert(fc.property(json, json, fc.array(json), (a, b, more) => {
    for (const [left, right] of [[a, b], [{ a, more }, { a: b, more }], [[a, b, ...more], [b, b, ...more]]] as const) {
      const places = changedPlaces(left as Json, right as Json)
      expect(without(left as Json, places)).toEqual(without(right as Json, places))
    }
  }), { numRuns: 300 })
})

test('of rows each kind of place is told once, as if each change were spelt out', () => {
  /** One after another, and nothing below what was told before. */
  const spelt = (before: Json, after: Json, at: string, found: Set<string>): void => {
    if (found.has(at) || before === after) return
    if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) return void before.forEach((each: Json, index) => spelt(each, after[index] as Json, `${at}/*`, found))
    const [left, right] = [before, after].map((value) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : undefined))
    if (left === undefined || right === undefined) return void (JSON.stringify(before) !== JSON.stringify(after) && found.add(at))
    for (const name of left) {
      if (!right.includes(name)) return void found.add(at)
      spelt((before as JsonObject)[name] as Json, (after as JsonObject)[name] as Json, `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, found)
    }
    if (left.length !== right.length) found.add(at)
  }
  const cell = fc.oneof({ weight: 4, arbitrary: fc.constantFrom<Json>('a', 'b', 1, null) }, fc.constantFrom<Json>([1, 'a'], [1, 'b'], [], { a: 1 }, { a: 2 }, { b: 1 }))
  const row = fc.dictionary(fc.constantFrom('a', 'b', 'c/d', '~', '*', '0'), cell, { noNullPrototype: true })
  fc.assert(fc.property(fc.array(fc.tuple(row, row, fc.boolean()), { maxLength: 8 }), row, row, (rows, one, other) => {
    const [before, after] = [{ rows: rows.map(([was]) => was), one }, { rows: rows.map(([was, is, isSame]) => (isSame ? was : is)), one: other }]
    const found = new Set<string>()
    spelt(before, after, '', found)
    expect(changedPlaces(before, after)).toEqual([...found])
  }), { numRuns: 500 })
  const many = (by: number) => Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`m${index}`, index * by]))
  expect(changedPlaces(many(1), many(2))).toEqual([''])
  const below = (name: string, by: number) => ({ [name]: { a: by, b: by, c: by } })
  expect(changedPlaces(below('x'.repeat(2000), 1), below('x'.repeat(2000), 2))).toHaveLength(3)
  expect(changedPlaces(below('x'.repeat(4000), 1), below('x'.repeat(4000), 2))).toEqual([''])
})
