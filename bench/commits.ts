import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { openForWriting } from '../src/store/sqlite/database.ts'
import { quantile } from './statistics.ts'

export interface CommitTimes {
  readonly c50_ms: number
  readonly c99_ms: number
}

/** What one group commit costs on this disk by itself: a kilobyte in a transaction, with the pragmas that the store uses. */
export function measureCommits(directory: string, count: number): CommitTimes {
  const db = openForWriting(join(directory, 'commits.db'))
  db.exec('CREATE TABLE kept (n INTEGER PRIMARY KEY, message TEXT NOT NULL)')
  const insert = db.prepare('INSERT INTO kept (message) VALUES (?)')
  const message = 'x'.repeat(1024)
  const times: number[] = []
  for (let index = 0; index < count; index += 1) {
    const began = performance.now()
    db.exec('BEGIN IMMEDIATE')
    insert.run(message)
    db.exec('COMMIT')
    times.push(performance.now() - began)
  }
  db.close()
  return { c50_ms: quantile(times, 0.5), c99_ms: quantile(times, 0.99) }
}
