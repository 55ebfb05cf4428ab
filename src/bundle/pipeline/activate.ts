import type { Clock, Logger } from '../../model.ts'
import type { Source, Watching } from '../source/source.ts'
import type { Act } from '../trust/acts.ts'
import type { Kept } from '../trust/archive.ts'
import type { Custody, Pin } from '../trust/custody.ts'
import type { Age, Freshness } from '../trust/freshness.ts'
import type { Signer } from '../trust/signer.ts'
import { createFollowing } from './follow.ts'
import type { Done, Wish } from './going-back.ts'
import type { PrepareOptions } from './prepare.ts'
import type { Run } from './run.ts'
import { createSwitching } from './switching.ts'
import type { ActiveBundle, Activator } from './switching.ts'

export type { Activator, Run }

export interface PipelineStatus {
  readonly active?: ActiveBundle
  readonly last_run?: Run
  /** Only where somebody went back to an older bundle. */
  readonly rolled_back?: Pin
  /** How long ago the source was last seen to say what is active. */
  readonly source?: { readonly state: Age; readonly age_ms: number }
}
export interface Pipeline {
  /** Reads, prepares and activates. Calls that come while one runs share the next one. Never throws: a failed run keeps what is active. */
  run(): Promise<Run>
  status(): PipelineStatus
  /** An older bundle, made active by somebody for a reason, until the source gives a newer one than that it went back from. */
  rollback(digest: string, wish: Wish): Promise<Done>
  /** The source decides again what is active. */
  release(wish: Wish): Promise<Done>
  /** Newest first. */
  kept(): readonly Kept[]
  acts(limit: number): readonly Act[]
  close(): Promise<void>
}
export interface PipelineOptions extends PrepareOptions {
  readonly source: Source
  readonly engine: Activator
  readonly logger: Logger
  readonly clock: Clock
  /** Left out, nothing is kept and nothing has an order. */
  readonly custody?: Custody
  readonly freshness?: Pick<Freshness, 'found' | 'state' | 'age'>
  /** Left out, what is handed on is not signed. */
  readonly signer?: Signer
  /** Told when another bundle has become active, by a run or by going back. */
  readonly onActive?: () => void
  /** Told after each run, for metrics. */
  readonly onRun?: (run: Run) => void
}

const retryAfter = 30_000
/** What keeps OPA busy until its time is over may do so again: up to half an hour, it is tried less often each time. */
const mostDoublings = 6

export const createPipeline = (options: PipelineOptions): Pipeline => {
  const { source, engine, logger, clock, custody, freshness, signer, onActive } = options
  const switching = createSwitching({ engine, clock, build: options, custody, signer, onActive })
  const attempt = createFollowing({ ...options, switching })
  let last: Run | undefined
  let running: Promise<Run> | undefined
  let queued: Promise<Run> | undefined
  let closed = false
  let faults = 0

  const tell = (run: Run): void => {
    for (const warning of run.warnings) logger.warn('policy source', { ...warning })
    const active = switching.active()
    const { stages } = run
    if (run.error === undefined) logger.info('policy is active', { bundle: active?.digest, revision: active?.revision, stages })
    else logger.error('policy was not activated; the bundle before it stays', { bundle: active?.digest ?? 'none', problems: run.problems, stages })
  }
  const start = (): Promise<Run> => {
    running = attempt().then((run) => {
      if (saysWhatIsActive(run)) freshness?.found()
      last = run
      running = undefined
      faults = wasFault(run) ? faults + 1 : 0
      tell(run)
      options.onRun?.(run)
      return run
    })
    return running
  }
  const run = (): Promise<Run> => {
    if (!running) return start()
    queued ??= running.then(() => {
      queued = undefined
      return start()
    })
    return queued
  }
  const isToBeTriedAgain = (): boolean =>
    running === undefined && last !== undefined && wasFault(last) && clock() - Date.parse(last.at) >= retryAfter * 2 ** Math.min(faults - 1, mostDoublings)
  const watching: Watching | undefined = source.watch?.(
    () => {
      if (!closed) void run()
    },
    () => {
      if (last !== undefined && saysWhatIsActive(last)) freshness?.found()
      else if (!closed && isToBeTriedAgain()) void run()
    },
  )

  return {
    run,
    status: () => {
      const [active, rolled_back] = [switching.active(), custody?.pin()]
      return {
        ...(active ? { active } : {}),
        ...(last ? { last_run: last } : {}),
        ...(rolled_back ? { rolled_back } : {}),
        ...(freshness ? { source: { state: freshness.state(), age_ms: freshness.age() } } : {}),
      }
    },
    rollback: switching.rollback,
    async release(wish) {
      const done = await switching.release(wish)
      if (done.ok) await run()
      return done
    },
    kept: () => custody?.kept().map(({ evidence: _, ...kept }) => kept) ?? [],
    acts: (limit) => custody?.acts(limit) ?? [],
    close: async () => {
      closed = true
      watching?.close()
      await (queued ?? running)
      await switching.settled()
    },
  }
}

/** The source was heard: what it has is active, or is what somebody went back from. */
const saysWhatIsActive = ({ error, problems }: Run): boolean => error === undefined || problems.every(({ code }) => code === 'rolled_back')

/** Not what the source says, but something here, such as a full disk or a machine that is too busy: it may be over, and the source will not say so. */
const wasFault = ({ problems }: Run): boolean => problems.some(({ code }) => code === 'fault' || code === 'no_answer')
