import '../../repaired-json.ts'
import { workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { createApplier } from './apply.ts'
import type { Applier } from './apply.ts'
import { foldLeftOver } from './fold.ts'
import { checkToken } from './holding.ts'
import { checkFiles } from './names.ts'
import { beginWriting, hasRoom, openForWriting } from './database.ts'
import { createCheckpoints } from './checkpoints.ts'
import type { Checkpoints } from './checkpoints.ts'
import { opRefused } from './ops.ts'
import type { Batch, Command, Op, Report, Result, ThreadOptions } from './ops.ts'
import type { DatabaseSync } from 'node:sqlite'

// The thread that writes. It commits all it was given as one transaction, and says so only when the disk has it; after any
// failure it trusts neither its connection nor its caches and opens the file anew.

interface Open {
  readonly db: DatabaseSync
  readonly applier: Applier
  readonly checkpoints: Checkpoints
}

const { files, run, writer, port } = workerData as ThreadOptions & { readonly port: MessagePort }
const { path, token } = files
const firstRetry = 50
const longestRetry = 1_000
/** Milliseconds until a writer whose turn does not come takes the store for broken; where several write, each waits for the disk of all. */
const patience = writer === undefined ? 200 : 1_000

let open: Open | undefined
let hasFailed = false
let retry = firstRetry
let retrying: NodeJS.Timeout | undefined

function report(...said: Report): void {
  port.postMessage(said)
}

function reopen(): void {
  let db: DatabaseSync | undefined
  try {
    // Full or not, a disk takes the small commit below: without this the store would be open and broken by turns.
    if (hasFailed && !hasRoom(path)) throw new Error('the disk is full')
    checkFiles(files)
    db = openForWriting(path)
    // What it has open by now it will write.
    checkFiles(files)
    // A commit of its own proves that the disk takes writes again, and overwrites what a failed one left in the log.
    beginWriting(db, patience)
    checkToken(db, token)
    foldLeftOver(db, writer)
    db.prepare('INSERT INTO writer_mark (writer, run, op, faults) VALUES (?, ?, 0, 0) ON CONFLICT (writer) DO UPDATE SET op = op').run(writer ?? 0, run)
    db.exec('COMMIT')
    open = { db, applier: createApplier(db, run, writer), checkpoints: createCheckpoints(db) }
    retry = firstRetry
    report('open')
  } catch {
    closeQuietly(db)
    retrying = setTimeout(reopen, retry)
    retry = Math.min(retry * 2, longestRetry)
  }
}

function closeQuietly(db: DatabaseSync | undefined): void {
  try {
    if (db?.isTransaction) db.exec('ROLLBACK')
  } catch {
    // SQLite has rolled back by itself, or closing will.
  }
  try {
    db?.close()
  } catch {
    // Nothing more can be done with it.
  }
}

const constraint = 19

/** A fault of one op (an unknown session, a constraint, a value that cannot be bound) left nothing of it and the transaction whole. */
function concernsOneOp(error: unknown): boolean {
  const { code, errcode } = error as { readonly code?: string; readonly errcode?: number }
  return code === opRefused || code === 'ERR_INVALID_ARG_TYPE' || (code === 'ERR_SQLITE_ERROR' && ((errcode ?? 0) & 0xff) === constraint)
}

function applyAll(applier: Applier, first: number, ops: readonly Op[]): Map<number, Result> | undefined {
  let results: Map<number, Result> | undefined
  ops.forEach((op, index) => {
    try {
      const value = applier.apply(op)
      if (value !== undefined) (results ??= new Map()).set(first + index, { value })
    } catch (error) {
      if (!concernsOneOp(error)) throw error
      ;(results ??= new Map()).set(first + index, { fault: String((error as Error).message) })
    }
  })
  return results
}

const faultsIn = (results: ReadonlyMap<number, Result> | undefined): number =>
  results === undefined ? 0 : [...results.values()].filter((each) => 'fault' in each).length

function commit([first, ops]: Batch): void {
  const upTo = first + ops.length - 1
  if (open === undefined) return report('failed', upTo, 'the writer is not open')
  const { db, applier, checkpoints } = open
  const began = performance.now()
  let results: Map<number, Result> | undefined
  try {
    beginWriting(db, patience)
    checkToken(db, token)
    results = applyAll(applier, first, ops)
    applier.flush(upTo, faultsIn(results))
    db.exec('COMMIT')
  } catch (error) {
    return fail(db, upTo, error)
  }
  try {
    checkFiles(files)
  } catch (error) {
    // Where only the log's name is gone, what it holds is still to be had.
    checkpoints.atClose()
    return fail(db, upTo, error)
  }
  const ms = performance.now() - began
  if (results === undefined) report('durable', upTo, ms)
  else report('durable', upTo, ms, results)
  // What follows comes after the answer, so that no caller waits for it.
  try {
    if (applier.isFoldDue()) fold(open)
  } catch (error) {
    return fail(db, upTo, error)
  }
  checkpoints.afterCommit()
}

function fail(db: DatabaseSync, upTo: number, error: unknown): void {
  open = undefined
  hasFailed = true
  closeQuietly(db)
  report('failed', upTo, String((error as Error).message))
  retrying = setTimeout(reopen, retry)
}

/** Throws where the connection cannot be trusted any more. */
function fold({ db, applier }: Open): void {
  try {
    beginWriting(db, patience)
  } catch {
    return // Another commit's turn will come, and it can wait until then.
  }
  checkToken(db, token)
  applier.fold()
  db.exec('COMMIT')
}

function close(): void {
  clearTimeout(retrying)
  if (open !== undefined) {
    try {
      fold(open)
    } catch {
      // The next start folds what is left.
    }
    open.checkpoints.atClose()
    closeQuietly(open.db)
  }
  report('closed')
  port.close()
}

port.on('message', (command: Command) => {
  if (command === 'close') close()
  else commit(command)
})
reopen()
