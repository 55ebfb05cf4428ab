import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../model.ts'
import type { WriterState } from '../../record/record-store.ts'
import type { StoreFiles } from '../store.ts'
import type { Op, Report } from './ops.ts'
import { createOwed, type Limits } from './owed.ts'
import { createStuckWatch } from './stuck-watch.ts'
import { startWriterThread, type WriterThread } from './writer-thread.ts'

/** What metrics are made of. */
export interface WriterObserver {
  committed?(ops: number, ms: number): void
  refused?(code: 'queue_full' | 'record_unavailable', ops: number): void
  failed?(why: string): void
  reopened?(): void
}

export interface WriteQueue {
  /**
   * Resolves with the op's result once it is durable. `size` is about how many bytes it holds. An outcome tells what became of
   * something that was let out: it is still taken where new work is shed, for refusing it would undo nothing.
   */
  write(op: Op, size?: number, kind?: 'new' | 'outcome'): Promise<unknown>
  state(): WriterState
  close(): Promise<void>
  /** Stops the thread where it stands: for tests of what then holds. */
  killThread(): Promise<void>
}

export interface WriteQueueOptions {
  /** As whoever makes this queue holds them open. */
  readonly files: StoreFiles
  /** Names this run of the process in the writer's mark. */
  readonly run: string
  /** Which of several processes this is; undefined where there is one. */
  readonly writer?: number | undefined
  /** The last batch of this run that the database has, as another connection sees it: its last op, and how many of its ops were refused. */
  readonly lastDurable: () => { readonly op: number; readonly faults: number }
  readonly logger: Logger
  readonly observe?: WriterObserver
  readonly limits?: Partial<Limits>
}
const normal: Limits = { ops: 2_000, bytes: 32 * 1024 * 1024, batch: 4 * 1024 * 1024, age: 1_000, patience: 2_000 }
const respawnAfter = 100
const startWithin = 10_000

/**
 * The main thread's end of the writer: numbers ops, hands them over in batches, and settles each exactly once. While one batch
 * commits the next gathers here, where it can still be refused cleanly.
 */
export function createWriteQueue(options: WriteQueueOptions): Promise<WriteQueue> {
  const limits = { ...normal, ...options.limits }
  const { logger, observe } = options
  const owed = createOwed(limits, observe)
  const watch = createStuckWatch(owed, limits)
  let state: 'starting' | 'open' | 'broken' | 'closing' | 'closed' = 'starting'
  let isFlushDue = false
  let thread: WriterThread
  const ready = Promise.withResolvers<WriteQueue>()
  const done = Promise.withResolvers<void>()

  const flush = (): void => {
    isFlushDue = false
    if (state !== 'open' && state !== 'closing') return
    const batch = owed.nextBatch()
    if (batch !== undefined) thread.tell(batch)
    if (state === 'closing' && owed.count() === 0) thread.tell('close')
  }

  const broken = (why: string): void => {
    if (state === 'open') {
      state = 'broken'
      logger.error('the store cannot be written', { why })
      observe?.failed?.(why)
    }
    owed.refuseWaiting('record_unavailable', why)
  }

  const failed = (upTo: number, why: string): void => {
    owed.refuseUpTo(upTo, why)
    broken(why)
    // Nothing is owed any more: closing does not wait for the disk to heal.
    if (state === 'closing') void thread.terminate()
  }

  const opened = (): void => {
    if (state === 'broken') {
      logger.info('the store can be written again')
      observe?.reopened?.()
    }
    if (state !== 'closing') state = 'open'
    ready.resolve(queue)
    flush()
  }

  const hear = (report: Report): void => {
    switch (report[0]) {
      case 'durable': {
        const [, upTo, ms, results] = report
        observe?.committed?.(upTo - owed.settled(), ms)
        owed.durable(upTo, results)
        return flush()
      }
      case 'failed':
        return failed(report[1], report[2])
      case 'open':
        return opened()
      case 'closed':
        state = 'closed'
    }
  }

  /** The thread is gone: what it had committed is told from the database itself, the rest has left no trace. */
  const gone = (code: number): void => {
    if (state === 'closed') return done.resolve()
    const wasClosing = state === 'closing'
    if (isAtWriter()) {
      const { op: last, faults } = options.lastDurable()
      if (last >= owed.handed() && faults === 0) owed.durableWithoutResults()
      owed.refuseUpTo(owed.handed(), 'the writer ended')
    }
    broken(`the writer thread ended with code ${code}`)
    if (wasClosing) return done.resolve()
    setTimeout(spawn, respawnAfter)
  }

  const spawn = (): void => {
    if (state === 'closing' || state === 'closed') return done.resolve()
    thread = startWriterThread({ files: options.files, run: options.run, writer: options.writer }, { report: hear, gone }, logger)
  }

  const isAtWriter = (): boolean => owed.handed() > owed.settled()

  const refuse = (code: 'queue_full' | 'record_unavailable', detail: string): Promise<never> => {
    observe?.refused?.(code, 1)
    return Promise.reject(new GatewayError(code, { detail }))
  }

  const queue: WriteQueue = {
    write(op, size = 256, kind = 'new') {
      const isOutcome = kind === 'outcome'
      const now = performance.now()
      if (state === 'broken' || state === 'starting') return refuse('record_unavailable', 'the writer is not open')
      if (state !== 'open') return Promise.reject(new GatewayError('shutting_down'))
      if (owed.isFull(size, isOutcome)) return refuse('queue_full', 'the queue of the writer is full')
      if (watch.isStuck() && !isOutcome) return refuse('queue_full', 'the writer is stuck')
      return new Promise((resolve, reject) => {
        owed.add({ op, size, isOutcome, since: now, resolve, reject })
        watch.begin()
        if (isFlushDue || isAtWriter()) return
        isFlushDue = true
        setImmediate(flush)
      })
    },
    state: () => ({ writable: state === 'open' && !watch.isStuck(), queued: owed.count() }),
    async close() {
      if (state === 'open') {
        state = 'closing'
        flush()
      } else if (state !== 'closing' && state !== 'closed') {
        state = 'closing'
        await thread.terminate()
      }
      watch.end()
      return done.promise
    },
    async killThread() {
      await thread.terminate()
    },
  }
  const late = setTimeout(() => {
    ready.reject(new Error(`the writer could not open the store within ${startWithin / 1_000} s: its disk is full or hangs, or something holds the file`))
    void queue.close()
  }, startWithin)
  ready.promise.then(() => clearTimeout(late)).catch(() => undefined)
  spawn()
  return ready.promise
}
