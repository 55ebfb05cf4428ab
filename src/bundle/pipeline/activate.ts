import type { BundleDigest, Clock, Logger } from '../../model.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import type { Problem } from '../problem.ts'
import type { Source, Watching } from '../source/source.ts'
import type { Sources } from '../source/sources.ts'
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
}
export interface Pipeline {
  /** Reads, prepares and activates. Calls that come while one runs share the next one. Never throws: a failed run keeps what is active. */
  run(): Promise<Run>
  status(): PipelineStatus
  close(): Promise<void>
}
export interface PipelineOptions extends PrepareOptions {
  readonly source: Source
  readonly engine: Activator
  readonly logger: Logger
  readonly clock: Clock
  /** Keeps what is about to become active; what it throws keeps it from becoming so. */
  readonly keep?: (sources: Sources, bundle: BuiltBundle) => Promise<void>
  /** Told after each run, for metrics. */
  readonly onRun?: (run: Run) => void
}

const unordered = (why: string): Problem => ({
  stage: 'order', code: 'order', message: why, remedy: 'go back on purpose with `sallyport policy rollback`, which is recorded with its reason',
})

export const createPipeline = (options: PipelineOptions): Pipeline => {
  const { source, engine, logger, clock } = options
  let active: ActiveBundle | undefined
  let last: Run | undefined
  let running: Promise<Run> | undefined
  let queued: Promise<Run> | undefined
  let closed = false

  const activate = async (sources: Sources, bundle: BuiltBundle, order: number | undefined, progress: Progress): Promise<void> => {
    const isNew = active?.digest !== bundle.digest
    await progress.stage('activate', async () => {
      if (!isNew) return
      await options.keep?.(sources, bundle)
      await engine.activate(bundle)
    })
    const { digest, revision, commit } = bundle
    const activated_at = active === undefined || isNew ? new Date(clock()).toISOString() : active.activated_at
    active = { digest, revision, ...(commit === undefined ? {} : { commit }), ...(order === undefined ? {} : { order }), activated_at }
  }
  const attempt = async (): Promise<Run> => {
    const progress = beginRun(clock())
    try {
      const read = await progress.stage('read', () => source.read(), ({ ok }) => ok)
      if (!read.ok) return progress.end(read.problems)
      progress.warn(read.warnings)
      const prepared = await prepare(read.sources, options, progress)
      if (!prepared.ok) return progress.end(prepared.problems)
      const { bundle } = prepared
      const { follows } = read
      const before = active
      if (follows !== undefined && before !== undefined && before.digest !== bundle.digest) {
        const why = await progress.stage('order', () => follows(before), (found) => found === undefined)
        if (why !== undefined) return progress.end([unordered(why)])
      }
      await activate(read.sources, bundle, read.order, progress)
      return progress.end([])
    } catch (fault) {
      return progress.fail(fault)
    }
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
  const watching: Watching | undefined = source.watch?.(() => {
    if (!closed) void run()
  })

  return {
    run,
    status: () => ({ ...(active ? { active } : {}), ...(last ? { last_run: last } : {}) }),
    close: async () => {
      closed = true
      watching?.close()
      await (queued ?? running)
    },
  }
}
