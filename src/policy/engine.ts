/** The one place that turns a question into a decision. Whatever goes wrong is a denial with the code `policy_error`. */
import { createInTurn } from '../in-turn.ts'
import type { BundleDigest, Decision, KnownActor, Logger, Question, Role } from '../model.ts'
import type { BuiltBundle, RuleMetadata } from './bundle.ts'
import { loadBundle, type LoadedBundle } from './loaded-bundle.ts'
import { policyError, policyStale, type Verdict } from './verdict.ts'

export interface Observation {
  readonly micros: number
  readonly outcome: 'ok' | 'policy_error'
  readonly bytes: number
}
export interface PolicyEngineOptions {
  /** The names of the detectors that the gateway runs; a mask that names another is an error. */
  readonly detectors: readonly string[]
  readonly logger: Logger
  readonly observe?: (observation: Observation) => void
  /** Somebody's roles could not be told. */
  readonly rolesFailed?: () => void
  /** At most so many threads for large inputs; 2 by default. */
  readonly threads?: number
  /** Milliseconds after which a thread that judges so many bytes is ended. */
  readonly deadline?: (bytes: number) => number
}
export interface ActiveBundle {
  readonly digest: BundleDigest
  readonly revision: string
  readonly commit?: string
  readonly rules: Readonly<Record<string, RuleMetadata>>
  readonly reads_groups: boolean
  /** JSON Pointers of what its rules read; left out where that cannot be told. */
  readonly input_paths?: readonly string[]
}
export interface PolicyEngine {
  /**
   * Loads beside the active bundle and then swaps in one step; activations take effect in the order they were asked for.
   * Rejects, and leaves the active bundle as it is, when the new one does not load or does not answer.
   */
  activate(bundle: BuiltBundle): Promise<void>
  /**
   * The first half of that, where several engines must agree before any switches: loads beside, and `activate` of the same bundle then only
   * switches. Another bundle, or none, in its place lets go of it.
   */
  load(bundle: BuiltBundle | undefined): Promise<void>
  active(): ActiveBundle | undefined
  /** Told after another bundle was switched in; ends with what it gives back. */
  watch(changed: () => void): () => void
  /** While it is, every question is denied as `policy_stale`. */
  setStale(isStale: boolean): void
  /** Never rejects. The decision names the bundle that was active when the question was asked, which also judged it. */
  decide(question: Question): Promise<Decision>
  /** What the actor is in the admin API. Never rejects: whoever cannot be told to have a role has none. */
  roles(actor: KnownActor, now: string): Promise<readonly Role[]>
  close(): Promise<void>
}

export function createPolicyEngine(options: PolicyEngineOptions): PolicyEngine {
  const { logger, observe, rolesFailed } = options
  let current: LoadedBundle | undefined
  let active: ActiveBundle | undefined
  let beside: LoadedBundle | undefined
  let closed = false
  let stale = false
  const watching = new Set<() => void>()

  const loadFor = async (bundle: BuiltBundle): Promise<LoadedBundle> => {
    if (closed) throw new Error('the engine is closed')
    const loaded = await loadBundle(bundle, options)
    if (!closed) return loaded
    await loaded.close()
    throw new Error('the engine is closed')
  }
  const swap = async (bundle: BuiltBundle): Promise<void> => {
    if (current?.bundle.digest === bundle.digest) return
    const waiting = beside
    beside = undefined
    if (waiting?.bundle.digest !== bundle.digest) await waiting?.close()
    const loaded = waiting?.bundle.digest === bundle.digest ? waiting : await loadFor(bundle)
    const old = current
    current = loaded
    active = shown(loaded.bundle)
    logger.info('policy activated', { bundle: bundle.digest, revision: bundle.revision })
    void old?.retire()
    if (old !== undefined) for (const changed of watching) changed()
  }

  const inTurn = createInTurn()

  const fail = (bundle: BundleDigest | 'none', detail: string): Decision => {
    logger.error('a judgement failed, the message is denied', { bundle, detail })
    return policyError(bundle)
  }

  const decisionOf = (verdict: Verdict, { bundle }: LoadedBundle): Decision => (verdict.ok ? verdict.decision : fail(bundle.digest, verdict.detail))
  // Its message may quote the question.
  const failBy = (cause: unknown, { bundle }: LoadedBundle): Decision => fail(bundle.digest, cause instanceof Error ? cause.name : 'unknown fault')

  const judge = (loaded: LoadedBundle, question: Question, seen: (bytes: number) => void): Decision | Promise<Decision> => {
    try {
      const judged = loaded.judge(question, seen)
      return 'ok' in judged ? decisionOf(judged, loaded) : judged.then((verdict) => decisionOf(verdict, loaded), (cause: unknown) => failBy(cause, loaded))
    } catch (cause) {
      return failBy(cause, loaded)
    }
  }

  return {
    activate: (bundle) => inTurn(() => swap(bundle)),
    load: (bundle) =>
      inTurn(async () => {
        if (beside !== undefined && beside.bundle.digest === bundle?.digest) return
        await beside?.close()
        beside = undefined
        if (bundle !== undefined && current?.bundle.digest !== bundle.digest) beside = await loadFor(bundle)
      }),
    active: () => active,
    setStale(isStale) {
      stale = isStale
    },
    watch(changed) {
      const own = () => changed()
      watching.add(own)
      return () => void watching.delete(own)
    },
    async decide(question) {
      const began = performance.now()
      let bytes = 0
      const seen = (length: number): void => {
        bytes = length
      }
      const judged = current === undefined ? fail('none', 'no bundle is active') : stale ? policyStale(current.bundle.digest) : judge(current, question, seen)
      const decision = 'kind' in judged ? judged : await judged
      const failed = decision.reasons.some(({ rule }) => rule === 'sallyport/policy_error')
      observe?.({ micros: (performance.now() - began) * 1000, outcome: failed ? 'policy_error' : 'ok', bytes })
      return decision
    },
    async roles(actor, now) {
      // Policies that are too old judge no call, and still say who may find out why.
      if (current === undefined) return []
      const { bundle, roles } = current
      try {
        return await roles(actor, now)
      } catch (cause) {
        rolesFailed?.()
        logger.error('it cannot be told which roles somebody has; they have none', { bundle: bundle.digest, detail: cause instanceof Error ? cause.message : 'unknown fault' })
        return []
      }
    },
    async close() {
      closed = true
      const open = [current, beside]
      current = undefined
      active = undefined
      beside = undefined
      await Promise.all(open.map((one) => one?.close()))
    },
  }
}

const shown = ({ digest, revision, commit, rules, reads_groups, input_paths }: BuiltBundle): ActiveBundle =>
  ({ digest, revision, ...(commit === undefined ? {} : { commit }), rules, reads_groups, ...(input_paths === undefined ? {} : { input_paths }) })
