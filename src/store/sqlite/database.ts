import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export const busyTimeout = 200
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

export const isBusy = (error: unknown): boolean => ((error as { readonly errcode?: number }).errcode ?? 0) % 256 === busy

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
      if (!isBusy(error) || performance.now() > until) throw error
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
