import { copyFileSync, existsSync, linkSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Act } from '../../src/bundle/trust/acts.ts'
import { openForWriting } from '../../src/store/sqlite/database.ts'
import { migrate, schemaVersion } from '../../src/store/sqlite/migrate.ts'
import { migrations } from '../../src/store/sqlite/migrations/index.ts'
import { openPolicyActs } from '../../src/store/sqlite/policy-acts.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { answerEvent, approvalRow, event, sessionRow, silent } from '../contract/rows.ts'
import { until } from '../support/conditions.ts'
import { scratch } from './scratch.ts'

let place: ReturnType<typeof scratch>
beforeEach(() => {
  place = scratch()
})
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()))
  place.remove()
})

const act: Act = { at: 1, kind: 'resume', by: null, reason: 'r', from: { digest: 'bnd_1' } as Act['from'], to: null }
const stores: Store[] = []
async function open(): Promise<Store> {
  const store = await createSqliteStore({ path: place.path, logger: silent })
  stores.push(store)
  return store
}

test('nobody but the owner can read the files of the store', async () => {
  const store = await open()
  await store.records.putSession(sessionRow('1'))
  const dir = dirname(place.path)
  expect(readdirSync(dir).sort()).toEqual(['sallyport.db', 'sallyport.db-shm', 'sallyport.db-wal', 'sallyport.db.lock'])
  for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600)
  expect(statSync(dir).mode & 0o777).toBe(0o700)
})

test('what cannot be read is the fault that what cannot be written is', async () => {
  const store = await open()
  const other = new DatabaseSync(place.path)
  other.exec('ALTER TABLE approval RENAME TO gone; ALTER TABLE event RENAME TO gone_too')
  other.close()
  await store.records.putSession(sessionRow('1'))
  for (const reading of [store.approvals.get('apr_1'), store.approvals.list({}), store.records.listEvents('ses_1', {}), store.records.recentActivity(0)]) {
    await expect(reading).rejects.toMatchObject({ code: 'record_unavailable' })
  }
})

test('one store serves one gateway at a time', async () => {
  const store = await open()
  await expect(open()).rejects.toThrow('in use by another gateway')
  await store.close()
  await (await open()).close()
})

test('whoever starts while another program holds the write lock is told so', async () => {
  await (await open()).close()
  const other = new DatabaseSync(place.path)
  other.exec('BEGIN IMMEDIATE')
  await expect(open()).rejects.toThrow('another program holds the write lock')
  other.close()
  await (await open()).close()
})

test('under another name, too', async () => {
  const store = await open()
  const other = join(dirname(place.path), 'other.db')
  symlinkSync(place.path, other)
  await expect(createSqliteStore({ path: other, logger: silent })).rejects.toThrow('in use by another gateway')
  await store.close()
  rmSync(other)
  linkSync(place.path, other)
  for (const path of [place.path, other]) await expect(createSqliteStore({ path, logger: silent })).rejects.toThrow('has another name')
  rmSync(other)
  await (await open()).close()
})

test('while one gateway has the store open no other starts on it, where its lock is gone', async () => {
  const store = await open()
  rmSync(`${place.path}.lock`)
  for (let again = 0; again < 2; again += 1) await expect(open()).rejects.toThrow('in use by another gateway')
  await store.records.putSession(sessionRow('1'))
  await store.close()
  await (await open()).close()
})

test.each([
  ['by another file', (lock: string) => { rmSync(lock); writeFileSync(lock, '') }],
  ['and put back later', (lock: string) => renameSync(lock, `${lock}.aside`)],
])('a gateway whose lock was replaced %s writes nothing more once another has taken the store', async (_, take) => {
  const lock = `${place.path}.lock`
  const first = await open()
  await first.records.putSession(sessionRow('1'))
  await first.records.append(event('1', 'a'))
  take(lock)
  if (!existsSync(lock)) writeFileSync(lock, '')
  const second = await open()
  expect(await second.records.closeInterrupted(9_000)).toBe(1)
  if (existsSync(`${lock}.aside`)) renameSync(`${lock}.aside`, lock)
  for (let again = 0; again < 3; again += 1) await expect(first.records.append(answerEvent('1', 'a'))).rejects.toMatchObject({ code: 'record_unavailable' })
  expect(first.state().writable).toBe(false)
  await expect(openPolicyActs(place.path, first.files).append(act)).rejects.toThrow('another gateway has taken the store')
  await openPolicyActs(place.path, second.files).append(act)
  await second.records.putSession(sessionRow('2'))
  expect((await second.records.listEvents('ses_1', {})).items.map(({ outcome }) => outcome)).toEqual(['unknown'])
})

test('a gateway that has lost the store does not come back to it', async () => {
  const first = await open()
  rmSync(`${place.path}.lock`)
  writeFileSync(`${place.path}.lock`, '')
  const second = await open()
  await expect(first.records.putSession(sessionRow('1'))).rejects.toMatchObject({ code: 'record_unavailable' })
  await second.records.putSession(sessionRow('2'))
  // It tries several times meanwhile.
  const until = performance.now() + 300
  for (let round = 0; performance.now() < until; round += 1) {
    await second.records.append(event('2', String(round)))
    expect(first.state().writable).toBe(false)
  }
})

const putBack = { kept: (file: string) => renameSync(`${file}.aside`, file), none: () => undefined }
test.each([
  ['moved away', 'sallyport.db', (file: string) => renameSync(file, `${file}.aside`), putBack.kept],
  ['replaced by a copy', 'sallyport.db', (file: string) => { copyFileSync(file, `${file}.copy`); renameSync(file, `${file}.aside`); renameSync(`${file}.copy`, file) }, putBack.kept],
  ['moved away', 'sallyport.db-wal', (file: string) => renameSync(file, `${file}.aside`), putBack.kept],
  ['gone', 'sallyport.db-wal', (file: string) => rmSync(file), putBack.none],
])('nothing is kept in a file that was %s: %s', async (_, name, take, back) => {
  const store = await open()
  await store.records.putSession(sessionRow('1'))
  const file = join(dirname(place.path), name)
  take(file)
  for (const n of ['2', '3']) await expect(store.records.putSession(sessionRow(n))).rejects.toMatchObject({ code: 'record_unavailable' })
  expect(store.state().writable).toBe(false)
  back(file)
  if (back === putBack.kept) await until(() => store.state().writable)
  await store.close()
  const again = await open()
  expect((await again.records.listSessions({})).items.map(({ id }) => id)).toContain('ses_1')
  await again.close()
})

test('what was recorded is there after a restart, sessions, events and approvals alike', async () => {
  const before = await open()
  await before.records.putSession(sessionRow('1'))
  await before.records.append(event('1', 'a'))
  for (let i = 0; i < 50; i++) await before.approvals.insert(approvalRow(String(i), { expires_at: 5_000 + i }))
  await before.close()
  const after = await open()
  expect(await after.records.getSession('ses_1')).toMatchObject({ events: 1 })
  const { items } = await after.approvals.list({ state: 'pending', limit: 200 })
  expect(items.map(({ expires_at }) => expires_at)).toEqual(Array.from({ length: 50 }, (_, i) => 5_049 - i))
  await after.records.append(event('1', 'b'))
  expect((await after.records.listEvents('ses_1', {})).items.map(({ seq }) => seq)).toEqual([1, 2])
  await after.close()
})

test('findings that an earlier version kept are read, and those that nobody wrote are told to be so', async () => {
  const store = await open()
  await store.records.putSession(sessionRow('1'))
  await store.records.append(event('1', 'a'))
  const other = new DatabaseSync(place.path)
  const kept = (findings: string) => other.prepare('UPDATE event SET findings = ?').run(findings)
  const before = [{ detector: 'us_ssn', path: '/rows/0/ssn', count: 2, confidence: 'medium' }]
  kept(JSON.stringify(before))
  expect((await store.records.listEvents('ses_1', {})).items).toMatchObject([{ findings: before }])
  for (const hostile of ['', 'x', '{"kinds":[],"paths":"0,1;x"}', '{"kinds":[["a","low"]],"paths":"0,999999999;x"}', '[[]]', '['.repeat(1_000_000)]) {
    kept(hostile)
    await expect(store.records.listEvents('ses_1', {})).rejects.toThrow('event 1 of session ses_1 cannot be read from the store')
  }
  other.close()
})

test('the log is folded into the database when the store is closed', async () => {
  const store = await open()
  await store.records.putSession(sessionRow('1'))
  await store.close()
  expect(existsSync(`${place.path}-wal`) ? statSync(`${place.path}-wal`).size : 0).toBe(0)
})

test('sealed params are in no file once their approval has ended', async () => {
  const sealed = new TextEncoder().encode('sealed-bytes-of-a-held-call '.repeat(400))
  const store = await open()
  await store.approvals.insert(approvalRow('1', { sealed_params: sealed }))
  await store.approvals.move('apr_1', 'pending', 'void', 2_000)
  await store.close()
  expect(readFileSync(place.path).includes('sealed-bytes-of-a-held-call')).toBe(false)
})

test('a file from a newer version is left alone', async () => {
  await (await open()).close()
  const db = new DatabaseSync(place.path)
  db.exec(`INSERT INTO migration (version, name) VALUES (999, 'from the future')`)
  db.close()
  await expect(open()).rejects.toThrow('newer version')
})

test('a version that cannot read findings in the form in which they are kept refuses the store', async () => {
  await (await open()).close()
  const db = openForWriting(place.path)
  expect(() => migrate(db, migrations.filter(({ version }) => version < 8))).toThrow('newer version')
  db.close()
})

test('a migration lasts whole or not at all', async () => {
  await (await open()).close()
  const db = openForWriting(place.path)
  const known = migrations.length
  const broken = { version: known + 1, name: 'broken', sql: 'CREATE TABLE half (a); CREATE TABLE session (a);' }
  expect(() => migrate(db, [...migrations, broken])).toThrow(`schema ${known + 1} (broken)`)
  expect(schemaVersion(db)).toBe(known)
  expect(db.prepare(`SELECT count(*) AS n FROM sqlite_schema WHERE name = 'half'`).get()).toEqual({ n: 0 })
  migrate(db, [...migrations, { version: known + 1, name: 'sound', sql: 'CREATE TABLE half (a)' }])
  expect(schemaVersion(db)).toBe(known + 1)
  db.close()
})

test('a place without a write-ahead log is refused', () => {
  expect(() => openForWriting(':memory:')).toThrow('write-ahead log')
})

test('the writing connection waits for the disk at every commit', async () => {
  await (await open()).close()
  const db = openForWriting(place.path)
  expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 })
  db.close()
})

test('a file that is no database is refused and kept', async () => {
  await (await open()).close()
  writeFileSync(place.path, 'not a database, but somebody may want it back'.repeat(100))
  await expect(open()).rejects.toThrow()
  expect(readFileSync(place.path, 'utf8')).toContain('somebody may want it back')
})
