import { MessageChannel, Worker } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../model.ts'
import type { WriterState } from '../../record/record-store.ts'
import type { Batch, Command, Op, Report, Result, ThreadOptions } from './ops.ts'

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
  readonly path: string
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
interface Limits {
  readonly ops: number
  readonly bytes: number
  /** Bytes of one batch, or one op: what is small does not wait for everything large that came before it to be one commit. */
  readonly batch: number
  /** Waiting longer than this, in milliseconds, means that the writer is stuck: new writes are refused. Copying the log on a slow disk takes tenths of a second. */
  readonly age: number
  /** What has not even been handed to the writer after this long is refused too. */
  readonly patience: number
}
const normal: Limits = { ops: 2_000, bytes: 32 * 1024 * 1024, batch: 4 * 1024 * 1024, age: 1_000, patience: 2_000 }
/** How much further the bounds are for outcomes. */
const furtherForOutcomes = { ops: 2, bytes: 2, patience: 10 }
/** Ops whose success is all there is to say. */
const silent: ReadonlySet<Op[0]> = new Set(['event', 'put_session', 'end_session', 'insert_approval'])
const respawnAfter = 100
const startWithin = 10_000

interface Owed {
  readonly op: Op
  readonly size: number
  readonly isOutcome: boolean
  readonly since: number
  resolve(value: unknown): void
  reject(error: GatewayError): void
}

/**
 * The main thread's end of the writer: numbers ops, hands them over in batches, and settles each exactly once. While one batch
 * commits the next gathers here, where it can still be refused cleanly.
 */
export function createWriteQueue(options: WriteQueueOptions): Promise<WriteQueue> {
  const limits = { ...normal, ...options.limits }
  const { logger, observe } = options
  /** Everything not settled, in order; `settled` is the number of the op before the first. The first `sent` are the batch at the writer. */
  let owed: Owed[] = []
  let settled = 0
  let sent = 0
  let bytes = 0
  let state: 'starting' | 'open' | 'broken' | 'closing' | 'closed' = 'starting'
  let scheduled = false
  let watch: NodeJS.Timeout | undefined
  /** Set when one batch is still at the writer at two looks: a busy main thread alone is not a stuck writer. */
  let stuck = false
  let lastHead = -1
  let port: MessagePort
  let worker: Worker
  const ready = Promise.withResolvers<WriteQueue>()
  const done = Promise.withResolvers<void>()

  function take(count: number): Owed[] {
    const taken = owed.splice(0, count)
    settled += taken.length
    sent = Math.max(0, sent - taken.length)
    for (const each of taken) bytes -= each.size
    stuck = false
    return taken
  }

  function refuse(refused: readonly Owed[], code: 'queue_full' | 'record_unavailable', detail: string): void {
    if (refused.length === 0) return
    const error = new GatewayError(code, { detail })
    observe?.refused?.(code, refused.length)
    for (const each of refused) each.reject(error)
  }

  function refuseWaiting(code: 'queue_full' | 'record_unavailable', detail: string, which: (each: Owed) => boolean = () => true): void {
    const waiting = owed.splice(sent)
    owed.push(...waiting.filter((each) => !which(each)))
    const refused = waiting.filter(which)
    for (const each of refused) bytes -= each.size
    refuse(refused, code, detail)
  }

  function durable(upTo: number, results: ReadonlyMap<number, Result> | undefined): void {
    let number = settled
    for (const each of take(upTo - settled)) {
      number += 1
      const result = results?.get(number)
      if (result === undefined) each.resolve(undefined)
      else if ('value' in result) each.resolve(result.value)
      else refuse([each], 'record_unavailable', result.fault)
    }
  }

  function broken(why: string): void {
    if (state === 'open') {
      state = 'broken'
      logger.error('the store cannot be written', { why })
      observe?.failed?.(why)
    }
    refuseWaiting('record_unavailable', why)
  }

  function hear(report: Report): void {
    switch (report[0]) {
      case 'durable': {
        const [, upTo, ms, results] = report
        observe?.committed?.(upTo - settled, ms)
        durable(upTo, results)
        return flush()
      }
      case 'failed': {
        const [, upTo, why] = report
        refuse(take(upTo - settled), 'record_unavailable', why)
        broken(why)
        // Nothing is owed any more: closing does not wait for the disk to heal.
        if (state === 'closing') void worker.terminate()
        return
      }
      case 'open':
        if (state === 'broken') {
          logger.info('the store can be written again')
          observe?.reopened?.()
        }
        if (state !== 'closing') state = 'open'
        ready.resolve(queue)
        return flush()
      case 'closed':
        state = 'closed'
    }
  }

  function flush(): void {
    scheduled = false
    if (state !== 'open' && state !== 'closing') return
    if (sent === 0 && owed.length > 0) {
      const ops = nextBatch()
      sent = ops.length
      port.postMessage([settled + 1, ops] satisfies Batch satisfies Command)
    }
    if (state === 'closing' && owed.length === 0) port.postMessage('close' satisfies Command)
  }

  function nextBatch(): readonly Op[] {
    let weight = 0
    const ops: Op[] = []
    for (const { op, size } of owed) {
      weight += size
      if (weight > limits.batch && ops.length > 0) break
      ops.push(op)
    }
    return ops
  }

  /** Looks now and then, while anything is owed, whether the writer moves. */
  function look(): void {
    watch = undefined
    const now = performance.now()
    const [oldest] = owed
    stuck = oldest !== undefined && settled === lastHead && now - oldest.since > limits.age
    lastHead = settled
    if (stuck) refuseWaiting('queue_full', 'the writer is stuck', ({ since, isOutcome }) => now - since > limits.patience * (isOutcome ? furtherForOutcomes.patience : 1))
    if (owed.length > 0) watch = setTimeout(look, limits.age / 2).unref()
  }

  /** Committed, but what the writer had to say of it is lost: who asked a question is told no, and finds out by asking again. */
  function settleWithoutResults(batch: readonly Owed[]): void {
    for (const each of batch) {
      if (silent.has(each.op[0])) each.resolve(undefined)
      else refuse([each], 'record_unavailable', 'the writer ended before it could answer')
    }
  }

  /** The thread is gone: what it had committed is told from the database itself, the rest has left no trace. */
  function gone(code: number): void {
    if (state === 'closed') return done.resolve()
    const wasClosing = state === 'closing'
    if (sent > 0) {
      const { op: last, faults } = options.lastDurable()
      if (last >= settled + sent && faults === 0) settleWithoutResults(take(sent))
      refuse(take(sent), 'record_unavailable', 'the writer ended')
    }
    broken(`the writer thread ended with code ${code}`)
    if (wasClosing) return done.resolve()
    setTimeout(spawn, respawnAfter)
  }

  function spawn(): void {
    if (state === 'closing' || state === 'closed') return done.resolve()
    const channel = new MessageChannel()
    port = channel.port1
    port.on('message', hear)
    const workerData: ThreadOptions & { port: MessagePort } = { path: options.path, run: options.run, writer: options.writer, port: channel.port2 }
    worker = new Worker(new URL('./writer.ts', import.meta.url), { workerData, transferList: [channel.port2], name: 'store-writer' })
    worker.on('error', (error) => logger.error('the writer thread failed', { why: error.message }))
    worker.on('exit', (code) => {
      port.close()
      gone(code)
    })
  }

  const queue: WriteQueue = {
    write(op, size = 256, kind = 'new') {
      const isOutcome = kind === 'outcome'
      const now = performance.now()
      if (state === 'broken' || state === 'starting') {
        observe?.refused?.('record_unavailable', 1)
        return Promise.reject(new GatewayError('record_unavailable', { detail: 'the writer is not open' }))
      }
      if (state !== 'open') return Promise.reject(new GatewayError('shutting_down'))
      const further = isOutcome ? furtherForOutcomes : { ops: 1, bytes: 1 }
      const full = owed.length >= limits.ops * further.ops || (owed.length > 0 && bytes + size > limits.bytes * further.bytes)
      if (full || (stuck && !isOutcome)) {
        observe?.refused?.('queue_full', 1)
        return Promise.reject(new GatewayError('queue_full', { detail: full ? 'the queue of the writer is full' : 'the writer is stuck' }))
      }
      return new Promise((resolve, reject) => {
        owed.push({ op, size, isOutcome, since: now, resolve, reject })
        bytes += size
        watch ??= setTimeout(look, limits.age / 2).unref()
        if (scheduled || sent > 0) return
        scheduled = true
        setImmediate(flush)
      })
    },
    state: () => ({ writable: state === 'open' && !stuck, queued: owed.length }),
    async close() {
      if (state === 'open') {
        state = 'closing'
        flush()
      } else if (state !== 'closing' && state !== 'closed') {
        state = 'closing'
        await worker.terminate()
      }
      clearTimeout(watch)
      return done.promise
    },
    async killThread() {
      await worker.terminate()
    },
  }
  const late = setTimeout(() => {
    ready.reject(new Error(`the writer could not open the store within ${startWithin / 1_000} s`))
    void queue.close()
  }, startWithin)
  ready.promise.then(() => clearTimeout(late)).catch(() => undefined)
  spawn()
  return ready.promise
}
