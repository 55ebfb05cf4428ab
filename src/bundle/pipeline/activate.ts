import type { BundleDigest, Clock, Logger } from '../../model.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import { buildBundle } from '../build.ts'
import type { BuildOptions } from '../build.ts'
import type { Source, Watching } from '../source/source.ts'
import type { StageRun } from '../opa.ts'
import { problemText } from '../problem.ts'
import type { Problem, Stage } from '../problem.ts'

/** What judges. `activate` swaps atomically or throws and changes nothing. */
export interface Activator {
  activate(bundle: BuiltBundle): Promise<unknown>
}
export interface ActiveBundle {
  readonly digest: BundleDigest
  readonly revision: string
  readonly commit?: string
  /** RFC 3339. */
  readonly activated_at: string
}
export interface Run {
  readonly at: string
  readonly stages: readonly StageRun[]
  /** Why the newest sources are not active, for people. */
  readonly error?: string
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
}
export interface PipelineStatus {
  readonly active?: ActiveBundle
  readonly last_run?: Run
}
export interface Pipeline {
  /** Reads, builds and activates. Calls that come while one runs share the next one. Never throws: a failed run keeps what is active. */
  run(): Promise<Run>
  status(): PipelineStatus
  close(): Promise<void>
}
export interface PipelineOptions extends BuildOptions {
  readonly source: Source
  readonly engine: Activator
  readonly logger: Logger
  readonly clock: Clock
  /** Told after each run, for metrics. */
  readonly onRun?: (run: Run) => void
}

const summary = (problems: readonly Problem[]): string => problems.map(problemText).join('\n')
const faultOf = (stage: Stage, fault: unknown): Problem => ({ stage, code: 'fault', message: fault instanceof Error ? fault.message : String(fault) })

export const createPipeline = (options: PipelineOptions): Pipeline => {
  const { source, engine, logger, clock } = options
  let active: ActiveBundle | undefined
  let last: Run | undefined
  let running: Promise<Run> | undefined
  let queued: Promise<Run> | undefined
  let closed = false

  const attempt = async (): Promise<Run> => {
    const stages: StageRun[] = []
    const warnings: Problem[] = []
    const at = new Date(clock()).toISOString()
    const finish = (problems: readonly Problem[]): Run => ({ at, stages, problems, warnings, ...(problems.length > 0 ? { error: summary(problems) } : {}) })
    const done = (name: Stage, began: number, ok: boolean): number => stages.push({ name, ms: Math.round(performance.now() - began), ok })
    let stage: Stage = 'read'
    let began = performance.now()
    try {
      const read = await source.read()
      done('read', began, read.ok)
      if (!read.ok) return finish(read.problems)
      warnings.push(...read.warnings)
      stage = 'build'
      const built = await buildBundle(read.sources, options)
      stages.push(...built.stages)
      if (!built.ok) return finish(built.problems)
      stage = 'activate'
      began = performance.now()
      if (active?.digest !== built.bundle.digest) await engine.activate(built.bundle)
      done('activate', began, true)
      const { digest, revision, commit } = built.bundle
      const activated_at = active?.digest === digest ? active.activated_at : new Date(clock()).toISOString()
      active = { digest, revision, ...(commit === undefined ? {} : { commit }), activated_at }
      return finish([])
    } catch (fault) {
      done(stage, began, false)
      return finish([faultOf(stage, fault)])
    }
  }

  const tell = (run: Run): void => {
    for (const warning of run.warnings) logger.warn('policy source', { ...warning })
    const ms = run.stages.reduce((sum, stage) => sum + stage.ms, 0)
    if (run.error === undefined) logger.info('policy is active', { bundle: active?.digest, revision: active?.revision, ms })
    else logger.error('policy was not activated; the bundle before it stays', { bundle: active?.digest ?? 'none', problems: run.problems, ms })
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
