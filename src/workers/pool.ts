import type { Socket } from 'node:net'
import type { ShadowReport } from '../bundle/compare/shadow.ts'
import { createInTurn } from '../in-turn.ts'
import type { Snapshot } from '../metrics/metrics.ts'
import type { BuiltBundle } from '../policy/bundle.ts'
import { createCrew, type CrewOptions, type Worker } from './crew.ts'
import { textOf } from './line.ts'
import { ownerAt } from './owner.ts'

export type PoolOptions = Omit<CrewOptions, 'join'>
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

const askWithin = 5_000

/** The workers of a supervisor: one process for each slot, started again when it ends. */
export function createPool(options: PoolOptions): Pool {
  const { order, logger } = options
  let active: BuiltBundle | undefined
  let shadow: BuiltBundle | undefined
  let isStale = false
  let next = 0
  /** Activations, and workers that begin to serve, one after another: whoever serves has the bundle that is active. */
  const inTurn = createInTurn()

  async function letServe(worker: Worker): Promise<void> {
    await worker.line.ask('stale', isStale)
    worker.hears = true
    await worker.line.ask('open', undefined)
    worker.isReady = true
  }
  async function join(worker: Worker): Promise<void> {
    await inTurn(async () => {
      if (active !== undefined) await worker.line.ask('activate', active)
      await letServe(worker)
    })
    // It serves without: nothing that is decided depends on it.
    if (shadow !== undefined) worker.line.ask('shadow', shadow).catch((cause: unknown) => logger.warn('a worker has no second bundle', { worker: worker.slot, why: textOf(cause) }))
  }
  const crew = createCrew({ ...options, join })
  const { serving } = crew

  async function activateAll(bundle: BuiltBundle): Promise<void> {
    const all = active === undefined ? crew.all.filter((worker) => worker !== undefined) : serving()
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
    const owner = claimed === 'nobody' ? undefined : crew.all[ownerAt(claimed, order.count)]
    if (owner?.isReady === true) return owner
    const all = serving()
    return all[next++ % Math.max(1, all.length)]
  }

  return {
    start: () => inTurn(crew.start),
    activate: (bundle) => inTurn(() => activateAll(bundle)),
    setStale(isNow) {
      isStale = isNow
      void inTurn(() => Promise.all(serving().map(({ line, child }) => line.ask('stale', isNow, askWithin).catch(() => child.kill('SIGKILL')))))
    },
    async activateShadow(bundle) {
      const refusals = await Promise.all(crew.all.map((worker) => worker?.line.ask('shadow', bundle).then(() => undefined, textOf)))
      const refused = refusals.find((refusal) => refusal !== undefined)
      if (refused !== undefined) throw new Error(refused)
      shadow = bundle
    },
    async shadows() {
      const told = await Promise.all(serving().map(({ line }) => line.ask('shadowSeen', undefined, askWithin).catch(() => undefined)))
      return told.filter((report) => report !== undefined)
    },
    open: () => inTurn(async () => void (await Promise.all(crew.all.map((worker) => worker && letServe(worker).then(() => crew.watch(worker)))))),
    pass(socket, head, claimed) {
      const worker = chosen(claimed)
      if (worker === undefined) socket.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      else worker.line.pass(socket, head)
    },
    ready: () => serving().length,
    async missing() {
      const away = crew.all.filter((worker) => worker?.isReady !== true).length
      const told = await Promise.all(serving().map(({ slot, line }) => line.ask('missing', undefined, askWithin).catch((): readonly string[] => [`worker ${slot} does not answer`])))
      return [...new Set([...(away > 0 ? [`${away} of ${order.count} workers are starting`] : []), ...told.flat()])]
    },
    snapshots: () =>
      Promise.all(serving().map(async (worker) => {
        worker.counted = await worker.line.ask('metrics', undefined, askWithin).catch(() => worker.counted)
        return worker.counted
      })),
    close: crew.close,
  }
}
