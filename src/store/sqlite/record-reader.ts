import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { RecordReader } from '../../record/record-store.ts'
import { followRecorded, listRecorded } from '../queries/recorded.ts'
import { openForReading } from './database.ts'
import { createReader } from './dialect.ts'
import { schemaVersion } from './migrate.ts'
import { migrations } from './migrations/index.ts'

/** Opens what a gateway recorded, whether it runs or not; throws an error whose message an operator can act on. Writes nothing. */
export function openSqliteReader(given: string): RecordReader {
  const path = resolve(given)
  if (!existsSync(path)) throw new Error(`there is no store at ${path}`)
  const db = openForReading(path)
  try {
    const newest = migrations.at(-1)?.version ?? 0
    const found = schemaVersion(db)
    if (found > newest) throw new Error(`the store ${path} was written by a newer version (schema ${found}, this version knows ${newest})`)
    if (found < newest) throw new Error(`the store ${path} was written by an older version: start the gateway once, which brings it up to date`)
    const reader = createReader(db)
    return { listRecorded: (filter) => listRecorded(reader, filter), followRecorded: (filter) => followRecorded(reader, filter), close: () => db.close() }
  } catch (error) {
    db.close()
    throw error
  }
}
