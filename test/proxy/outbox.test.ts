import type { ClientChannel } from '../../src/proxy/channel.ts'
import { createOutboxes, type Said } from '../../src/proxy/outbox.ts'

const said = (text: string): Said => ({ kind: 'own', answer: { envelope: { text } } })
/** An outbox needs of a channel only whether all was said. */
const channel = (isOver = false) => ({ isOver }) as ClientChannel
const limits = { session: 100, all: 150, age: 1000 }
let now: number
const open = () => createOutboxes(() => now, limits)
const texts = (found: ReturnType<ReturnType<ReturnType<typeof open>['open']>['find']>) => {
  const seen: unknown[] = []
  for (let kept = found?.log.after(found.seq); kept !== undefined; kept = found?.log.after(kept.seq)) seen.push(kept.said.kind === 'own' ? kept.said.answer.envelope['text'] : undefined)
  return seen
}
beforeEach(() => (now = 5000))

test('what came after an event is found by its id, on its own stream only', () => {
  const outbox = open().open(() => 'name', 'ada')
  const [one, other] = [outbox.open(channel(), false), outbox.open(channel(), false)]
  const first = one.add(said('a'), 1)
  other.add(said('elsewhere'), 1)
  one.mark()
  const last = one.add(said('b'), 1)
  expect(texts(outbox.find(first))).toEqual(['b'])
  expect(texts(outbox.find(last))).toEqual([])
  for (const id of ['', 'name', 'name.1', 'name.1.9', 'name.9.1', 'other.1.1', 'name.1.1.1', 'name.1.-1', 'name.1.1e0', `${first} `]) expect(outbox.find(id)).toBeUndefined()
})

test('a session keeps no more than it may, and no longer', () => {
  const outbox = open().open(() => 'name', 'ada')
  const log = outbox.open(channel(), false)
  const start = log.mark()
  for (const text of ['a', 'b', 'c', 'd']) log.add(said(text), 40)
  expect(texts(outbox.find(start))).toEqual(['c', 'd'])
  now += 500
  log.add(said('e'), 40)
  now += 600
  expect(texts(outbox.find(start))).toEqual(['e'])
  log.add(said('larger than all'), 200)
  expect(texts(outbox.find(start))).toEqual([])
})

test('all sessions together keep no more than they may, the oldest go first', () => {
  const outboxes = open()
  const [one, other] = [outboxes.open(() => 'one', 'ada'), outboxes.open(() => 'other', 'bob')]
  const [first, second] = [one.open(channel(), false), other.open(channel(), false)]
  const [from, to] = [first.mark(), second.mark()]
  first.add(said('oldest'), 80)
  second.add(said('newer'), 80)
  expect([texts(one.find(from)), texts(other.find(to))]).toEqual([[], ['newer']])
  other.close()
  expect(other.find(to)).toBeUndefined()
})

test('where it is too much for all, whoever keeps most goes first, however many sessions they have', () => {
  const outboxes = open()
  const [own, one, other] = [outboxes.open(() => 'own', 'ada'), outboxes.open(() => 'one', 'bob'), outboxes.open(() => 'other', 'bob')]
  const logs = [own, one, other].map((outbox) => outbox.open(channel(), false))
  const [mine, first, second] = logs.map((log) => log.mark())
  logs[0]?.add(said('oldest, and all that she has'), 65)
  logs[1]?.add(said('a'), 60)
  logs[2]?.add(said('b'), 60)
  expect([texts(own.find(mine ?? '')), texts(one.find(first ?? '')), texts(other.find(second ?? ''))]).toEqual([['oldest, and all that she has'], [], ['b']])
})

test('a stream that is over is forgotten with its last event; the one that listens lives as long as the session', () => {
  const outboxes = open()
  const outbox = outboxes.open(() => 'name', 'ada')
  const over = outbox.open(channel(true), false).add(said('a'), 1)
  const listens = outbox.open(channel(true), true).add(said('b'), 1)
  now += 2000
  outboxes.sweep()
  expect(outbox.find(over)).toBeUndefined()
  expect(outbox.find(listens)?.listens).toBe(true)
  outbox.open(channel(), true)
  expect(outbox.find(listens)).toBeUndefined()
})
