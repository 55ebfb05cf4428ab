import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Logger } from '../../model.ts'
import type { Store } from '../store.ts'
import { createApprovalStore } from './approval-store.ts'
import { fleetingFileSystem, holdAlone, makePrivateFile, openForReading, openForWriting } from './database.ts'
import { createReader } from './dialect.ts'
import { migrate } from './migrate.ts'
import { migrations } from './migrations/index.ts'
import { createRecordStore } from './record-store.ts'
import { createWriteQueue } from './write-queue.ts'
import type { WriterObserver, WriteQueueOptions } from './write-queue.ts'

export interface SqliteStoreOptions {
  readonly path: string
  readonly logger: Logger
  readonly observe?: WriterObserver
  readonly limits?: WriteQueueOptions['limits']
}

/** Opens the embedded store, or throws an error whose message an operator can act on. */
export async function createSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const path = resolve(options.path)
  makePrivateFile(path)
  const system = fleetingFileSystem(path)
  if (system !== undefined) options.logger.warn(`the store is on ${system}: everything recorded is lost with the machine; mount a volume`, { path })
  const lock = holdAlone(path)
  try {
    return await open(path, options, lock.release)
  } catch (error) {
    lock.release()
    throw error
  }
}

async function open(path: string, { logger, observe, limits }: SqliteStoreOptions, release: () => void): Promise<Store> {
  const db = openForWriting(path)
  try {
    migrate(db, migrations)
  } finally {
    db.close()
  }
  const run = randomUUID()
  const reading = openForReading(path)
  try {
    return await start(path, run, reading, { logger, observe, limits }, release)
  } catch (error) {
    reading.close()
    throw error
  }
}

type Rest = Pick<SqliteStoreOptions, 'logger'> & { readonly [K in 'observe' | 'limits']: SqliteStoreOptions[K] | undefined }

async function start(path: string, run: string, reading: DatabaseSync, { logger, observe, limits }: Rest, release: () => void): Promise<Store> {
  const mark = reading.prepare('SELECT op, faults FROM writer_mark WHERE run = ?')
  const lastDurable = () => (mark.get(run) as { op: number; faults: number } | undefined) ?? { op: 0, faults: 0 }
  const queue = await createWriteQueue({ path, run, lastDurable, logger, ...(observe && { observe }), ...(limits && { limits }) })
  const reader = createReader(reading)
  let closing: Promise<void> | undefined
  async function closeAll(): Promise<void> {
    await queue.close()
    reading.close()
    release()
  }
  return {
    records: createRecordStore(queue, reader),
    approvals: createApprovalStore(queue, reader),
    state: queue.state,
    close: () => (closing ??= closeAll()),
  }
}
