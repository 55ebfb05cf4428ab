import type { DatabaseSync } from 'node:sqlite'
import { createApprovalWrites } from './apply-approvals.ts'
import { createEventWrites } from './apply-events.ts'
import { createKeptWrites, isKeptOp } from './apply-kept.ts'
import { createSessionWrites } from './apply-sessions.ts'
import { foldLeftOver } from './fold.ts'
import type { Op } from './ops.ts'

export interface Applier {
  /** Inside a transaction. What it throws concerns this op alone unless SQLite itself failed. */
  apply(op: Op): unknown
  /** Before the commit: writes which op was the last, and how many of the batch were refused. */
  flush(op: number, faults: number): void
  /** Whether so much is unfolded that it is time for `fold`. */
  isFoldDue(): boolean
  /** Inside a transaction of its own, after a commit: brings up to date what events say beside themselves. */
  fold(): void
}

/** Applies ops through prepared statements. One applier belongs to one connection; after a rollback both are thrown away. */
export function createApplier(db: DatabaseSync, run: string, writer: number | undefined): Applier {
  const own = writer ?? 0
  const sessions = createSessionWrites(db, own)
  const events = createEventWrites(db, sessions, own)
  const approvals = createApprovalWrites(db)
  const kept = createKeptWrites(db)
  const mark = db.prepare(
    `INSERT INTO writer_mark (writer, run, op, faults, unfolded_from) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (writer) DO UPDATE SET run = excluded.run, op = excluded.op, faults = excluded.faults, unfolded_from = excluded.unfolded_from`,
  )
  let wrote = false

  function apply(op: Op): unknown {
    switch (op[0]) {
      case 'event': {
        const session = sessions.find(op[1])
        wrote = true
        events.append(session, op)
        return undefined
      }
      case 'put_session':
        wrote = sessions.put(op) || wrote
        return undefined
      case 'end_session':
        wrote = sessions.end(op[1], op[2]) || wrote
        return undefined
      case 'close_interrupted':
        wrote = true
        events.fold()
        return closeInterrupted(db, op[1], writer)
      default: {
        const result = isKeptOp(op) ? kept.apply(op) : approvals.apply(op)
        wrote ||= result !== false && !(Array.isArray(result) && result.length === 0)
        return result
      }
    }
  }

  return {
    apply,
    flush(op, faults) {
      // A batch that changed nothing touches no disk.
      if (wrote) mark.run(own, run, op, faults, events.firstUnfolded())
      wrote = false
    },
    isFoldDue: events.isFoldDue,
    fold: events.fold,
  }
}

/** What a writer that is gone left open: its requests in flight are unknown, its sessions ended. Of every writer where none is named. */
export function closeInterrupted(db: DatabaseSync, at: number, writer: number | undefined): number {
  foldLeftOver(db, writer)
  const whose = { writer: writer ?? null }
  const { changes } = db.prepare(`UPDATE event SET outcome = 'unknown' WHERE n IN (SELECT event FROM open_exchange WHERE :writer IS NULL OR writer = :writer)`).run(whose)
  db.prepare('DELETE FROM open_exchange WHERE :writer IS NULL OR writer = :writer').run(whose)
  db.prepare('UPDATE session SET ended_at = max(:at, started_at) WHERE ended_at IS NULL AND (:writer IS NULL OR writer = :writer)').run({ ...whose, at })
  return Number(changes)
}
