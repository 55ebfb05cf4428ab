import { Worker } from 'node:worker_threads'
import { bareEnvironment } from '../bare-environment.ts'
import { familiesIn } from './builtins/index.ts'
import type { EvalOutcome } from './host.ts'
import type { ThreadReply, ThreadSetup, ThreadTask } from './worker.ts'

/** Inputs that wait for a thread, in all and of one caller; more are refused at once rather than kept in memory. */
const maxWaitingLength = 64 * 1024 * 1024
const maxLengthOfOne = maxWaitingLength / 2
const manyLong = 4
/** Times the deadline that pass until a thread is ended that hardly gets its turn. */
const patience = 10
/** Judgements that took too long already and wait to go on, in all and of one caller; behind more of them everything would be late. */
const maxWaitingLong = 256
const maxLongOfOne = 32

export interface ThreadsOptions {
  /** How many for large inputs; there is one more, which gives way to everybody, for what takes long. */
  readonly size: number
  readonly wasm: Uint8Array
  readonly data: string
}
export interface JudgeOptions {
  /** Milliseconds that a thread works on it, after which the thread is ended. */
  readonly deadline: number
  /** It was begun elsewhere and needs more than it got there. */
  readonly long: boolean
  /** For whom: nobody's wait for long behind another's. */
  readonly caller: string
}
export interface Threads {
  /** Starts the first thread; what it compiled. Rejects when the module does not compile or its data does not load. */
  start(): Promise<WebAssembly.Module>
  /** Never rejects. */
  judge(task: ThreadTask, options: JudgeOptions): Promise<EvalOutcome>
  /** Whether one more of the caller's that takes long would be refused. */
  isCrowded(caller: string): boolean
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
  /** For what takes long, and nothing else. */
  readonly yields: boolean
  ready: boolean
  /** It was told to end, and may still say something of before. */
  ending: boolean
  /** What it had worked when it was last heard of. */
  worked: number
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

  const spawn = (yields: boolean, onReady?: (module: WebAssembly.Module) => void, onRefused?: (detail: string) => void): Thread => {
    const setup: ThreadSetup = { module: module ?? wasm, data, families, yields }
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: setup, env: bareEnvironment(), stdout: false, stderr: false })
    worker.unref()
    const thread: Thread = { worker, yields, ready: false, ending: false, worked: 0, job: undefined, timer: undefined }
    threads.add(thread)
    worker.on('message', (reply: ThreadReply) => {
      if (reply.kind !== 'refused') thread.worked = reply.worked
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
    let left = patience * job.options.deadline
    const look = (wait: number): void => {
      // A loop that was held up fires the timer before it reads the answer: that one gets its turn first.
      thread.timer = setTimeout(() => setImmediate(() => setImmediate(() => void endIfWorked(wait))), wait)
    }
    // What others do on the machine must not decide: only its own work counts, unless it gets next to nothing done.
    const endIfWorked = async (waited: number): Promise<void> => {
      left -= Math.max(waited, 1)
      const used = await thread.worker.cpuUsage().then(({ user, system }) => (user + system) / 1000 - thread.worked, () => Infinity)
      if (thread.job !== job) return
      if (used < job.options.deadline && left > 0) look(Math.min(job.options.deadline - used, left))
      else {
        thread.ending = true
        void thread.worker.terminate()
      }
    }
    look(job.options.deadline)
  }

  const of = (yields: boolean): readonly Thread[] => [...threads].filter((thread) => thread.yields === yields)
  const longOnes = (jobs: readonly Job[]): number => jobs.filter(({ options }) => options.long).length
  /** What takes long has a thread of its own; until that one is there, or where many wait for it, others are lent to it, but for one. */
  const mayBorrow = (): boolean => {
    const lent = longOnes(of(false).flatMap(({ job }) => job ?? []))
    return of(true).some(({ ready }) => ready) ? longOnes(waiting) > manyLong && lent < size - 1 : lent === 0
  }
  const freeFor = ({ options: { long } }: Job): Thread | undefined => {
    const free = (yields: boolean): Thread | undefined => of(yields).find((thread) => thread.ready && !thread.ending && thread.job === undefined)
    return free(long) ?? (long && mayBorrow() ? free(false) : undefined)
  }
  const start = (yields: boolean): void => {
    const own = of(yields)
    if (own.every(({ ready }) => ready) && own.length < (yields ? 1 : size)) spawn(yields)
  }

  /** Whoever has least on threads and before it in the row comes first; each caller's own keep their order. */
  const inTurns = (): readonly Job[] => {
    if (waiting.length < 2) return [...waiting]
    const before = new Map<string, number>()
    const placed = (job: Job): { readonly job: Job; readonly behind: number } => {
      const behind = before.get(job.options.caller) ?? 0
      before.set(job.options.caller, behind + 1)
      return { job, behind }
    }
    for (const { job } of threads) if (job !== undefined) placed(job)
    return waiting.map(placed).sort((one, other) => one.behind - other.behind).map(({ job }) => job)
  }

  const next = (): void => {
    const stuck = new Set<boolean>()
    for (const job of closed ? [] : inTurns()) {
      const { long } = job.options
      if (stuck.has(long)) continue
      const free = freeFor(job)
      if (free?.yields !== long) start(long)
      if (free === undefined && long && mayBorrow()) start(false)
      if (free === undefined) {
        stuck.add(long)
        continue
      }
      waiting.splice(waiting.indexOf(job), 1)
      waitingLength -= job.task.input.length
      begin(free, job)
    }
  }

  const isCrowded = (caller: string): boolean => {
    const long = waiting.filter(({ options }) => options.long)
    return long.length >= maxWaitingLong || long.filter(({ options }) => options.caller === caller).length >= maxLongOfOne
  }
  const isTooLarge = (length: number, caller: string): boolean => {
    const own = waiting.filter(({ options }) => options.caller === caller).reduce((sum, { task }) => sum + task.input.length, 0)
    return waitingLength + length > maxWaitingLength || own + length > maxLengthOfOne
  }

  return {
    start: () => new Promise((resolve, reject) => spawn(false, resolve, (detail) => reject(new Error(detail)))),
    judge: (task, options) =>
      new Promise((settle) => {
        if (closed) return settle(lost('the threads are closed'))
        const refused = (options.long && isCrowded(options.caller)) || isTooLarge(task.input.length, options.caller)
        if (refused) return settle(lost('too much waits to be judged'))
        waitingLength += task.input.length
        waiting.push({ task, options, settle })
        next()
      }),
    isCrowded,
    async close() {
      closed = true
      dropWaiting('the threads are closed')
      await Promise.all([...threads].map(({ worker }) => worker.terminate()))
    },
  }
}
