import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { beginWriting, busyTimeout, isBusy, makePrivateFile } from './database.ts'

/**
 * Holds the store for this process: a second gateway on the same file would take the first one's open exchanges for
 * interrupted ones. The lock is the kernel's and ends with the process, however it ends.
 */
export function holdAlone(path: string): { release(): void } {
  const file = `${path}.lock`
  if (!existsSync(file)) refuseWhereOpen(path)
  makePrivateFile(file)
  const lock = new DatabaseSync(file, { timeout: 0 })
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    throw new Error(`the store ${path} is in use by another gateway: stop that, or set another store.path`, { cause })
  }
  try {
    waitForWorkers(path)
  } catch (error) {
    lock.close()
    throw error
  }
  return { release: () => lock.close() }
}

/** A lock whose file was removed keeps nobody out: whoever has the database open is told by SQLite's own. */
function refuseWhereOpen(path: string): void {
  const db = new DatabaseSync(path, { timeout: busyTimeout })
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK')
  } catch (cause) {
    // What is wrong with the file besides is said when it is opened to be used.
    if (isBusy(cause)) throw new Error(`the store ${path} is in use by another gateway whose lock was removed, or open in another program: end that`, { cause })
  } finally {
    db.close()
  }
}

const workersLock = (path: string): string => `${path}.workers.lock`
/** Workers end with their supervisor, and what others write is soon written; this is how long they may take. */
const othersEndWithin = 2_000

/** Holds the store for one of several processes that write under one supervisor, which holds it alone against every other gateway. */
export function holdTogether(path: string): { release(): void } {
  makePrivateFile(workersLock(path))
  const lock = new DatabaseSync(workersLock(path), { timeout: busyTimeout, readOnly: true })
  // A transaction that has read holds a shared lock until it ends.
  lock.exec('BEGIN; SELECT count(*) FROM sqlite_schema')
  return { release: () => lock.close() }
}

/** The workers of a supervisor that was killed may outlive it by a moment, and still write. */
function waitForWorkers(path: string): void {
  if (!existsSync(workersLock(path))) return
  const lock = new DatabaseSync(workersLock(path), { timeout: othersEndWithin })
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; ROLLBACK')
  } catch (cause) {
    throw new Error(`the store ${path} is in use by a worker of another gateway: wait until it has ended, or end it`, { cause })
  } finally {
    lock.close()
  }
}

/**
 * A fencing token: each gateway that takes the store counts it up, and whoever comes with an older one has lost the store, whatever
 * became of the files that lock it. Kept where SQLite keeps a number for its user, so that it is read and written inside transactions.
 */
export function takeToken(db: DatabaseSync): number {
  try {
    beginWriting(db, othersEndWithin)
  } catch (cause) {
    throw isBusy(cause) ? new Error('another program holds the write lock of the store: end that', { cause }) : cause
  }
  const token = (tokenOf(db) + 1) % 2 ** 31
  db.exec(`PRAGMA user_version = ${token}; COMMIT`)
  return token
}

/** Inside a transaction that writes: from then on no other gateway can take the store before it ends. */
export function checkToken(db: DatabaseSync, token: number): void {
  if (tokenOf(db) !== token) throw new Error('another gateway has taken the store: stop this one')
}

const tokenOf = (db: DatabaseSync): number => Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
