/**
 * What a policy may answer. Exactly one result with exactly one well-formed decision is obeyed; everything else, an empty set
 * included (a rule without a default gives one, and so does an input that does not parse), is no verdict at all.
 */
import { z } from 'zod'
import type { BundleDigest, Decision, Mask, Reason } from '../model.ts'
import type { RuleMetadata } from './bundle.ts'
import { ttlSeconds } from './ttl.ts'

export { ttlSeconds } from './ttl.ts'

export interface VerdictContext {
  readonly bundle: BundleDigest
  readonly rules: Readonly<Record<string, RuleMetadata>>
  readonly detectors: ReadonlySet<string>
  /** How many entries the question has. */
  readonly entries: number
}
export type Verdict =
  | { readonly ok: true; readonly decision: Decision }
  /** `detail` says where and what kind, never what a message contained. */
  | { readonly ok: false; readonly detail: string }

const code = z.string().min(1).max(200)
const rule = z.string().max(500).regex(/^[^/\s]+(?:\/[^/]+)+$/)
const reasons = z.array(z.strictObject({ code, message: z.string().optional(), rule })).min(1)
const risk = z.number().min(0)
const listed = z.array(z.int().min(0))
/** RFC 6901, with `~2` for a literal `*`. */
const path = z.string().regex(/^(?:\/(?:[^~/]|~[012])*)*$/)
const replacement = {
  with: z.union([z.null(), z.boolean(), z.number(), z.string()]),
  must: z.boolean(),
  rule,
}
const mask = z.union([
  z.strictObject({ path: path.min(1), ...replacement }),
  z.strictObject({ detector: code, path: path.optional(), ...replacement }),
])
const requirement = z.strictObject({
  rule,
  code,
  reviewers: z.array(z.string().min(1)).min(1),
  quorum: z.int().min(1),
})
const approval = z.strictObject({
  ttl: z.string().refine((ttl) => ttlSeconds(ttl) !== undefined),
  requirements: z.array(requirement).min(1),
})
const common = { reasons, risk, listed }
const verdict = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('allow'), ...common }),
  z.strictObject({ kind: z.literal('deny'), ...common, mask: z.array(mask).optional() }),
  z.strictObject({ kind: z.literal('mask'), ...common, mask: z.array(mask).min(1) }),
  z.strictObject({ kind: z.literal('require_approval'), ...common, mask: z.array(mask), approval }),
])
type Raw = z.infer<typeof verdict>
const answer = z.tuple([z.strictObject({ result: verdict })])

export function readVerdict(results: readonly unknown[], context: VerdictContext): Verdict {
  const read = answer.safeParse(results)
  if (!read.success) return { ok: false, detail: describe(results, read.error) }
  const raw = read.data[0].result
  const oddity = oddityOf(raw, context)
  if (oddity !== undefined) return { ok: false, detail: oddity }
  return { ok: true, decision: decisionOf(raw, context) }
}

function describe(results: readonly unknown[], error: z.ZodError): string {
  if (results.length !== 1) return `${results.length} results instead of one`
  const places = error.issues.slice(0, 3).map((issue) => `${issue.path.slice(1).join('.') || 'result'} (${issue.code})`)
  return `not a decision: ${places.join(', ')}`
}

function oddityOf(raw: Raw, { detectors, entries }: VerdictContext): string | undefined {
  const ascending = raw.listed.every((index, at) => index < entries && (at === 0 || index > (raw.listed[at - 1] ?? index)))
  if (!ascending) return 'listed does not hold indices of entries in ascending order'
  if (raw.kind === 'allow' || raw.mask === undefined) return undefined
  const unknown = raw.mask.some((entry) => 'detector' in entry && !detectors.has(entry.detector))
  return unknown ? 'a mask names an unknown detector' : undefined
}

function decisionOf(raw: Raw, { bundle, rules }: VerdictContext): Decision {
  const base = { reasons: raw.reasons.map((reason) => withMetadata(reason, rules)), risk: raw.risk, listed: raw.listed, bundle }
  switch (raw.kind) {
    case 'allow':
      return { kind: raw.kind, ...base }
    case 'deny':
      return { kind: raw.kind, ...base, ...(raw.mask === undefined ? {} : { mask: raw.mask as readonly Mask[] }) }
    case 'mask':
      return { kind: raw.kind, ...base, mask: raw.mask as readonly Mask[] }
    case 'require_approval':
      return { kind: raw.kind, ...base, mask: raw.mask as readonly Mask[], approval: raw.approval }
  }
}

function withMetadata(reason: Raw['reasons'][number], rules: VerdictContext['rules']): Reason {
  const metadata = Object.hasOwn(rules, reason.rule) ? rules[reason.rule] : undefined
  const { title, description, remedy, link } = metadata ?? {}
  return {
    code: reason.code,
    ...(reason.message === undefined ? {} : { message: reason.message }),
    rule: reason.rule,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(remedy === undefined ? {} : { remedy }),
    ...(link === undefined ? {} : { link }),
  }
}

/** The denial for everything that goes wrong in judging. */
export function policyError(bundle: BundleDigest | 'none'): Decision {
  return denial(bundle, 'policy_error', 'the policy could not judge this message')
}

/** Whatever the bundle says: it is older than it may be, and a newer one may deny. */
export function policyStale(bundle: BundleDigest): Decision {
  return denial(bundle, 'policy_stale', 'the policy is older than this gateway may use, so everything is denied until it is seen to be current')
}

const denial = (bundle: BundleDigest | 'none', code: string, message: string): Decision => ({ kind: 'deny', reasons: [{ code, message, rule: `sallyport/${code}` }], risk: 0, listed: [], bundle })
