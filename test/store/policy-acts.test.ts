import type { Act } from '../../src/bundle/trust/acts.ts'
import { openForWriting } from '../../src/store/sqlite/database.ts'
import { migrate } from '../../src/store/sqlite/migrate.ts'
import { migrations } from '../../src/store/sqlite/migrations/index.ts'
import { openPolicyActs } from '../../src/store/sqlite/policy-acts.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { event, sessionRow, silent } from '../contract/rows.ts'
import { scratch } from './scratch.ts'

let place: ReturnType<typeof scratch>
beforeEach(() => {
  place = scratch()
})
afterEach(() => place.remove())

const from = { digest: 'bnd_2', revision: 'r2', commit: 'c2', order: 2, content: 'x', source: 'here' }
const act = (more: Partial<Act> = {}): Act => ({ at: 1, kind: 'rollback', by: { issuer: 'i', subject: 's', email: 'e@x.example' }, reason: 'a "reason"', from, to: { ...from, digest: 'bnd_1' }, ...more })

test('acts come back as they were written, newest first, beside a store that writes', async () => {
  const store = await createSqliteStore({ path: place.path, logger: silent })
  const acts = openPolicyActs(place.path)
  try {
    expect(acts.list(10)).toEqual([])
    const all = [act(), act({ kind: 'release', to: null, at: 1 }), act({ kind: 'resume', by: null, at: 0 })]
    for (const each of all) await acts.append(each)
    expect(acts.list(10)).toEqual(all.toReversed())
    expect(acts.list(1)).toEqual(all.slice(-1))
  } finally {
    await store.close()
  }
})

test('an act waits while another connection writes, and blocks nobody meanwhile', async () => {
  const store = await createSqliteStore({ path: place.path, logger: silent })
  const acts = openPolicyActs(place.path)
  const other = openForWriting(place.path)
  try {
    other.exec('BEGIN IMMEDIATE')
    let isOver = false
    const done = acts.append(act()).then(() => (isOver = true))
    for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve))
    expect([isOver, acts.list(1)]).toEqual([false, []])
    other.exec('COMMIT')
    await done
    expect(acts.list(1)).toEqual([act()])
  } finally {
    other.close()
    await store.close()
  }
})

test('what no act may be is refused', async () => {
  const store = await createSqliteStore({ path: place.path, logger: silent })
  try {
    await expect(openPolicyActs(place.path).append(act({ kind: 'else' as Act['kind'] }))).rejects.toThrow(/CHECK/)
  } finally {
    await store.close()
  }
})

test('a bundle is named as long as a record names it, also one from before this was kept', async () => {
  const store = await createSqliteStore({ path: place.path, logger: silent })
  const acts = openPolicyActs(place.path)
  await store.records.putSession(sessionRow('ses_1'))
  await store.records.append(event('ses_1', 'exg_1', { bundle: 'bnd_a' }))
  await store.records.append(event('ses_1', 'exg_2', { bundle: 'bnd_a' }))
  expect([...acts.named()]).toEqual(['bnd_a'])
  await store.close()

  const db = openForWriting(place.path)
  db.exec('DROP TABLE judging_bundle; DROP TABLE policy_act; DELETE FROM migration WHERE version >= 5')
  migrate(db, migrations.filter(({ version }) => version <= 5))
  db.close()
  expect([...acts.named()]).toEqual(['bnd_a'])
})
