import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const busyTimeout = 200
/** `PRAGMA synchronous`: 2 is FULL, 3 is EXTRA. */
const full = 2

/** The connection that writes: every commit waits for the disk (WAL with FULL survives a power cut), checkpoints are the writer's own. */
export function openForWriting(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: busyTimeout, enableForeignKeyConstraints: true })
  try {
    db.exec('PRAGMA journal_mode = WAL')
    db.exec('PRAGMA synchronous = FULL')
    db.exec('PRAGMA wal_autocheckpoint = 0')
    db.exec('PRAGMA journal_size_limit = 33554432')
    // Erased means erased: what an update or delete frees is overwritten with zeros.
    db.exec('PRAGMA secure_delete = ON')
    checkDurable(db)
  } catch (error) {
    db.close()
    throw error
  }
  return db
}

const busy = 5
const firstPause = 0.2
const longestPause = 2
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/**
 * Begins a transaction as soon as no other connection writes. SQLite's own waiting sleeps for whole milliseconds, and longer each
 * time; a commit takes tenths of one. Blocks its thread: for the writer's alone.
 */
export function beginWriting(db: DatabaseSync, patience: number): void {
  const until = performance.now() + patience
  db.exec('PRAGMA busy_timeout = 0')
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    try {
      return db.exec('BEGIN IMMEDIATE')
    } catch (error) {
      if (((error as { readonly errcode?: number }).errcode ?? 0) % 256 !== busy || performance.now() > until) throw error
      Atomics.wait(sleeper, 0, 0, pause)
    }
  }
}

export function openForReading(path: string): DatabaseSync {
  return new DatabaseSync(path, { timeout: busyTimeout, readOnly: true })
}

function checkDurable(db: DatabaseSync): void {
  const mode = String(db.prepare('PRAGMA journal_mode').get()?.['journal_mode'])
  if (mode !== 'wal') throw new Error(`the store needs a write-ahead log, this file system gives journal_mode ${mode}: set store.path to a local disk`)
  const synchronous = Number(db.prepare('PRAGMA synchronous').get()?.['synchronous'])
  if (synchronous < full) throw new Error(`the store needs synchronous FULL, the database says ${synchronous}`)
}

/** Makes the file before SQLite does, so that it, its log and its index (which take its mode) are never readable by others. */
export function makePrivateFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  if (existsSync(path)) chmodSync(path, 0o600)
  else closeSync(openSync(path, 'a', 0o600))
}

const fleeting: Readonly<Record<number, string>> = { 0x01021994: 'tmpfs', 0x858458f6: 'ramfs', 0x794c7630: 'a container layer (overlayfs)' }

const leastRoom = 1024 * 1024

/** Where there is hardly any, small commits still fit while others fail. A file system that tells no size has room. */
export function hasRoom(path: string): boolean {
  const { blocks, bavail, bsize } = statfsSync(dirname(path))
  return blocks === 0 || bavail * bsize >= leastRoom
}

/** The name of a file system that does not outlive the machine or container, if the path is on one. */
export function fleetingFileSystem(path: string): string | undefined {
  return fleeting[statfsSync(dirname(path)).type >>> 0]
}

/**
 * Holds the store for this process: a second gateway on the same file would take the first one's open exchanges for
 * interrupted ones. The lock is the kernel's and ends with the process, however it ends.
 */
export function holdAlone(path: string): { release(): void } {
  makePrivateFile(`${path}.lock`)
  const lock = new DatabaseSync(`${path}.lock`, { timeout: 0 })
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

const workersLock = (path: string): string => `${path}.workers.lock`
/** Workers end with their supervisor; this is how long they may take. */
const workersEndWithin = 2_000

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
  const lock = new DatabaseSync(workersLock(path), { timeout: workersEndWithin })
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; ROLLBACK')
  } catch (cause) {
    throw new Error(`the store ${path} is in use by a worker of another gateway: wait until it has ended, or end it`, { cause })
  } finally {
    lock.close()
  }
}
