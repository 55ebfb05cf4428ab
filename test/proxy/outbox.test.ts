import type { JsonObject, KnownActor, Request } from '../../src/model.ts'
import type { ClientChannel } from '../../src/proxy/channel.ts'
import { createOutboxes, type Outbox, type Said, type StreamLog } from '../../src/proxy/outbox.ts'

const said = (text: string): Said => ({ kind: 'own', answer: { envelope: { text } } })
/** An outbox only holds it. */
const channel = {} as ClientChannel
const limits = { session: 100_000, all: 150_000, age: 1000 }
/** An event that takes so many thousand bytes. */
const keep = (log: StreamLog, text: string, size = 3): string => log.add(said(text), 'x'.repeat(size * 1000 - 2048))
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
  const [one, other] = [outbox.open(channel, false), outbox.open(channel, false)]
  const first = keep(one, 'a')
  keep(other, 'elsewhere')
  one.mark()
  const last = keep(one, 'b')
  expect(texts(outbox.find(first))).toEqual(['b'])
  expect(texts(outbox.find(last))).toEqual([])
  for (const id of ['', 'name', 'name.1', 'name.1.9', 'name.9.1', 'other.1.1', 'name.1.1.1', 'name.1.-1', 'name.1.1e0', `${first} `]) expect(outbox.find(id)).toBeUndefined()
})

test('a session keeps no more than it may, and no longer', () => {
  const outbox = open().open(() => 'name', 'ada')
  const log = outbox.open(channel, false)
  const start = log.mark()
  for (const text of ['a', 'b', 'c', 'd']) keep(log, text, 40)
  expect(texts(outbox.find(start))).toEqual(['c', 'd'])
  now += 500
  keep(log, 'e', 40)
  now += 600
  expect(texts(outbox.find(start))).toEqual(['e'])
  keep(log, 'larger than all', 200)
  expect(texts(outbox.find(start))).toEqual([])
})

test('all sessions together keep no more than they may, the oldest go first', () => {
  const outboxes = open()
  const [one, other] = [outboxes.open(() => 'one', 'ada'), outboxes.open(() => 'other', 'bob')]
  const [first, second] = [one.open(channel, false), other.open(channel, false)]
  const [from, to] = [first.mark(), second.mark()]
  keep(first, 'oldest', 80)
  keep(second, 'newer', 80)
  expect([texts(one.find(from)), texts(other.find(to))]).toEqual([[], ['newer']])
  other.close()
  expect(other.find(to)).toBeUndefined()
})

test('where it is too much for all, whoever keeps most goes first, however many sessions they have', () => {
  const outboxes = open()
  const [own, one, other] = [outboxes.open(() => 'own', 'ada'), outboxes.open(() => 'one', 'bob'), outboxes.open(() => 'other', 'bob')]
  const logs = [own, one, other].map((outbox) => outbox.open(channel, false))
  const [mine, first, second] = logs.map((log) => log.mark())
  keep(logs[0]!, 'oldest, and all that she has', 65)
  keep(logs[1]!, 'a', 60)
  keep(logs[2]!, 'b', 60)
  expect([texts(own.find(mine ?? '')), texts(one.find(first ?? '')), texts(other.find(second ?? ''))]).toEqual([['oldest, and all that she has'], [], ['b']])
})

test('a stream that is over is forgotten with its last event; the one that listens lives as long as the session', () => {
  const outboxes = open()
  const outbox = outboxes.open(() => 'name', 'ada')
  const [answers, listens, silent] = [outbox.open(channel, false), outbox.open(channel, true), outbox.open(channel, false)]
  const [over, heard, nothing] = [keep(answers, 'a'), keep(listens, 'b'), silent.mark()]
  for (const log of [answers, listens, silent]) log.end()
  expect(outbox.find(over)).toMatchObject({ channel: undefined })
  expect(outbox.find(nothing)).toBeUndefined()
  now += 2000
  outboxes.sweep()
  expect(outbox.find(over)).toBeUndefined()
  expect(outbox.find(heard)?.listens).toBe(true)
  outbox.open(channel, true)
  expect(outbox.find(heard)).toBeUndefined()
})

describe('a message', () => {
  const call = (sql: string): Request => {
    const envelope = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'query', arguments: { sql } } }
    return { kind: 'request', direction: 'to_server', revision: '2025-11-25', method: 'tools/call', id: 1, envelope, body: envelope.params }
  }
  const actor = {} as KnownActor
  const answerTo = (request: Request, result: JsonObject): Said => {
    const envelope = { jsonrpc: '2.0', id: 1, result }
    return { kind: 'released', of: { exchange: 'exg_1', actor, request }, message: { kind: 'result', direction: 'to_client', revision: '2025-11-25', method: 'tools/call', id: 1, request, envelope, body: result } }
  }

  test('is told again as it was said, to the last digit', () => {
    const outbox = open().open(() => 'name', 'ada')
    const log = outbox.open(channel, false)
    const start = log.mark()
    const answer = answerTo(call('SELECT 1'), { content: [{ type: 'text', text: 'é"\n' }], structuredContent: { n: JSON.rawJSON('12345678901234567890.50'), ['__proto__']: 1 } as unknown as JsonObject })
    if (answer.kind !== 'released') throw new Error()
    const text = JSON.stringify(answer.message.envelope)
    log.add(answer, text)
    const told = outbox.find(start)?.log.after(1)?.said
    if (told?.kind !== 'released') throw new Error('it was not kept')
    expect(JSON.stringify(told.message.envelope)).toBe(text)
    expect(told.message.body).toBe(told.message.envelope['result'])
    expect(told.of).toEqual(answer.of)
    expect(told.message).toMatchObject({ kind: 'result', method: 'tools/call', id: 1, request: { method: 'tools/call' } })
  })

  test('counts its request, which is kept with it, once for all events of it', () => {
    const outboxes = createOutboxes(() => now, { session: 100_000, all: 1_000_000, age: 1000 })
    const seen = (outbox: Outbox, id: string): number => {
      let count = 0
      for (let kept = outbox.find(id)?.log.after(1); kept !== undefined; kept = outbox.find(id)?.log.after(kept.seq)) count += 1
      return count
    }
    const outbox = outboxes.open(() => 'name', 'ada')
    const log = outbox.open(channel, false)
    const start = log.mark()
    const large = call('x'.repeat(60_000))
    for (let event = 0; event < 10; event += 1) log.add(answerTo(large, {}), '{}')
    expect(seen(outbox, start)).toBe(10)
    log.add(answerTo(call('x'.repeat(60_000)), {}), '{}')
    expect(seen(outbox, start)).toBe(1)
  })
})
