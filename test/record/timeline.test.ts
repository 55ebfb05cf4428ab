import type { EventRow, SessionSummary } from '../../src/record/record-store.ts'
import { replay } from '../../src/record/timeline.ts'
import { answerEvent, decision, event, sessionRow } from '../contract/rows.ts'

const session: SessionSummary = { ...sessionRow('1', { started_at: 1_000 }), events: 0, denied: 0, masked: 0, approvals: 0 }
const at = (seq: number, row: Omit<EventRow, 'seq'>, time = 1_000 + seq * 10): EventRow => ({ ...row, seq, at: time })
const shown = (events: readonly EventRow[]) => replay(session, events).steps.map(({ seq, answers, answered_by, duration_ms }) => [seq, answers, answered_by, duration_ms])

test('an answer is joined to its request, however exchanges overlap', () => {
  const events = [at(1, event('1', 'a')), at(2, event('1', 'b')), at(3, answerEvent('1', 'b')), at(4, answerEvent('1', 'a', { kind: 'error' }))]
  expect(shown(events)).toEqual([[1, null, 4, 30], [2, null, 3, 10], [3, 2, null, 10], [4, 1, null, 30]])
})

test('what the server asks while it works is joined to what the client replies', () => {
  const ask = { method: 'sampling/createMessage', call: null }
  const events = [
    at(1, event('1', 'a')),
    at(2, event('1', 'a', { ...ask, direction: 'to_client' })),
    at(3, answerEvent('1', 'a', { ...ask, direction: 'to_server', closes: false })),
    at(4, answerEvent('1', 'a')),
  ]
  expect(shown(events)).toEqual([[1, null, 4, 30], [2, null, 3, 10], [3, 2, null, 10], [4, 1, null, 30]])
})

test('the answer to a held call belongs to the request that went on', () => {
  const events = [at(1, event('1', 'a', { outcome: 'held', decision: decision('require_approval') })), at(2, event('1', 'a')), at(3, answerEvent('1', 'a'))]
  expect(shown(events)).toEqual([[1, null, null, null], [2, null, 3, 10], [3, 2, null, 10]])
})

test('a held call that never went on is answered by its refusal', () => {
  const events = [at(1, event('1', 'a', { outcome: 'held' })), at(2, answerEvent('1', 'a', { outcome: 'denied' }))]
  expect(shown(events)).toEqual([[1, null, 2, 10], [2, 1, null, 10]])
})

test('notifications, and requests without an answer, stand alone', () => {
  const events = [at(1, event('1', 'a', { outcome: 'unknown' })), at(2, event('1', 'a', { kind: 'notification', method: 'notifications/progress' }))]
  expect(shown(events)).toEqual([[1, null, null, null], [2, null, null, null]])
})

test('order is by number, not by a clock that was set back', () => {
  const steps = replay(session, [at(2, answerEvent('1', 'a'), 500), at(1, event('1', 'a'), 1_200)]).steps
  expect(steps.map(({ seq, offset_ms, duration_ms }) => [seq, offset_ms, duration_ms])).toEqual([[1, 200, 0], [2, -500, 0]])
})
