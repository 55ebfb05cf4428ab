import type { Clock, Logger } from '../../model.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import type { StageRun } from '../opa.ts'
import type { Problem } from '../problem.ts'
import type { Source } from '../source/source.ts'
import type { Sources } from '../source/sources.ts'
import type { Custody } from '../trust/custody.ts'
import type { Signer } from '../trust/signer.ts'
import { prepare } from './prepare.ts'
import type { PrepareOptions } from './prepare.ts'
import { beginRun } from './run.ts'
import type { Progress, Run } from './run.ts'
import type { Switching } from './switching.ts'

export interface FollowingOptions extends PrepareOptions {
  readonly source: Source
  readonly switching: Switching
  readonly logger: Logger
  readonly clock: Clock
  readonly custody?: Custody | undefined
  readonly signer?: Signer | undefined
}

/** One run after the other: reads what the source has, and makes it active. Never throws. */
export const createFollowing = (options: FollowingOptions): (() => Promise<Run>) => {
  const { source, switching, logger, clock, custody, signer } = options

  const read = async (progress: Progress): Promise<Awaited<ReturnType<Source['read']>>> => {
    const began = performance.now()
    const whole = (ok: boolean): StageRun => ({ name: 'read', ms: Math.round(performance.now() - began), ok })
    const found = await source.read().catch((fault: unknown) => {
      progress.add([whole(false)])
      throw fault
    })
    progress.add(found.stages ?? [whole(found.ok)])
    return found
  }

  const sign = async (progress: Progress, sources: Sources, bundle: BuiltBundle): Promise<readonly Problem[]> => {
    if (signer === undefined) return []
    const signed = await progress.stage('sign', () => signer.sign(sources, bundle), ({ ok }) => ok)
    return signed.ok ? progress.stage('verify', signed.verify, (found) => found.length === 0) : signed.problems
  }

  const follow = async (progress: Progress): Promise<Run> => {
    const found = await read(progress)
    if (!found.ok) return progress.end(found.problems)
    progress.warn(found.warnings)
    const prepared = await prepare(found.sources, options, progress)
    if (!prepared.ok) return progress.end(prepared.problems)
    const { bundle } = prepared
    const unsigned = await sign(progress, found.sources, bundle)
    if (unsigned.length > 0) return progress.end(unsigned)
    for (;;) {
      const asked = switching.decisions()
      if (custody !== undefined) {
        const problem = await progress.stage('order', () => custody.order(bundle, found), (objection) => objection === undefined)
        if (problem !== undefined) return progress.end([problem])
      }
      if (await switching.activate(progress, found.sources, bundle, found, asked)) return progress.end([])
    }
  }

  return async () => {
    const progress = beginRun(clock())
    const pinned = custody?.pin() !== undefined
    // What was rolled back to judges before the source is asked: that may take long, and may not be newer.
    if (switching.active() === undefined && pinned) await switching.restore(progress)
    const run = await follow(progress).catch(progress.fail)
    if (switching.active() === undefined && !pinned) {
      const kept = await switching.restore(progress)
      if (kept !== undefined) logger.warn('the source gives nothing that can be used: what was active before is active again', { bundle: kept.digest })
    }
    return run
  }
}
