import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import type { Act, ActedOn, ActStore, Doer } from '../../bundle/trust/acts.ts'
import type { StoreFiles } from '../store.ts'
import { isBusy, openForReading, openForWriting } from './database.ts'
import { checkToken } from './holding.ts'
import { checkFiles } from './names.ts'

const patience = 10_000
const pause = 2

/**
 * For the process that runs the pipeline, which may be one that writes no records: acts are few, so each takes a connection of its
 * own for the moment. The store must have been opened, or prepared, by this process; none but the files it has open are touched.
 */
export const openPolicyActs = (path: string, files?: StoreFiles): ActStore => ({
  async append({ at, kind, by, reason, from, to }) {
    const db = openStill(openForWriting, path, files)
    try {
      await begin(db)
      if (files !== undefined) checkToken(db, files.token)
      db.prepare('INSERT INTO policy_act (at, kind, actor, reason, from_bundle, to_bundle) VALUES (?, ?, ?, ?, ?, ?)')
        .run(at, kind, by === null ? null : JSON.stringify(by), reason, JSON.stringify(from), to === null ? null : JSON.stringify(to))
      db.exec('COMMIT')
      if (files !== undefined) checkFiles(files)
    } finally {
      db.close()
    }
  },
  list: (limit) =>
    reading(path, files, (db) => db.prepare('SELECT at, kind, actor, reason, from_bundle, to_bundle FROM policy_act ORDER BY n DESC LIMIT ?').all(limit).map(readAct)),
  named: () => reading(path, files, (db) => new Set(db.prepare('SELECT bundle FROM judging_bundle').all().map(({ bundle }) => String(bundle)))),
})

/** Without blocking: another connection's commit is over in a moment. */
async function begin(db: DatabaseSync): Promise<void> {
  db.exec('PRAGMA busy_timeout = 0')
  for (const until = performance.now() + patience; ; await wait(pause)) {
    try {
      return db.exec('BEGIN IMMEDIATE')
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error
    }
  }
}

function openStill(open: (path: string) => DatabaseSync, path: string, files: StoreFiles | undefined): DatabaseSync {
  if (files !== undefined) checkFiles(files)
  const db = open(path)
  try {
    db.exec('SELECT count(*) FROM sqlite_schema')
    if (files !== undefined) checkFiles(files)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function reading<T>(path: string, files: StoreFiles | undefined, read: (db: DatabaseSync) => T): T {
  const db = openStill(openForReading, path, files)
  try {
    return read(db)
  } finally {
    db.close()
  }
}

/** What this file wrote, it reads. */
const readAct = ({ at, kind, actor, reason, from_bundle, to_bundle }: Record<string, unknown>): Act => ({
  at: Number(at),
  kind: kind as Act['kind'],
  by: actor === null ? null : (JSON.parse(String(actor)) as Doer),
  reason: String(reason),
  from: JSON.parse(String(from_bundle)) as ActedOn,
  to: to_bundle === null ? null : (JSON.parse(String(to_bundle)) as ActedOn),
})
