import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import type { Act, ActedOn, ActStore, Doer } from '../../bundle/trust/acts.ts'
import { openForReading, openForWriting } from './database.ts'

const patience = 10_000
const pause = 2
const busy = 5

/**
 * For the process that runs the pipeline, which may be one that writes no records: acts are few, so each takes a connection of its
 * own for the moment. The store must have been opened, or prepared, by this process.
 */
export const openPolicyActs = (path: string): ActStore => ({
  async append({ at, kind, by, reason, from, to }) {
    const db = openForWriting(path)
    try {
      await begin(db)
      db.prepare('INSERT INTO policy_act (at, kind, actor, reason, from_bundle, to_bundle) VALUES (?, ?, ?, ?, ?, ?)')
        .run(at, kind, by === null ? null : JSON.stringify(by), reason, JSON.stringify(from), to === null ? null : JSON.stringify(to))
      db.exec('COMMIT')
    } finally {
      db.close()
    }
  },
  list: (limit) =>
    reading(path, (db) => db.prepare('SELECT at, kind, actor, reason, from_bundle, to_bundle FROM policy_act ORDER BY n DESC LIMIT ?').all(limit).map(readAct)),
  named: () => reading(path, (db) => new Set(db.prepare('SELECT bundle FROM judging_bundle').all().map(({ bundle }) => String(bundle)))),
})

/** Without blocking: another connection's commit is over in a moment. */
async function begin(db: DatabaseSync): Promise<void> {
  db.exec('PRAGMA busy_timeout = 0')
  for (const until = performance.now() + patience; ; await wait(pause)) {
    try {
      return db.exec('BEGIN IMMEDIATE')
    } catch (error) {
      if (((error as { readonly errcode?: number }).errcode ?? 0) % 256 !== busy || performance.now() > until) throw error
    }
  }
}

function reading<T>(path: string, read: (db: DatabaseSync) => T): T {
  const db = openForReading(path)
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
