import { messageOf } from '../../errors.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import { buildBundle } from '../build.ts'
import type { BuildOptions } from '../build.ts'
import { rehearse } from '../eval.ts'
import { problemText } from '../problem.ts'
import type { Problem } from '../problem.ts'
import type { Sources } from '../source/sources.ts'
import type { Doer } from '../trust/acts.ts'
import type { Kept } from '../trust/archive.ts'
import { actedOn } from '../trust/custody.ts'
import type { Custody, Place } from '../trust/custody.ts'
import type { Progress } from './run.ts'

/** What somebody wants to be active, and why. */
export interface Wish {
  readonly by: Doer
  readonly reason: string
}
export type Done = { readonly ok: true } | { readonly ok: false; readonly code: 'unknown_bundle' | 'already_active' | 'not_usable' | 'not_rolled_back' | 'not_kept'; readonly message: string }

export interface GoingBackOptions {
  readonly custody: Custody
  readonly build: BuildOptions
  /** Keeps, and switches in; throws where that fails, and then nothing has changed. */
  readonly activate: (sources: Sources, bundle: BuiltBundle, place: Place) => Promise<void>
}

type Rebuilt = { readonly ok: true; readonly sources: Sources; readonly bundle: BuiltBundle; readonly place: Place } | { readonly ok: false; readonly problems: readonly Problem[] }

/** What was active before becomes so again: when the source gives nothing at a start, or because somebody says so. */
export const createGoingBack = ({ custody, build, activate }: GoingBackOptions) => {
  /** From its Rego: whatever else is in the file is not believed. */
  const rebuild = async (kept: Kept): Promise<Rebuilt> => {
    const objection = await custody.objection(kept)
    if (objection !== undefined) return { ok: false, problems: [{ stage: 'verify', code: 'not_kept', message: `${kept.digest}: ${objection}` }] }
    const read = await custody.open(kept)
    if (!read.ok) return read
    const built = await buildBundle(read.sources, build)
    return built.ok ? { ok: true, sources: read.sources, bundle: built.bundle, place: { order: kept.order, given: kept.given, source: kept.source, trust: kept.trust, evidence: kept.evidence } } : built
  }

  return {
    /**
     * The one that was active last; undefined where there is none. Who damages its file must not thereby bring back an older one: only
     * past one that the host refuses, and that so never judged, it looks on.
     */
    async restore(progress: Progress): Promise<Kept | undefined> {
      for (const kept of custody.kept()) {
        const found = await rebuild(kept)
        if (!found.ok) {
          progress.warn(found.problems)
          return undefined
        }
        try {
          await activate(found.sources, found.bundle, found.place)
          return kept
        } catch (fault) {
          progress.warn([{ stage: 'activate', code: 'not_activated', message: `${kept.digest}: ${messageOf(fault)}` }])
        }
      }
      return undefined
    },

    async rollback(digest: string, { by, reason }: Wish): Promise<Done> {
      const refuse = (code: Extract<Done, { ok: false }>['code'], message: string): Done => ({ ok: false, code, message })
      const [now, ...before] = custody.kept()
      if (now?.digest === digest) return refuse('already_active', 'this bundle is active')
      const kept = before.find((each) => each.digest === digest)
      if (kept === undefined) return refuse('unknown_bundle', 'no bundle of this digest is kept')
      const found = await rebuild(kept)
      const problems = found.ok ? await rehearse(found.bundle, build.detectors) : found.problems
      if (!found.ok || problems.length > 0) return refuse('not_usable', problems.map(problemText).join('\n'))
      const recorded = await custody.record({ kind: 'rollback', by, reason, to: { ...actedOn(kept), digest: found.bundle.digest } })
      try {
        await activate(found.sources, found.bundle, found.place)
        return { ok: true }
      } catch (fault) {
        await recorded.undo('the rollback could not be carried out')
        throw fault
      }
    },

    async release({ by, reason }: Wish): Promise<Done> {
      if (custody.pin() === undefined) return { ok: false, code: 'not_rolled_back', message: 'nothing was rolled back' }
      await custody.record({ kind: 'release', by, reason, to: null })
      return { ok: true }
    },
  }
}
