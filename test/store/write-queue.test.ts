import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { makePrivateFile, openForReading, openForWriting } from '../../src/store/sqlite/database.ts'
import { migrate } from '../../src/store/sqlite/migrate.ts'
import { migrations } from '../../src/store/sqlite/migrations/index.ts'
import { filesOf } from '../../src/store/sqlite/names.ts'
import type { EventOp } from '../../src/store/sqlite/ops.ts'
import { createWriteQueue } from '../../src/store/sqlite/write-queue.ts'
import type { WriteQueue, WriteQueueOptions } from '../../src/store/sqlite/write-queue.ts'
import { silent } from '../contract/rows.ts'
import { until } from '../support/conditions.ts'
import { scratch } from './scratch.ts'

let place: ReturnType<typeof scratch>
let reading: DatabaseSync
let queue: WriteQueue
let batches: number[]
let reopened: PromiseWithResolvers<void>

async function open(limits: WriteQueueOptions['limits'] = {}): Promise<void> {
  const run = randomUUID()
  const mark = reading.prepare('SELECT op, faults FROM writer_mark WHERE run = ?')
  const observe = { committed: (ops: number) => void batches.push(ops), reopened: () => reopened.resolve() }
  queue = await createWriteQueue({ files: filesOf(place.path, 0), run, lastDurable: () => (mark.get(run) as { op: number; faults: number } | undefined) ?? { op: 0, faults: 0 }, logger: silent, observe, limits })
  await queue.write(['put_session', 'ses_1', 1, '{}', 'crm', '2025-11-25', '{}', []])
  batches.length = 0
}

beforeEach(() => {
  place = scratch()
  batches = []
  reopened = Promise.withResolvers()
  makePrivateFile(place.path)
  const db = openForWriting(place.path)
  migrate(db, migrations)
  db.close()
  reading = openForReading(place.path)
})
afterEach(async () => {
  await queue.close()
  reading.close()
  place.remove()
})

const op = (i: number, message = '{}'): EventOp => [
  'event', 'ses_1', i, `exg_${i}`, 'to_server', 'request', 'tools/call', null, 'allow', '{}', 'bnd_0', 'forwarded', '[]', message, 0, null, null,
]
const kept = (): number[] => reading.prepare('SELECT at FROM event ORDER BY seq').all().map((row) => Number(row['at']))
const write = (from: number, count: number) => Promise.allSettled(Array.from({ length: count }, (_, i) => queue.write(op(from + i))))
const codes = (outcomes: readonly PromiseSettledResult<unknown>[]): string[] =>
  outcomes.map((each) => (each.status === 'fulfilled' ? 'ok' : String((each.reason as { readonly code?: string }).code)))

/** Another process that holds the write lock, as a fault that heals when it is released. */
function lockOut(): () => void {
  const other = new DatabaseSync(place.path, { timeout: 60_000 })
  other.exec('BEGIN IMMEDIATE')
  return () => {
    other.exec('ROLLBACK')
    other.close()
  }
}

test('what waits while a commit runs is one commit itself', async () => {
  await open()
  expect(new Set(codes(await write(0, 1_500)))).toEqual(new Set(['ok']))
  expect(batches.reduce((sum, each) => sum + each, 0)).toBe(1_500)
  expect(batches.length).toBeLessThan(20)
  expect(kept()).toEqual(Array.from({ length: 1_500 }, (_, i) => i))
})

test('a write resolves after it can be read from elsewhere, not before', async () => {
  await open()
  for (let i = 0; i < 20; i++) {
    await queue.write(op(i))
    expect(kept()).toContain(i)
  }
})

test('a writer that cannot write refuses, keeps nothing of what it refused, and recovers by itself', async () => {
  await open()
  await write(0, 10)
  const release = lockOut()
  const refused = codes(await write(100, 50))
  expect(new Set(refused)).toEqual(new Set(['record_unavailable']))
  expect(queue.state()).toEqual({ writable: false, queued: 0 })
  await expect(queue.write(op(200))).rejects.toMatchObject({ code: 'record_unavailable' })
  release()
  await reopened.promise
  expect(codes(await write(300, 5))).toEqual(Array(5).fill('ok'))
  expect(kept()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 300, 301, 302, 303, 304])
})

test('a fault of one op refuses that op and keeps the rest of its batch', async () => {
  await open()
  const [, , ...rest] = op(1)
  const ops: EventOp[] = [op(0), ['event', 'ses_none', ...rest], op(2, null as unknown as string), op(3, {} as unknown as string), op(4)]
  const outcomes = codes(await Promise.allSettled(ops.map((each) => queue.write(each))))
  expect(outcomes).toEqual(['ok', 'record_unavailable', 'record_unavailable', 'record_unavailable', 'ok'])
  expect(kept()).toEqual([0, 4])
})

test('past its bound the queue refuses at once, and takes writes again when it has drained', async () => {
  await open({ ops: 100, age: 10_000 })
  const outcomes = codes(await write(0, 150))
  expect(outcomes.slice(0, 100)).toEqual(Array(100).fill('ok'))
  expect(outcomes.slice(100)).toEqual(Array(50).fill('queue_full'))
  expect(codes(await write(200, 100))).toEqual(Array(100).fill('ok'))
  expect(kept()).toHaveLength(200)
})

test('the queue is bounded by weight too, but takes any one write', async () => {
  await open({ bytes: 1_000 })
  const outcomes = await Promise.allSettled([queue.write(op(0), 5_000), queue.write(op(1), 10)])
  expect(codes(outcomes)).toEqual(['ok', 'queue_full'])
})

test('a batch holds so many bytes and no more, or one write', async () => {
  await open({ batch: 10_000 })
  const outcomes = await Promise.allSettled([6_000, 3_000, 6_000, 50_000, 10, 10].map((size, i) => queue.write(op(i), size)))
  expect(new Set(codes(outcomes))).toEqual(new Set(['ok']))
  expect(batches).toEqual([2, 1, 1, 2])
  expect(kept()).toEqual([0, 1, 2, 3, 4, 5])
})

test('while the writer is stuck new writes are refused, and those it already has end well when it moves on', async () => {
  await open({ age: 40 })
  const release = lockOut()
  const first = queue.write(op(0))
  while (queue.state().writable) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(queue.state()).toEqual({ writable: false, queued: 1 })
  await expect(queue.write(op(1))).rejects.toMatchObject({ code: 'queue_full' })
  release()
  await first
  expect(queue.state()).toEqual({ writable: true, queued: 0 })
  expect(kept()).toEqual([0])
})

test('while new writes are shed, what became of earlier ones is still taken', async () => {
  await open({ age: 40, ops: 2 })
  const release = lockOut()
  const first = queue.write(op(0))
  while (queue.state().writable) await new Promise((resolve) => setTimeout(resolve, 5))
  const outcomes = [queue.write(op(1), 1, 'outcome'), queue.write(op(2), 1, 'outcome'), queue.write(op(3), 1, 'outcome')]
  await expect(queue.write(op(4))).rejects.toMatchObject({ code: 'queue_full' })
  await expect(queue.write(op(5), 1, 'outcome')).rejects.toMatchObject({ code: 'queue_full' })
  release()
  await Promise.all([first, ...outcomes])
  expect(kept()).toEqual([0, 1, 2, 3])
})

test('of what waits for a stuck writer new work is refused first', async () => {
  await open({ age: 10, patience: 40 })
  const release = lockOut()
  const first = queue.write(op(0))
  await new Promise(setImmediate)
  const [waiting, outcome] = [queue.write(op(1)), queue.write(op(2), 1, 'outcome')]
  await expect(waiting).rejects.toMatchObject({ code: 'queue_full' })
  release()
  await Promise.all([first, outcome])
  expect(kept()).toEqual([0, 2])
})

test('a writer thread that dies loses nothing acknowledged, keeps nothing refused, and is replaced', async () => {
  await open()
  const outcomes: boolean[] = []
  let next = 0
  const writers = Array.from({ length: 32 }, async () => {
    while (next < 3_000) {
      const i = next++
      outcomes[i] = await queue.write(op(i)).then(() => true, () => false)
    }
  })
  while (next < 500) await new Promise(setImmediate)
  await queue.killThread()
  await Promise.all(writers)
  await reopened.promise
  await queue.write(op(9_999))
  const acknowledged = outcomes.flatMap((ok, i) => (ok ? [i] : []))
  expect(outcomes).toContain(false)
  expect(kept().sort((a, b) => a - b)).toEqual([...acknowledged, 9_999])
})

test('closing waits for everything that was accepted, and then refuses', async () => {
  await open()
  const all = write(0, 500)
  await queue.close()
  expect(new Set(codes(await all))).toEqual(new Set(['ok']))
  expect(kept()).toHaveLength(500)
  await expect(queue.write(op(1))).rejects.toMatchObject({ code: 'shutting_down' })
})

test('closing does not wait for a disk that stays broken', async () => {
  await open()
  const release = lockOut()
  const last = queue.write(op(0))
  const [refused] = await Promise.allSettled([last, queue.close()])
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'record_unavailable' } })
  release()
  expect(kept()).toEqual([])
})

test('a main thread that was busy does not take the writer for stuck', async () => {
  await open({ age: 500 })
  const first = queue.write(op(0))
  await new Promise(setImmediate)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500)
  await Promise.all([first, queue.write(op(1))])
  expect(kept()).toEqual([0, 1])
})

test('nor does one that was busy before it handed anything over, however long nothing was owed before', async () => {
  await open({ age: 40, patience: 60 })
  await new Promise((resolve) => setTimeout(resolve, 100)) // nothing is owed when its timer, which is earlier, looks
  await new Promise(setImmediate)
  const first = queue.write(op(0))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  await first
  await queue.write(op(1))
  expect(kept()).toEqual([0, 1])
})

test('the log is copied away by size while writing goes on', async () => {
  await open()
  const page = 'x'.repeat(40_000)
  for (let i = 0; i < 40; i++) await Promise.all(Array.from({ length: 40 }, (_, j) => queue.write(op(i * 40 + j, page))))
  const { log } = reading.prepare('PRAGMA wal_checkpoint(NOOP)').get() as { readonly log: number }
  expect(log * 4_096).toBeLessThan(32 * 1024 * 1024)
  expect(kept()).toHaveLength(1_600)
})

test('a thread that takes the place of another begins no second log', async () => {
  await open()
  await queue.write(op(0))
  rmSync(`${place.path}-wal`)
  await queue.killThread()
  expect(codes(await write(1, 1))).toEqual(['record_unavailable'])
  const since = performance.now()
  await until(() => performance.now() - since > 500 || queue.state().writable)
  expect(queue.state().writable).toBe(false)
  expect(kept()).toEqual([0])
})
