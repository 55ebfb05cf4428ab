import type { ChildProcess } from 'node:child_process'
import type { News } from '../login/changes.ts'
import type { Snapshot } from '../metrics/metrics.ts'
import type { ApprovalId, Clock, Logger } from '../model.ts'
import { createGroups } from './groups.ts'
import { createLine, textOf, type Answers, type Line } from './line.ts'
import { usualPatience, watchPulse, type Patience } from './pulse.ts'
import type { OfSupervisor, OfWorker, Order } from './words.ts'

export interface Worker {
  readonly slot: number
  readonly child: ChildProcess
  readonly line: Line<OfWorker>
  readonly ended: Promise<string>
  /** True from when it may be handed requests, which is before it serves. */
  hears: boolean
  /** True from when it serves until it is gone. */
  isReady: boolean
  counted: Snapshot
}
export interface CrewOptions {
  readonly order: Omit<Order, 'slot' | 'since'>
  /** Never goes back. */
  readonly now: Clock
  /** Starts a process that runs `worker.ts`. */
  readonly fork: (slot: number) => ChildProcess
  readonly answers: Omit<Answers<OfSupervisor>, 'approvalChanged' | 'peopleChanged' | 'childBegan' | 'childEnded'>
  readonly logger: Logger
  readonly onRestart: () => void
  /** Told the last that is known of what a worker counted that is gone. */
  readonly onGone: (counted: Snapshot) => void
  /** Lets one that was started again serve like the others. */
  readonly join: (worker: Worker) => Promise<void>
  /** Connections that one may have yet to take. */
  readonly mostPassing: number
  /** With one that serves and answers nothing. */
  readonly patience?: Patience
}
/** The processes, by their places. */
export interface Crew {
  readonly all: readonly (Worker | undefined)[]
  serving(): readonly Worker[]
  /** Resolves when every worker has its store and parts; rejects with the first one's reason. */
  start(): Promise<void>
  /** From now on it is started again when it ends. */
  watch(worker: Worker): void
  close(): Promise<void>
}

const firstPause = 100
const longestPause = 10_000
/** A worker that served for so long did not end for what its predecessor ended for. */
const steadyAfter = 60_000
/** A start opens a store and loads a program: on a machine that has much else to do that takes its time. */
const startWithin = 120_000
/** Who is so slow finds it in the store by itself. */
const hearWithin = 2_000
/** Longer than a worker lets its calls finish. */
const closeWithin = 40_000

const end = async ({ child, ended }: Worker): Promise<void> => {
  child.kill('SIGKILL')
  await ended
}

export function createCrew({ order, now, fork, answers, logger, onRestart, onGone, join, mostPassing, patience = usualPatience }: CrewOptions): Crew {
  const workers: (Worker | undefined)[] = Array.from({ length: order.count }, () => undefined)
  let isClosing = false
  const serving = (): readonly Worker[] => workers.filter((worker) => worker?.isReady === true).filter((worker) => worker !== undefined)
  const hearing = (): readonly Worker[] => workers.filter((worker) => worker?.hears === true).filter((worker) => worker !== undefined)
  const wakeAll = (id: ApprovalId | undefined, but?: number): void => {
    for (const { slot, line } of hearing()) if (slot !== but) line.ask('approvalChanged', id).catch(() => undefined)
  }

  const tellOthers = async (news: News | undefined, but: number): Promise<void> => {
    const others = hearing().filter(({ slot }) => slot !== but)
    await Promise.all(others.map(({ line }) => line.ask('peopleChanged', news, hearWithin).catch(() => undefined)))
  }

  function spawn(slot: number): Worker {
    const child = fork(slot)
    const ended = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`))
      // Of a process that runs, only its exit says that it has ended: its place must not be taken before.
      child.on('error', (error) => child.pid === undefined && resolve(error.message))
    })
    const groups = createGroups()
    const line = createLine<OfWorker, OfSupervisor>(child, { ...answers, approvalChanged: (id) => wakeAll(id, slot), peopleChanged: (news) => tellOthers(news, slot), childBegan: groups.began, childEnded: groups.ended }, { mostPassing })
    void ended.then(groups.endAll)
    // What it said last may be heard after its end.
    child.once('disconnect', groups.endAll)
    const worker: Worker = { slot, child, line, ended, hears: false, isReady: false, counted: [] }
    workers[slot] = worker
    return worker
  }

  async function bring(slot: number): Promise<Worker> {
    const worker = spawn(slot)
    try {
      await worker.line.ask('start', { ...order, slot, since: now() }, startWithin)
      return worker
    } catch (cause) {
      await end(worker)
      throw cause
    }
  }

  async function watch(worker: Worker, before: number): Promise<void> {
    const since = performance.now()
    const { slot, child, line } = worker
    const stopLooking = watchPulse(line, patience, () => {
      logger.error('a worker does not answer any more, and is ended', { worker: slot, pid: child.pid })
      child.kill('SIGKILL')
    })
    const how = await worker.ended
    stopLooking()
    worker.isReady = false
    worker.hears = false
    onGone(worker.counted)
    if (isClosing) return
    // What it was about to say of an approval may be lost with it.
    wakeAll(undefined)
    await restart(worker, how, performance.now() - since > steadyAfter ? 0 : before)
  }

  async function restart({ slot, child }: Worker, how: string, before: number): Promise<void> {
    for (let attempt = before, why = how; !isClosing; attempt += 1) {
      const pause = Math.min(firstPause * 2 ** attempt, longestPause)
      logger.error('a worker ended; its calls in flight will be recorded as unknown when it is back', { worker: slot, pid: child.pid, why, again_in_ms: pause })
      onRestart()
      await new Promise((resolve) => setTimeout(resolve, pause))
      if (isClosing) return
      try {
        const worker = await bring(slot)
        await join(worker).catch(async (cause: unknown) => {
          await end(worker)
          throw cause
        })
        logger.info('a worker serves again', { worker: slot, pid: worker.child.pid })
        return void watch(worker, attempt + 1)
      } catch (cause) {
        why = textOf(cause)
      }
    }
  }

  return {
    all: workers,
    serving,
    start: async () => void (await Promise.all(workers.map((_, slot) => bring(slot)))),
    watch: (worker) => void watch(worker, 0),
    async close() {
      isClosing = true
      await Promise.all(workers.map(async (worker) => {
        if (worker === undefined) return
        await worker.line.ask('close', undefined, closeWithin).then(() => worker.child.disconnect(), () => worker.child.kill('SIGKILL'))
        await worker.ended
      }))
    },
  }
}
