import type { DatabaseSync } from 'node:sqlite'
import { makePrivateFile, openForReading, openForWriting } from '../../src/store/sqlite/database.ts'
import { createReader } from '../../src/store/sqlite/dialect.ts'
import { migrate } from '../../src/store/sqlite/migrate.ts'
import { migrations } from '../../src/store/sqlite/migrations/index.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { listApprovals } from '../../src/store/queries/approvals.ts'
import { approvalRow, person, silent } from '../contract/rows.ts'
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

test.each(['pending', undefined] as const)('whoever looks for their own approvals reads no others: %s', async (state) => {
  const db = database()
  const asked: string[] = []
  const reader = createReader({ prepare: (text: string) => (asked.push(text), db.prepare(text)) } as DatabaseSync) // all that it asks for
  await listApprovals(reader, { requester: { issuer: 'a', subject: 'b' }, ...(state === undefined ? {} : { state }) })
  const plan = db.prepare(`EXPLAIN QUERY PLAN ${asked[0]}`).all().map(({ detail }) => String(detail))
  expect(plan).toEqual(['SEARCH approval USING INDEX approval_by_requester (issuer=? AND subject=?)'])
  db.close()
})

test('a store from before finds them as well', async () => {
  database(8).close()
  const store = await createSqliteStore({ path: place.path, logger: silent })
  await store.approvals.insert(approvalRow('1'))
  await store.approvals.insert(approvalRow('2', { requester: person('bob') }))
  expect((await store.approvals.list({ requester: { issuer: 'https://id.example', subject: 'alice' } })).items.map(({ id }) => id)).toEqual(['apr_1'])
  await store.close()
  const after = openForReading(place.path)
  expect(after.prepare("SELECT name FROM sqlite_schema WHERE name = 'approval_by_requester'").all()).toHaveLength(1)
  after.close()
})
