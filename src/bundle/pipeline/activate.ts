import type { BundleDigest, Clock, Logger } from '../../model.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import type { StageRun } from '../opa.ts'
import { problemText, type Problem } from '../problem.ts'
import type { Source, Watching } from '../source/source.ts'
import type { Sources } from '../source/sources.ts'
import type { Act } from '../trust/acts.ts'
import type { Kept } from '../trust/archive.ts'
import type { Custody, Pin, Place } from '../trust/custody.ts'
import type { Age, Freshness } from '../trust/freshness.ts'
import type { Signer } from '../trust/signer.ts'
import { createGoingBack } from './going-back.ts'
import type { Done, GoingBack, Wish } from './going-back.ts'
import { prepare } from './prepare.ts'
import type { PrepareOptions } from './prepare.ts'
import { beginRun } from './run.ts'
import type { Progress, Run } from './run.ts'

export type { Run }

/** What judges. `activate` loads beside, warms up, and swaps atomically; or it throws and changes nothing. */
export interface Activator {
  activate(bundle: BuiltBundle): Promise<unknown>
}
export interface ActiveBundle {
  readonly digest: BundleDigest
  readonly revision: string
  readonly commit?: string
  /** Where it stands among what its maker made. */
  readonly order?: number
  /** RFC 3339. */
  readonly activated_at: string
}
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
  const { source, engine, logger, clock, custody, freshness, signer } = options
  let active: ActiveBundle | undefined
  let last: Run | undefined
  let running: Promise<Run> | undefined
  let queued: Promise<Run> | undefined
  let closed = false
  let faults = 0
  let turn: Promise<unknown> = Promise.resolve()
  let turns = 0
  /**
   * Only one thing at a time decides what is active. Whatever waits for somebody else (a source, the compiler, tests) stays outside, so that
   * whoever goes back never waits for a run.
   */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(() => {
      turns += 1
      return work()
    })
    turn = done.catch(() => undefined)
    return done
  }

  const activate = async (sources: Sources, bundle: BuiltBundle, place: Place): Promise<void> => {
    const isNew = active?.digest !== bundle.digest
    const signed = await signer?.sign(sources, bundle)
    if (signed?.ok === false) throw new Error(signed.problems.map(problemText).join('\n'))
    await custody?.keep(bundle, sources, place)
    try {
      if (isNew) await engine.activate(bundle)
    } catch (fault) {
      await custody?.takeBack()
      throw fault
    }
    signed?.handOn()
    const { digest, revision, commit } = bundle
    const activated_at = active === undefined || isNew ? new Date(clock()).toISOString() : active.activated_at
    active = { digest, revision, ...(commit === undefined ? {} : { commit }), ...(place.order === undefined ? {} : { order: place.order }), activated_at }
    if (isNew) options.onActive?.()
  }
  const goingBack: GoingBack | undefined = custody === undefined ? undefined : createGoingBack({ custody, build: options, activate })

  const sign = async (progress: Progress, sources: Sources, bundle: BuiltBundle): Promise<readonly Problem[]> => {
    if (signer === undefined) return []
    const signed = await progress.stage('sign', () => signer.sign(sources, bundle), ({ ok }) => ok)
    return signed.ok ? progress.stage('verify', signed.verify, (found) => found.length === 0) : signed.problems
  }

  const follow = async (progress: Progress): Promise<Run> => {
    const began = performance.now()
    const whole = (ok: boolean): StageRun => ({ name: 'read', ms: Math.round(performance.now() - began), ok })
    const read = await source.read().catch((fault: unknown) => {
      progress.add([whole(false)])
      throw fault
    })
    progress.add(read.stages ?? [whole(read.ok)])
    if (!read.ok) return progress.end(read.problems)
    progress.warn(read.warnings)
    const prepared = await prepare(read.sources, options, progress)
    if (!prepared.ok) return progress.end(prepared.problems)
    const { bundle } = prepared
    const unsigned = await sign(progress, read.sources, bundle)
    if (unsigned.length > 0) return progress.end(unsigned)
    for (;;) {
      const asked = turns
      if (custody !== undefined) {
        const problem = await progress.stage('order', () => custody.order(bundle, read), (found) => found === undefined)
        if (problem !== undefined) return progress.end([problem])
      }
      const done = await inTurn(async () => {
        // Somebody decided meanwhile: the order is asked again.
        if (turns !== asked + 1) return false
        await progress.stage('activate', () => activate(read.sources, bundle, read))
        await custody?.settle()
        return true
      })
      if (done) return progress.end([])
    }
  }
  const restore = (progress: Progress): Promise<Kept | undefined> => inTurn(async () => (active === undefined ? goingBack?.restore(progress) : undefined))
  const attempt = async (): Promise<Run> => {
    const progress = beginRun(clock())
    const pinned = custody?.pin() !== undefined
    // What was rolled back to judges before the source is asked: that may take long, and may not be newer.
    if (active === undefined && pinned) await restore(progress)
    const run = await follow(progress).catch(progress.fail)
    if (active === undefined && !pinned) {
      const kept = await restore(progress)
      if (kept !== undefined) logger.warn('the source gives nothing that can be used: what was active before is active again', { bundle: kept.digest })
    }
    if (run.error === undefined || run.problems.every(({ code }) => code === 'rolled_back')) freshness?.found()
    return run
  }

  const tell = (run: Run): void => {
    for (const warning of run.warnings) logger.warn('policy source', { ...warning })
    const { stages } = run
    if (run.error === undefined) logger.info('policy is active', { bundle: active?.digest, revision: active?.revision, stages })
    else logger.error('policy was not activated; the bundle before it stays', { bundle: active?.digest ?? 'none', problems: run.problems, stages })
  }
  const start = (): Promise<Run> => {
    running = attempt().then((run) => {
      last = run
      running = undefined
      faults = wasFault() ? faults + 1 : 0
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
  const isCurrent = (): boolean => last !== undefined && (last.error === undefined || last.problems.every(({ code }) => code === 'rolled_back'))
  /** Not what the source says, but something here, such as a full disk or a machine that is too busy: it may be over, and the source will not say so. */
  const wasFault = (): boolean => last?.problems.some(({ code }) => code === 'fault' || code === 'no_answer') === true
  const watching: Watching | undefined = source.watch?.(
    () => {
      if (!closed) void run()
    },
    () => {
      if (isCurrent()) freshness?.found()
      else if (!closed && running === undefined && wasFault() && clock() - Date.parse(last?.at ?? '') >= retryAfter * 2 ** Math.min(faults - 1, mostDoublings)) void run()
    },
  )
  const noneKept: Done = { ok: false, code: 'unknown_bundle', message: 'no bundle is kept' }

  return {
    run,
    status: () => {
      const rolled_back = custody?.pin()
      return {
        ...(active ? { active } : {}),
        ...(last ? { last_run: last } : {}),
        ...(rolled_back ? { rolled_back } : {}),
        ...(freshness ? { source: { state: freshness.state(), age_ms: freshness.age() } } : {}),
      }
    },
    rollback: (digest, wish) => inTurn(async () => goingBack?.rollback(digest, wish) ?? noneKept),
    async release(wish) {
      const done = await inTurn(async () => goingBack?.release(wish) ?? noneKept)
      if (done.ok) await run()
      return done
    },
    kept: () => custody?.kept().map(({ evidence: _, ...kept }) => kept) ?? [],
    acts: (limit) => custody?.acts(limit) ?? [],
    close: async () => {
      closed = true
      watching?.close()
      await (queued ?? running)
      await turn
    },
  }
}
