import { createCaller, fateOf, type Call } from '../../scripts/faults/caller.ts'
import { readTrace } from '../../scripts/faults/order.ts'
import { reconcile, type Journals } from '../../scripts/faults/reconcile.ts'
import type { StoredEvent } from '../../scripts/faults/store-rows.ts'

// What judges the campaigns must itself see every way in which the three journals can differ.

const call = (nonce: string, more: Partial<Call> = {}): Call => ({ nonce, startedAt: 0, status: 200, retryAfter: undefined, body: `{"result":"did ${nonce}."}`, trouble: undefined, took: 1, ...more })
const refusal = (executed: boolean): Partial<Call> => ({ status: 503, body: JSON.stringify({ error: { code: -33002, data: { executed } } }) })
const lost: Partial<Call> = { status: undefined, body: '' }
const arrived = (nonce: string) => ({ at: 0, message: { method: 'tools/call', params: { arguments: { nonce } } } })
let n = 0
const stored = (exchange: string, more: Partial<StoredEvent>): StoredEvent => ({ n: ++n, exchange, direction: 'to_server', kind: 'request', method: 'tools/call', outcome: 'forwarded', message: '{}', closes: 0, ...more })
const intent = (nonce: string, outcome = 'forwarded') => stored(`exg_${nonce}`, { outcome, message: JSON.stringify({ params: { arguments: { nonce } } }) })
const answer = (nonce: string) => stored(`exg_${nonce}`, { direction: 'to_client', kind: 'result', message: `did ${nonce}.`, closes: 1 })
const journals = (stub: string[], events: StoredEvent[], client: Call[]): Journals => ({ stub: stub.map(arrived), store: { events, faults: [] }, client })

test('a call that was recorded, sent, recorded and answered is one story', () => {
  expect(reconcile(journals(['a'], [intent('a'), answer('a')], [call('a')]))).toEqual({ differences: [], calls: 1, sent: 1, answered: 1, refused: 0, unknown: 0 })
})
test.each<[string, Journals]>([
  ['in flight at a crash, sent', journals(['a'], [intent('a', 'unknown')], [call('a', lost)])],
  ['in flight at a crash, not sent', journals([], [intent('a', 'unknown')], [call('a', lost)])],
  ['refused', journals([], [], [call('a', refusal(false))])],
  ['answered, and the answer withheld', journals(['a'], [intent('a'), stored('exg_a', { direction: 'to_client', kind: 'error', outcome: 'unknown', closes: 1 })], [call('a', refusal(true))])],
])('%s is a story, too', (_name, given) => {
  expect(reconcile(given).differences).toEqual([])
})

// A record whose sync fails as the power goes may be on the disk all the same, and nobody can take it back.
test('refused, and the last of a store whose power was cut, is a story, and nowhere else', () => {
  const [sent, refused] = [intent('a', 'unknown'), intent('b', 'unknown')]
  const cut = (stub: string[], events: StoredEvent[]): Journals => ({ ...journals(stub, events, [call('a', lost), call('b', refusal(false))]), powerWasCut: true })
  expect(reconcile(cut(['a'], [sent, refused])).differences).toEqual([])
  expect(reconcile({ ...cut(['a'], [sent, refused]), powerWasCut: false }).differences).toEqual(['b: refused as not executed, and recorded as unknown'])
  expect(reconcile(cut(['a', 'b'], [sent, refused])).differences).toEqual(['b: refused as not executed, and the server got it', 'b: refused as not executed, and recorded as unknown'])
  const later = { ...sent, n: refused.n + 1 }
  expect(reconcile(cut(['a'], [refused, later])).differences).toEqual(['b: refused as not executed, and recorded as unknown'])
  const told = { ...answer('a'), n: refused.n + 1 }
  expect(reconcile({ ...journals(['a'], [{ ...sent, outcome: 'forwarded' }, refused, told], [call('a'), call('b', refusal(false))]), powerWasCut: true }).differences).toEqual(['b: refused as not executed, and recorded as unknown'])
})

test.each<[string, Journals, string]>([
  ['sent without a record', journals(['a'], [], [call('a', lost)]), 'nothing is recorded'],
  ['sent, and recorded as denied', journals(['a'], [{ ...intent('a', 'denied'), closes: 1 }], [call('a', lost)]), 'recorded is denied'],
  ['sent twice', journals(['a', 'a'], [intent('a'), answer('a')], [call('a')]), '2 times'],
  ['sent for nobody', journals(['a'], [intent('a', 'unknown')], []), 'no client asked'],
  ['answered without a record of the answer', journals(['a'], [intent('a'), { ...answer('a'), message: '{}' }], [call('a')]), 'not recorded'],
  ['answered and unknown', journals(['a'], [intent('a', 'unknown'), answer('a')], [call('a')]), 'recorded as unknown'],
  ['answered and never sent', journals([], [intent('a'), answer('a')], [call('a')]), 'never sent'],
  ['refused as not executed, and sent', journals(['a'], [intent('a', 'unknown')], [call('a', refusal(false))]), 'the server got it'],
  ['refused, and recorded as sent', journals([], [intent('a', 'unknown')], [call('a', refusal(false))]), 'recorded as unknown'],
  ['told as executed, and never sent', journals([], [intent('a', 'unknown')], [call('a', refusal(true))]), 'never got it'],
  ['neither closed nor unknown', journals(['a'], [intent('a')], [call('a', lost)]), 'neither closed nor unknown'],
  ['recorded twice', journals(['a'], [intent('a'), intent('a'), answer('a')], [call('a')]), 'recorded 2 times'],
  ['answered with something else', journals([], [], [call('a', { status: 500, body: '{"error":{"code":-32603}}' })]), 'answered with 500'],
  ['answered with the answer of another', journals([], [], [call('a', { body: '{"result":"did b."}' })]), 'answered with 200'],
  ['answered with a denial', journals([], [], [call('a', { body: '{"result":{"isError":true}}' })]), 'answered with 200'],
  ['a store that is not whole', { ...journals([], [], []), store: { events: [], faults: ['a gap'] } }, 'a gap'],
])('%s is a difference', (_name, given, wanted) => {
  expect(reconcile(given).differences.join('\n')).toContain(wanted)
})

test('bytes of an answer count as the answer, also where the rest was cut off', () => {
  expect(fateOf(call('a', { body: '{"result":"did a.' }))).toBe('answered')
  expect(fateOf(call('ab', { body: '{"result":"did a.' }))).toBe('lost')
})

test('a caller keeps what it gets, and tells who never answers', async () => {
  const caller = createCaller('http://127.0.0.1:1/', ['token'], 'x')
  expect(fateOf(await caller.call())).toBe('lost')
  expect(caller.calls).toHaveLength(1)
  caller.close()
})

const log = '12 pwrite64(20</s/sallyport.db-wal>, "..{\\"nonce\\":\\"q1\\"}..", 4096, 0) = 4096'
const sync = '12 fsync(20</s/sallyport.db-wal>) = 0'
const send = '11 writev(30<TCP:[1->2]>, [{iov_base="..{\\"nonce\\":\\"q1\\"}.."}], 1) = 99'
const isOrdered = (...lines: readonly string[]): boolean => readTrace(lines.join('\n')).isCallOrdered('q1')

test('of the kernel\'s calls only written, synced, sent is in order', () => {
  expect(isOrdered(log, sync, send)).toBe(true)
  expect(isOrdered(log, '12 fsync(20</s/sallyport.db-wal> <unfinished ...>', '12 <... fsync resumed>) = 0', send)).toBe(true)
  expect(isOrdered(log, send, sync)).toBe(false)
  expect(isOrdered(sync, log, send)).toBe(false)
  expect(isOrdered(log, '12 fsync(20</s/sallyport.db-wal> <unfinished ...>', send, '12 <... fsync resumed>) = 0')).toBe(false)
  expect(isOrdered(log, '12 fsync(20</s/sallyport.db-wal>) = -1 EIO (Input/output error)', send)).toBe(false)
  expect(isOrdered(log, '12 fsync(21</s/sallyport.db>) = 0', send)).toBe(false)
})
