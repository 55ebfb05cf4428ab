import type { Caller } from './access.ts'
import type { PolicyView } from './contract/policy.ts'
import { type Handles, toTime } from './handle.ts'
import { refuse } from './problem.ts'

interface Doer {
  readonly issuer: string
  readonly subject: string
  readonly email?: string
}
interface Bundle {
  readonly digest: string
  readonly revision: string
  readonly commit?: string | undefined
  readonly order?: number | undefined
}
interface Found {
  readonly stage: string
  readonly file?: string
  readonly row?: number
  readonly col?: number
  readonly code: string
  readonly message: string
  readonly remedy?: string
}
interface Told {
  readonly kind: string
  readonly rules: readonly string[]
  readonly risk: number
}
interface ShadowExample {
  readonly at: string
  readonly actor: string
  readonly upstream: string
  readonly direction: string
  readonly method: string
  readonly call: string | null
  readonly in: readonly string[]
  readonly before: Told
  readonly after: Told
}
/** What the bundle pipeline tells of itself. */
export interface PolicyStatus {
  readonly active?: { readonly digest: string; readonly revision: string; readonly commit?: string; readonly activated_at: string }
  readonly last_run?: { readonly at: string; readonly stages: readonly { readonly name: string; readonly ms: number; readonly ok: boolean }[]; readonly error?: string; readonly problems: readonly Found[]; readonly warnings: readonly Found[] }
  readonly rolled_back?: { readonly digest: string; readonly from: string; readonly at: number; readonly by: Doer | null; readonly reason: string }
  readonly shadow?: {
    readonly bundle: { readonly digest: string; readonly revision: string; readonly commit?: string; readonly activated_at: string } | null
    readonly same: number
    readonly different: number
    readonly dropped: number
    readonly failed: number
    readonly transitions: readonly { readonly before: string; readonly after: string; readonly decisions: number }[]
    readonly examples: readonly ShadowExample[]
    readonly error: string | null
  }
  readonly source?: { readonly state: 'current' | 'alarm' | 'stale'; readonly age_ms: number }
  readonly decision_logs?: NonNullable<PolicyView['decision_logs']>
}
type Done = { readonly ok: true } | { readonly ok: false; readonly code: keyof typeof statuses; readonly message: string }
interface Wish {
  readonly by: Doer
  readonly reason: string
}
interface Act {
  readonly at: number
  readonly kind: 'rollback' | 'release' | 'resume'
  readonly by: Doer | null
  readonly reason: string
  readonly from: Bundle
  readonly to: Bundle | null
}
type Eventually<T> = T | Promise<T>
/** Where somebody goes back to an older bundle. */
export interface PolicyDesk {
  rollback(digest: string, wish: Wish): Promise<Done>
  release(wish: Wish): Promise<Done>
  kept(): Eventually<readonly (Bundle & { readonly activated_at: number })[]>
  /** Newest first. */
  acts(limit: number): Eventually<readonly Act[]>
}

/** What people write as a reason is stored: what a detector finds in it is not. */
export const redactReasons = (desk: PolicyDesk, redactText: (text: string) => string): PolicyDesk => {
  const clean = (wish: Wish): Wish => ({ ...wish, reason: redactText(wish.reason) })
  return { kept: desk.kept, acts: desk.acts, rollback: (digest, wish) => desk.rollback(digest, clean(wish)), release: (wish) => desk.release(clean(wish)) }
}

const statuses = { unknown_bundle: 404, already_active: 409, not_usable: 409, not_rolled_back: 409, not_kept: 404 } as const
const mostActs = 200

const showFound = ({ stage, file, row, col, code, message, remedy }: Found) => ({ stage, file: file ?? null, row: row ?? null, col: col ?? null, code, message, remedy: remedy ?? null })

const showPolicy = ({ active, last_run, rolled_back, source, shadow, decision_logs }: PolicyStatus): PolicyView => ({
  active:
    active === undefined
      ? null
      : { digest: active.digest, revision: active.revision, commit: active.commit ?? null, activated_at: active.activated_at },
  last_run:
    last_run === undefined
      ? null
      : { at: last_run.at, stages: last_run.stages.map(({ name, ms, ok }) => ({ name, ms, ok })), error: last_run.error ?? null, problems: last_run.problems.map(showFound), warnings: last_run.warnings.map(showFound) },
  rolled_back: rolled_back === undefined ? null : { ...rolled_back, at: toTime(rolled_back.at) },
  source: source === undefined ? null : { state: source.state, age_seconds: source.age_ms / 1000 },
  shadow: shadow === undefined ? null : { ...shadow, bundle: shadow.bundle === null ? null : { ...shadow.bundle, commit: shadow.bundle.commit ?? null } },
  decision_logs: decision_logs ?? null,
})

const showBundle = ({ digest, revision, commit, order }: Bundle) => ({ digest, revision, commit: commit ?? null, sequence: order ?? null })
const doerOf = ({ actor: { issuer, subject, email } }: Caller): Doer => ({ issuer, subject, ...(email === undefined ? {} : { email }) })

type PolicyHandles = Pick<Handles, 'getPolicy' | 'listPolicyBundles' | 'listPolicyActs' | 'rollbackPolicy'>
export const createPolicyHandles = (status: () => Eventually<PolicyStatus>, desk: () => PolicyDesk): PolicyHandles => ({
  getPolicy: async () => showPolicy(await status()),
  async listPolicyBundles() {
    const { active } = await status()
    const kept = await desk().kept()
    return { items: kept.map((each) => ({ ...showBundle(each), activated_at: toTime(each.activated_at), active: each.digest === active?.digest })), next_cursor: null }
  },
  async listPolicyActs() {
    const acts = await desk().acts(mostActs)
    return { items: acts.map(({ at, kind, by, reason, from, to }) => ({ at: toTime(at), kind, by, reason, from: showBundle(from), to: to === null ? null : showBundle(to) })), next_cursor: null }
  },
  async rollbackPolicy({ caller, body: { digest, reason } }) {
    const wish: Wish = { by: doerOf(caller), reason }
    const done = digest === undefined ? await desk().release(wish) : await desk().rollback(digest, wish)
    return done.ok ? showPolicy(await status()) : refuse(statuses[done.code], done.code, done.message)
  },
})
