import type { DatabaseSync } from 'node:sqlite'
import { makePrivateFile, openForReading, openForWriting } from '../../src/store/sqlite/database.ts'
import { createApplier } from '../../src/store/sqlite/apply.ts'
import { foldLeftOver } from '../../src/store/sqlite/fold.ts'
import { migrate } from '../../src/store/sqlite/migrate.ts'
import { migrations } from '../../src/store/sqlite/migrations/index.ts'
import type { EventOp, Op } from '../../src/store/sqlite/ops.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { answerEvent, decision, event, sessionRow, silent } from '../contract/rows.ts'
import { scratch } from './scratch.ts'

let place: ReturnType<typeof scratch>
beforeEach(() => {
  place = scratch()
})
afterEach(() => place.remove())

function database(upTo = migrations.length): DatabaseSync {
  makePrivateFile(place.path)
  const db = openForWriting(place.path)
  migrate(db, migrations.slice(0, upTo))
  return db
}

const shared = { shared: JSON.stringify(decision('mask')) }
function op(session: number, exchange: number, what: 'asks' | 'is asked' | 'answers' | 'ends' | 'is denied'): EventOp {
  const kind = what === 'asks' || what === 'is asked' || what === 'is denied' ? 'request' : 'result'
  const said = what === 'is denied' ? (['deny', JSON.stringify(decision('deny'))] as const) : (['mask', shared] as const)
  const direction = what === 'is asked' || what === 'ends' ? 'to_client' : 'to_server'
  return [
    'event', `ses_${session}`, 1, `exg_${exchange}`, direction, kind, 'tools/call', null, ...said, 'bnd_0', what === 'is denied' ? 'denied' : 'forwarded', '[]', '{}',
    what === 'ends' || what === 'is denied' ? 1 : 0, null, null,
  ]
}
const put = (session: number): Op => ['put_session', `ses_${session}`, 1, '{}', 'crm', '2025-11-25', '{}', []]
const tables = (db: DatabaseSync) => ({
  places: db.prepare('SELECT session, seq, event FROM event_place ORDER BY session, seq').all(),
  sessions: db.prepare('SELECT n, events, denied, masked, approvals FROM session ORDER BY n').all(),
  open: db.prepare('SELECT exchange, event, direction FROM open_exchange ORDER BY exchange').all(),
})

test('a writer folds the same from its memory as the next one from its events, wherever it dies', () => {
  const db = database()
  const whats = ['asks', 'is asked', 'answers', 'ends', 'is denied', 'asks'] as const
  for (let round = 0; round < 15; round += 1) {
    db.exec('DELETE FROM open_exchange; DELETE FROM event_place; DELETE FROM event; DELETE FROM session; UPDATE writer_mark SET unfolded_from = NULL')
    const applier = createApplier(db, 'run', undefined)
    const commit = (work: () => void) => {
      db.exec('BEGIN IMMEDIATE')
      work()
      db.exec('COMMIT')
    }
    commit(() => {
      for (let session = 0; session < 3; session += 1) applier.apply(put(session))
      applier.flush(1, 0)
    })
    for (let batch = 0; batch < 12; batch += 1) {
      commit(() => {
        for (let i = 0; i < 5; i += 1) applier.apply(op(Math.floor(Math.random() * 3), Math.floor(Math.random() * 8), whats[Math.floor(Math.random() * whats.length)]!))
        applier.flush(1, 0)
      })
      if (batch === 4) commit(() => applier.fold())
    }
    db.exec('BEGIN IMMEDIATE')
    foldLeftOver(db, undefined)
    const byTheNext = tables(db)
    db.exec('ROLLBACK')
    commit(() => applier.fold())
    expect(tables(db)).toEqual(byTheNext)
    expect(byTheNext.places).toHaveLength(60)
    expect(db.prepare('SELECT count(*) AS n FROM session s WHERE events <> (SELECT count(*) FROM event e WHERE e.session = s.n)').get()).toEqual({ n: 0 })
  }
  db.close()
})

test('lists and counts are whole before, amid and after folding', async () => {
  const store = await createSqliteStore({ path: place.path, logger: silent })
  const reading = openForReading(place.path)
  const folded = reading.prepare('SELECT count(*) AS n FROM event_place')
  await store.records.putSession(sessionRow('1'))
  await store.records.putSession(sessionRow('2'))
  const denied = decision('deny')
  const seen: number[] = []
  for (let round = 1; round <= 5; round += 1) {
    await Promise.all(Array.from({ length: 300 }, (_, i) => store.records.append(event(i % 3 === 0 ? '2' : '1', `${round}-${i}`, i % 2 === 0 ? { decision: denied } : {}))))
    seen.push(Number(folded.get()?.['n']))
    expect(await store.records.getSession('ses_1')).toMatchObject({ events: 200 * round, denied: 100 * round })
    expect((await store.records.listSessions({})).items.map(({ id, events }) => [id, events])).toEqual([['ses_2', 100 * round], ['ses_1', 200 * round]])
    const numbers: number[] = []
    for (let cursor: string | undefined; ; ) {
      const page = await store.records.listEvents('ses_1', { limit: 170, ...(cursor === undefined ? {} : { cursor }) })
      numbers.push(...page.items.map(({ seq }) => seq))
      if (page.next_cursor === null) break
      cursor = page.next_cursor
    }
    expect(numbers).toEqual(Array.from({ length: 200 * round }, (_, i) => i + 1))
  }
  // The first rounds were not folded, a later one was, and what came after it was not.
  expect(seen[0]).toBe(0)
  expect(seen.at(-1)).toBeGreaterThan(0)
  expect(seen.at(-1)).toBeLessThan(1_500)
  await store.close()
  expect(folded.get()).toEqual({ n: 1_500 })
  reading.close()
})

test('a decision that many events carry is kept once and read with each', async () => {
  const store = await createSqliteStore({ path: place.path, logger: silent })
  await store.records.putSession(sessionRow('1'))
  const masked = decision('mask')
  for (let i = 0; i < 20; i += 1) await store.records.append(answerEvent('1', String(i), { decision: masked, basis: '{}' }))
  await store.records.append(answerEvent('1', 'other', { decision: decision('allow'), basis: '{}' }))
  const { items } = await store.records.listEvents('ses_1', {})
  expect(items.map((each) => each.decision)).toEqual([...Array.from({ length: 20 }, () => masked), decision('allow')])
  expect((await store.records.listRecorded({ from: 0, to: 9_999 })).items.map((each) => each.event.decision)).toEqual(items.map((each) => each.decision))
  expect(await store.records.getSession('ses_1')).toMatchObject({ events: 21, masked: 20 })
  await store.close()
  const db = openForReading(place.path)
  expect(db.prepare('SELECT kind, text FROM decision').all()).toEqual([{ kind: 'mask', text: JSON.stringify(masked) }])
  // The first was kept where it was met: it might have been the only one.
  expect(db.prepare('SELECT count(*) AS n FROM event WHERE length(decision) < 4').get()).toEqual({ n: 19 })
  db.close()
})

test('events of another writer\'s session are refused', async () => {
  const db = database()
  const [own, other] = [createApplier(db, 'a', 0), createApplier(db, 'b', 1)]
  own.apply(put(1))
  expect(() => other.apply(op(1, 1, 'asks'))).toThrow("another writer's")
  db.close()
})

test('what was recorded before there was folding is found as before', async () => {
  const db = database(5)
  db.exec(`
    INSERT INTO session (id, started_at, actor, upstream, revision, client, events) VALUES ('ses_1', 1, '{}', 'crm', '2025-11-25', '{}', 2);
    INSERT INTO event (session, seq, at, exchange, direction, kind, method, decision, bundle, outcome, findings, message, closes)
    VALUES (1, 1, 1, 'exg_1', 'to_server', 'request', 'ping', '{"kind":"allow"}', 'bnd_0', 'forwarded', '[]', '1', 0),
           (1, 2, 1, 'exg_1', 'to_client', 'result', 'ping', '{"kind":"allow"}', 'bnd_0', 'forwarded', '[]', '2', 1)`)
  db.close()
  const store = await createSqliteStore({ path: place.path, logger: silent })
  await store.records.append(event('1', 'b', { message: '3' }))
  expect((await store.records.listEvents('ses_1', {})).items.map(({ seq, message, decision: { kind } }) => [seq, message, kind])).toEqual([[1, '1', 'allow'], [2, '2', 'allow'], [3, '3', 'allow']])
  expect(await store.records.getSession('ses_1')).toMatchObject({ events: 3 })
  await store.close()
})

test('a list looks for its events by place, and for those that are not folded among the newest alone', () => {
  const db = database()
  const plan = db.prepare('EXPLAIN QUERY PLAN SELECT event FROM event_at WHERE session = 1 AND seq > 5 ORDER BY seq LIMIT 3').all().map(({ detail }) => String(detail))
  expect(plan).toContain('SEARCH event_place USING PRIMARY KEY (session=? AND seq>?)')
  expect(plan).toContain('SEARCH e USING INTEGER PRIMARY KEY (rowid>?)')
  expect(plan.join('\n')).not.toContain('AUTOMATIC')
  db.close()
})
