import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs'
import type { Act } from '../../src/bundle/trust/acts.ts'
import { openPolicyActs } from '../../src/store/sqlite/policy-acts.ts'
import { createSqliteStore, prepareSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { answerEvent, approvalRow, event, sessionRow, silent } from '../contract/rows.ts'
import { scratch } from './scratch.ts'

let place: ReturnType<typeof scratch>
let held: ReturnType<typeof prepareSqliteStore> | undefined
const open: Store[] = []
const writer = async (number: number): Promise<Store> => {
  const store = await createSqliteStore({ path: place.path, logger: silent, writer: number, files: held?.files })
  open.push(store)
  return store
}
beforeEach(() => {
  place = scratch()
  held = prepareSqliteStore({ path: place.path, logger: silent, at: 1 })
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((store) => store.close()))
  held?.release()
  place.remove()
})

const outcomes = async (store: Store, id: `ses_${string}`) => (await store.records.listEvents(id, {})).items.map(({ outcome }) => outcome)

test('several writers at once: nothing is refused, and each session has its events in order without gaps', async () => {
  const both = [await writer(0), await writer(1)]
  await Promise.all(
    both.map(async (store, index) => {
      await store.records.putSession(sessionRow(String(index)))
      for (let round = 0; round < 20; round += 1) await Promise.all(Array.from({ length: 20 }, (_, i) => store.records.append(event(String(index), `${round}-${i}`))))
    }),
  )
  for (const id of ['ses_0', 'ses_1'] as const) {
    const { items } = await both[0]!.records.listEvents(id, { limit: 1_000 })
    expect(items.map(({ seq }) => seq)).toEqual(Array.from({ length: 400 }, (_, i) => i + 1))
    expect(items.map(({ exchange }) => exchange)).toEqual(Array.from({ length: 400 }, (_, i) => `exg_${Math.floor(i / 20)}-${i % 20}`))
  }
})

test('when all have ended, the log is folded into the database and gone', async () => {
  const both = await Promise.all([writer(0), writer(1)])
  await Promise.all(both.map((store, index) => store.records.putSession(sessionRow(String(index)))))
  await Promise.all(open.splice(0).map((store) => store.close()))
  held?.release()
  held = undefined
  expect(existsSync(`${place.path}-wal`)).toBe(false)
})

test('what one writer left open is unknown; what the other is at stays as it is', async () => {
  const [one, other] = [await writer(0), await writer(1)]
  await one.records.putSession(sessionRow('1'))
  await other.records.putSession(sessionRow('2'))
  await one.records.append(event('1', 'a'))
  await other.records.append(event('2', 'b'))
  expect(await one.records.closeInterrupted(9_000)).toBe(1)
  expect([await outcomes(one, 'ses_1'), await outcomes(one, 'ses_2')]).toEqual([['unknown'], ['forwarded']])
  expect((await one.records.listSessions({})).items.map(({ id, ended_at }) => [id, ended_at])).toEqual([['ses_2', null], ['ses_1', 9_000]])
  await other.records.append(answerEvent('2', 'b'))
  expect(await other.records.closeInterrupted(9_500)).toBe(0)
})

test('a granted approval is used up once, whichever writers try', async () => {
  const both = [await writer(0), await writer(1)]
  await both[0]!.approvals.insert(approvalRow('1', { state: 'granted', expires_at: 10_000 }))
  const used = await Promise.all(Array.from({ length: 40 }, (_, i) => both[i % 2]!.approvals.move('apr_1', 'granted', 'executed', 2_000)))
  expect(used.filter(Boolean)).toHaveLength(1)
})

test('a gateway is refused while the supervisor holds the store, and while a worker of a killed supervisor still writes', async () => {
  const worker = await writer(0)
  const start = () => createSqliteStore({ path: place.path, logger: silent })
  await expect(start()).rejects.toThrow('in use by another gateway')
  held?.release()
  held = undefined
  await expect(start()).rejects.toThrow('in use by a worker of another gateway')
  await worker.records.putSession(sessionRow('1'))
  await worker.records.append(event('1', 'a'))
  await worker.close()
  const next = prepareSqliteStore({ path: place.path, logger: silent, at: 9_000 })
  expect(next.interrupted).toBe(1)
  next.release()
})

test('a worker that outlives its supervisor writes nothing more once another gateway has the store, where its lock is gone', async () => {
  const worker = await writer(0)
  await worker.records.putSession(sessionRow('1'))
  await worker.records.append(event('1', 'a'))
  held?.release()
  rmSync(`${place.path}.workers.lock`)
  held = prepareSqliteStore({ path: place.path, logger: silent, at: 9_000 })
  expect(held.interrupted).toBe(1)
  await expect(worker.records.append(answerEvent('1', 'a'))).rejects.toMatchObject({ code: 'record_unavailable' })
  const next = await writer(0)
  expect(await outcomes(next, 'ses_1')).toEqual(['unknown'])
})

test.each([
  ['moved away', (file: string) => renameSync(file, `${file}.aside`)],
  ['gone', (file: string) => rmSync(file)],
  ['replaced', (file: string) => { copyFileSync(file, `${file}.copy`); renameSync(`${file}.copy`, file) }],
])('no writer joins, and no act is written, where the log of the others is %s; all that was recorded is kept', async (_, take) => {
  const one = await writer(0)
  await one.records.putSession(sessionRow('1'))
  const acts = openPolicyActs(place.path, held?.files)
  take(`${place.path}-wal`)
  await expect(writer(1)).rejects.toThrow('sallyport.db-wal was removed or replaced')
  await expect(acts.append({ at: 1, kind: 'resume', by: null, reason: 'r', from: { digest: 'bnd_1' } as Act['from'], to: null })).rejects.toThrow('was removed or replaced')
  await expect(one.records.putSession(sessionRow('2'))).rejects.toMatchObject({ code: 'record_unavailable' })
  await Promise.all(open.splice(0).map((store) => store.close()))
  held?.release()
  held = prepareSqliteStore({ path: place.path, logger: silent, at: 1 })
  expect((await (await writer(0)).records.listSessions({})).items.map(({ id }) => id)).toContain('ses_1')
})
