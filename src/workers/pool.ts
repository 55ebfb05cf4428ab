import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { ShadowReport } from '../bundle/compare/shadow.ts'
import type { Snapshot } from '../metrics.ts'
import type { ApprovalId, Logger } from '../model.ts'
import type { BuiltBundle } from '../policy/bundle.ts'
import { createLine, textOf, type Answers, type Line } from './line.ts'
import { ownerAt } from './owner.ts'
import type { OfSupervisor, OfWorker, Order } from './words.ts'

export interface PoolOptions {
  readonly order: Omit<Order, 'slot'>
  /** Starts a process that runs `worker.ts`. */
  readonly fork: (slot: number) => ChildProcess
  readonly answers: Omit<Answers<OfSupervisor>, 'approvalChanged'>
  readonly logger: Logger
  readonly onRestart: () => void
  /** Told the last that is known of what a worker counted that is gone. */
  readonly onGone: (counted: Snapshot) => void
}
export interface Pool {
  /** Resolves when every worker has its store and parts; rejects with the first one's reason. */
  start(): Promise<void>
  /** All workers or none: none switches before all have it ready, and who then does not begins again with it. */
  activate(bundle: BuiltBundle): Promise<void>
  /** Whether what is active is older than it may be. A worker that cannot be told so ends. */
  setStale(isStale: boolean): void
  /** Gives every worker a second bundle, which judges without effect. */
  activateShadow(bundle: BuiltBundle): Promise<void>
  /** What the second bundle would have decided, of each worker that tells. */
  shadows(): Promise<readonly ShadowReport[]>
  /** Lets the workers serve. */
  open(): Promise<void>
  /** To the worker of the place that is claimed. */
  pass(socket: Socket, head: Buffer, claimed: number | 'nobody'): void
  ready(): number
  missing(): Promise<readonly string[]>
  snapshots(): Promise<readonly Snapshot[]>
  close(): Promise<void>
}

interface Worker {
  readonly slot: number
  readonly child: ChildProcess
  readonly line: Line<OfWorker>
  readonly ended: Promise<string>
  /** True from when it serves until it is gone. */
  isReady: boolean
  counted: Snapshot
}

const firstPause = 100
const longestPause = 10_000
/** A worker that served for so long did not end for what its predecessor ended for. */
const steadyAfter = 60_000
const askWithin = 5_000
/** A start opens a store and loads a program: on a machine that has much else to do that takes its time. */
const startWithin = 120_000
/** Longer than a worker lets its calls finish. */
const closeWithin = 40_000

/** The workers of a supervisor: one process for each slot, started again when it ends. */
export function createPool({ order, fork, answers, logger, onRestart, onGone }: PoolOptions): Pool {
  const workers: (Worker | undefined)[] = Array.from({ length: order.count }, () => undefined)
  let active: BuiltBundle | undefined
  let shadow: BuiltBundle | undefined
  let isClosing = false
  let isStale = false
  let next = 0
  let turn: Promise<unknown> = Promise.resolve()
  /** Activations, and workers that begin to serve, one after another: whoever serves has the bundle that is active. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work)
    turn = done.catch(() => undefined)
    return done
  }
  const serving = (): readonly Worker[] => workers.filter((worker) => worker?.isReady === true).filter((worker) => worker !== undefined)
  const wakeAll = (id: ApprovalId | undefined, but?: number): void => {
    for (const { slot, line } of serving()) if (slot !== but) line.ask('approvalChanged', id).catch(() => undefined)
  }

  function spawn(slot: number): Worker {
    const child = fork(slot)
    const ended = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`))
      // Of a process that runs, only its exit says that it has ended: its place must not be taken before.
      child.on('error', (error) => child.pid === undefined && resolve(error.message))
    })
    const line = createLine<OfWorker, OfSupervisor>(child, { ...answers, approvalChanged: (id) => wakeAll(id, slot) })
    const worker: Worker = { slot, child, line, ended, isReady: false, counted: [] }
    workers[slot] = worker
    return worker
  }

  async function bring(slot: number): Promise<Worker> {
    const worker = spawn(slot)
    try {
      await worker.line.ask('start', { ...order, slot }, startWithin)
      return worker
    } catch (cause) {
      worker.child.kill('SIGKILL')
      await worker.ended
      throw cause
    }
  }

  async function letServe(worker: Worker): Promise<void> {
    await worker.line.ask('stale', isStale)
    await worker.line.ask('open', undefined)
    worker.isReady = true
    void watch(worker, performance.now())
  }

  async function watch(worker: Worker, since: number, before = 0): Promise<void> {
    const how = await worker.ended
    worker.isReady = false
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
        await inTurn(async () => {
          if (active !== undefined) await worker.line.ask('activate', active)
          await worker.line.ask('stale', isStale)
          await worker.line.ask('open', undefined)
          worker.isReady = true
        }).catch(async (cause: unknown) => {
          worker.child.kill('SIGKILL')
          await worker.ended
          throw cause
        })
        logger.info('a worker serves again', { worker: slot, pid: worker.child.pid })
        // It serves without: nothing that is decided depends on it.
        if (shadow !== undefined) worker.line.ask('shadow', shadow).catch((cause: unknown) => logger.warn('a worker has no second bundle', { worker: slot, why: textOf(cause) }))
        return void watch(worker, performance.now(), attempt + 1)
      } catch (cause) {
        why = textOf(cause)
      }
    }
  }

  async function activateAll(bundle: BuiltBundle): Promise<void> {
    const all = active === undefined ? workers.filter((worker) => worker !== undefined) : serving()
    const done = await Promise.all(all.map(async (worker) => ({ worker, refusal: await worker.line.ask('load', bundle).then(() => undefined, textOf) })))
    // Whoever ended meanwhile begins again with what is then active.
    const here = done.filter(({ worker }) => worker.child.connected)
    const refused = here.find(({ refusal }) => refusal !== undefined)
    if (here.length === 0 || refused !== undefined) {
      await Promise.all(here.map(({ worker }) => worker.line.ask('load', undefined, askWithin).catch(() => worker.child.kill('SIGKILL'))))
      throw new Error(refused === undefined ? 'every worker ended' : `worker ${refused.worker.slot}: ${refused.refusal}`)
    }
    // All have it ready, so this takes no longer than to say it; who cannot be told begins again.
    active = bundle
    await Promise.all(here.map(({ worker }) => worker.line.ask('switch', bundle.digest, askWithin).catch(() => worker.child.kill('SIGKILL'))))
  }

  /** Its owner's, if that serves; else anybody's: who is not the owner hands the request over, or says that the owner is away. */
  function chosen(claimed: number | 'nobody'): Worker | undefined {
    const owner = claimed === 'nobody' ? undefined : workers[ownerAt(claimed, order.count)]
    if (owner?.isReady === true) return owner
    const all = serving()
    return all[next++ % Math.max(1, all.length)]
  }

  return {
    async start() {
      await inTurn(() => Promise.all(workers.map((_, slot) => bring(slot))))
    },
    activate: (bundle) => inTurn(() => activateAll(bundle)),
    setStale(isNow) {
      isStale = isNow
      void inTurn(() => Promise.all(serving().map(({ line, child }) => line.ask('stale', isNow, askWithin).catch(() => child.kill('SIGKILL')))))
    },
    async activateShadow(bundle) {
      const refusals = await Promise.all(workers.map((worker) => worker?.line.ask('shadow', bundle).then(() => undefined, textOf)))
      const refused = refusals.find((refusal) => refusal !== undefined)
      if (refused !== undefined) throw new Error(refused)
      shadow = bundle
    },
    async shadows() {
      const told = await Promise.all(serving().map(({ line }) => line.ask('shadowSeen', undefined, askWithin).catch(() => undefined)))
      return told.filter((report) => report !== undefined)
    },
    open: () => inTurn(async () => void (await Promise.all(workers.map((worker) => worker && letServe(worker))))),
    pass(socket, head, claimed) {
      const worker = chosen(claimed)
      if (worker === undefined) socket.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      else worker.line.pass(socket, head)
    },
    ready: () => serving().length,
    async missing() {
      const away = workers.filter((worker) => worker?.isReady !== true).length
      const told = await Promise.all(serving().map(({ slot, line }) => line.ask('missing', undefined, askWithin).catch((): readonly string[] => [`worker ${slot} does not answer`])))
      return [...new Set([...(away > 0 ? [`${away} of ${order.count} workers are starting`] : []), ...told.flat()])]
    },
    snapshots: () =>
      Promise.all(serving().map(async (worker) => {
        worker.counted = await worker.line.ask('metrics', undefined, askWithin).catch(() => worker.counted)
        return worker.counted
      })),
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
