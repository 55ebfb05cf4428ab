import type { DatabaseSync } from 'node:sqlite'

export interface Checkpoints {
  afterCommit(): void
  atClose(): void
}

/** Pages of 4 KiB in the log before it is copied into the database: 8 MiB. */
const pages = 2_000
/** Where others write meanwhile, a passive copy never reaches the end of the log: past 32 MiB they are made to wait for the rest. */
const mostPages = 8_000
const everyCommits = 8
/** Milliseconds for those who write to come to their end. */
const waitForAll = 100

/** Bounds the log by its size. Runs after the commit was answered, so that no caller waits for the copying of others' pages. */
export function createCheckpoints(db: DatabaseSync): Checkpoints {
  const measure = db.prepare('PRAGMA wal_checkpoint(NOOP)')
  const copy = db.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  const copyAll = db.prepare('PRAGMA wal_checkpoint(RESTART)')
  let commits = 0

  return {
    afterCommit() {
      commits += 1
      if (commits % everyCommits !== 0) return
      const { log, checkpointed } = measure.get() as { readonly log: number; readonly checkpointed: number }
      if (log - checkpointed < pages) return
      try {
        copy.get()
        if (log > mostPages) {
          db.exec(`PRAGMA busy_timeout = ${waitForAll}`)
          copyAll.get()
        }
      } catch {
        // The log still holds everything that was promised; the next commit or checkpoint meets the fault again.
      }
    },
    atClose() {
      try {
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      } catch {
        // As above.
      }
    },
  }
}
