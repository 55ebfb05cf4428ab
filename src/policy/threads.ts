import { Worker } from 'node:worker_threads'
import { bareEnvironment } from '../bare-environment.ts'
import { familiesIn } from './builtins/index.ts'
import type { EvalOutcome } from './host.ts'
import type { ThreadReply, ThreadSetup, ThreadTask } from './worker.ts'

/** Inputs that wait for a thread, in all; more are refused at once rather than kept in memory. */
const maxWaitingLength = 64 * 1024 * 1024
/** Judgements that took too long already and wait to go on; behind more of them everything would be late. */
const maxWaitingLong = 32

export interface ThreadsOptions {
  readonly size: number
  readonly wasm: Uint8Array
  readonly data: string
}
export interface JudgeOptions {
  /** Milliseconds, from when a thread begins, after which it is ended. */
  readonly deadline: number
  /** It was begun elsewhere and needs more than it got there. */
  readonly long: boolean
}
export interface Threads {
  /** Starts the first thread; what it compiled. Rejects when the module does not compile or its data does not load. */
  start(): Promise<WebAssembly.Module>
  /** Never rejects. */
  judge(task: ThreadTask, options: JudgeOptions): Promise<EvalOutcome>
  /** Ends at once what still runs. */
  close(): Promise<void>
}

interface Job {
  readonly task: ThreadTask
  readonly options: JudgeOptions
  readonly settle: (outcome: EvalOutcome) => void
}
interface Thread {
  readonly worker: Worker
  ready: boolean
  job: Job | undefined
  timer: NodeJS.Timeout | undefined
}

function lost(detail: string): EvalOutcome {
  return { ok: false, fault: 'thread', detail, fuel: 0 }
}

/** Threads of one bundle. They are started when there is work for them, and a lost one is replaced by the next job. */
export function createThreads({ size, wasm, data }: ThreadsOptions): Threads {
  const families = familiesIn(wasm)
  const threads = new Set<Thread>()
  const waiting: Job[] = []
  let waitingLength = 0
  let module: WebAssembly.Module | undefined
  let closed = false

  const spawn = (onReady?: (module: WebAssembly.Module) => void, onRefused?: (detail: string) => void): Thread => {
    const setup: ThreadSetup = { module: module ?? wasm, data, families }
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: setup, env: bareEnvironment(), stdout: false, stderr: false })
    worker.unref()
    const thread: Thread = { worker, ready: false, job: undefined, timer: undefined }
    threads.add(thread)
    worker.on('message', (reply: ThreadReply) => {
      if (reply.kind === 'ready') {
        thread.ready = true
        module = reply.module
        onReady?.(reply.module)
        next()
      } else if (reply.kind === 'refused') {
        onRefused?.(reply.detail)
      } else {
        finish(thread, reply.outcome)
        next()
      }
    })
    worker.on('error', (cause) => onRefused?.(cause.message))
    worker.on('exit', () => {
      threads.delete(thread)
      onRefused?.('the thread ended')
      finish(thread, lost('the thread that judged was lost'))
      if (!thread.ready) dropWaiting('no thread can be started')
      next()
    })
    return thread
  }

  const finish = (thread: Thread, outcome: EvalOutcome): void => {
    clearTimeout(thread.timer)
    const job = thread.job
    thread.job = undefined
    job?.settle(outcome)
  }

  const dropWaiting = (why: string): void => {
    waitingLength = 0
    for (const { settle } of waiting.splice(0)) settle(lost(why))
  }

  const begin = (thread: Thread, job: Job): void => {
    thread.job = job
    thread.worker.postMessage(job.task)
    const end = (): void => {
      if (thread.job === job) void thread.worker.terminate()
    }
    // A loop that was held up fires the timer before it reads the answer: that one gets its turn first.
    thread.timer = setTimeout(() => setImmediate(() => setImmediate(end)), job.options.deadline)
  }

  const next = (): void => {
    while (waiting.length > 0 && !closed) {
      const free = [...threads].find((thread) => thread.ready && thread.job === undefined)
      if (free === undefined) {
        const starting = [...threads].some((thread) => !thread.ready)
        if (!starting && threads.size < size) spawn()
        return
      }
      const job = waiting.shift()
      if (job === undefined) return
      waitingLength -= job.task.input.length
      begin(free, job)
    }
  }

  return {
    start: () => new Promise((resolve, reject) => spawn(resolve, (detail) => reject(new Error(detail)))),
    judge: (task, options) =>
      new Promise((settle) => {
        if (closed) return settle(lost('the threads are closed'))
        const crowded = options.long && waiting.filter((job) => job.options.long).length >= maxWaitingLong
        if (crowded || waitingLength + task.input.length > maxWaitingLength) return settle(lost('too much waits to be judged'))
        waitingLength += task.input.length
        waiting.push({ task, options, settle })
        next()
      }),
    async close() {
      closed = true
      dropWaiting('the threads are closed')
      await Promise.all([...threads].map(({ worker }) => worker.terminate()))
    },
  }
}
