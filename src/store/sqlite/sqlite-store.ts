import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
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
  const mark = reading.prepare('SELECT op FROM writer_mark WHERE run = ?')
  const lastDurable = () => Number(mark.get(run)?.['op'] ?? 0)
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
