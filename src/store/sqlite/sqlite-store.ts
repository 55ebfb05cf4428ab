import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Logger } from '../../model.ts'
import type { Store, StoreFiles } from '../store.ts'
import { createApprovalStore } from './approval-store.ts'
import { closeInterrupted } from './apply.ts'
import { fleetingFileSystem, makePrivateFile, openForReading, openForWriting } from './database.ts'
import { createReader } from './dialect.ts'
import { holdAlone, holdTogether, takeToken } from './holding.ts'
import { migrate } from './migrate.ts'
import { migrations } from './migrations/index.ts'
import { checkFiles, filesOf, oneName } from './names.ts'
import { createKeptStore } from './kept-store.ts'
import { createRecordStore } from './record-store.ts'
import { createWriteQueue } from './write-queue.ts'
import type { WriterObserver, WriteQueueOptions } from './write-queue.ts'

export interface SqliteStoreOptions {
  readonly path: string
  readonly logger: Logger
  readonly observe?: WriterObserver
  readonly limits?: WriteQueueOptions['limits']
  /** Which of several processes this is, from 0; their supervisor has prepared the store and holds it. */
  readonly writer?: number | undefined
  /** The files that their supervisor holds. */
  readonly files?: StoreFiles | undefined
}

/** Opens the embedded store, or throws an error whose message an operator can act on. */
export async function createSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const path = options.files?.path ?? placeOf(options.path)
  if (options.files !== undefined) checkFiles(options.files)
  const { token, release } = options.files === undefined ? takeStore(path, options.logger) : { ...holdTogether(path), token: options.files.token }
  try {
    return await open(path, token, options, release)
  } catch (error) {
    release()
    throw error
  }
}

/** For the supervisor of several processes that write: the store in its newest form, what the last run left open closed, held until released. */
export function prepareSqliteStore({ path, logger, at }: Pick<SqliteStoreOptions, 'path' | 'logger'> & { readonly at: number }): { readonly interrupted: number; readonly files: StoreFiles; release(): void } {
  const absolute = placeOf(path)
  const lock = takeStore(absolute, logger)
  try {
    const { db, interrupted } = openPrepared(absolute, at)
    return {
      interrupted, files: filesOf(absolute, lock.token),
      release() {
        foldQuietly(db)
        db.close()
        lock.release()
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** It stays open: whichever workers come and go, they have the log that is open here, or none. */
function openPrepared(path: string, at: number): { readonly db: DatabaseSync; readonly interrupted: number } {
  const db = openForWriting(path)
  try {
    db.exec('BEGIN IMMEDIATE')
    const interrupted = closeInterrupted(db, at, undefined)
    db.exec('COMMIT')
    return { db, interrupted }
  } catch (error) {
    db.close()
    throw error
  }
}

function placeOf(path: string): string {
  const absolute = resolve(path)
  makePrivateFile(absolute)
  return oneName(absolute)
}

function takeStore(path: string, logger: Logger): { readonly token: number; release(): void } {
  const system = fleetingFileSystem(path)
  if (system !== undefined) logger.warn(`the store is on ${system}: everything recorded is lost with the machine; mount a volume`, { path })
  const lock = holdAlone(path)
  try {
    const token = withDatabase(path, (db) => {
      migrate(db, migrations)
      return takeToken(db)
    })
    return { ...lock, token }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** None of several writers could fold the whole log back while the others had it open. */
function foldQuietly(db: DatabaseSync): void {
  try {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // The log still holds everything that was promised; the next start reads it.
  }
}

function withDatabase<T>(path: string, work: (db: DatabaseSync) => T): T {
  const db = openForWriting(path)
  try {
    return work(db)
  } finally {
    db.close()
  }
}

async function open(path: string, token: number, options: SqliteStoreOptions, release: () => void): Promise<Store> {
  const run = randomUUID()
  const reading = openForReading(path)
  try {
    return await start(path, token, run, reading, options, release)
  } catch (error) {
    reading.close()
    throw error
  }
}

async function start(path: string, token: number, run: string, reading: DatabaseSync, { logger, observe, limits, writer, ...options }: SqliteStoreOptions, release: () => void): Promise<Store> {
  const mark = reading.prepare('SELECT op, faults FROM writer_mark WHERE run = ?')
  // By now the log is open.
  const files = options.files ?? filesOf(path, token)
  checkFiles(files)
  const nothing = { op: 0, faults: 0 }
  const lastDurable = () => {
    try {
      return (mark.get(run) as typeof nothing | undefined) ?? nothing
    } catch {
      return nothing // of what nobody can tell, nothing was promised
    }
  }
  const queue = await createWriteQueue({ files, run, writer, lastDurable, logger, ...(observe && { observe }), ...(limits && { limits }) })
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
    kept: createKeptStore(queue, reader),
    files,
    state: queue.state,
    close: () => (closing ??= closeAll()),
  }
}
