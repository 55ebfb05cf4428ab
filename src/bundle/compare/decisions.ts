import type { Decision, Json, Mask, Question } from '../../model.ts'

/** What two decisions can differ in. The words of reasons are not among it: they change nothing. */
export type Aspect = 'kind' | 'reasons' | 'masks' | 'approval' | 'risk' | 'listed'
/** A decision without its words. */
export interface Told {
  readonly kind: Decision['kind']
  readonly rules: readonly string[]
  readonly risk: number
}

/** Which message it was, by names alone. */
export interface About {
  readonly actor: string
  readonly upstream: string
  readonly direction: string
  readonly method: string
  readonly call: string | null
}
/** A message that is decided otherwise. */
export interface Difference extends About {
  /** RFC 3339. */
  readonly at: string
  readonly in: readonly Aspect[]
  readonly before: Told
  readonly after: Told
}

export const aboutOf = ({ actor, upstream, message, request }: Question): About => ({
  actor: actor.kind === 'nobody' ? 'nobody' : actor.email ?? actor.subject,
  upstream: upstream.name, direction: message.direction, method: message.method, call: message.call?.name ?? request?.call?.name ?? null,
})

/** What a record keeps of a text: whatever detectors find in it is replaced. */
export type Clean = (text: string) => string

const rulesOf = (decision: Decision): readonly string[] => [...new Set(decision.reasons.map(({ rule }) => rule))].sort()
export const tell = (decision: Decision): Told => ({ kind: decision.kind, rules: rulesOf(decision), risk: decision.risk })

const masksOf = (decision: Decision): readonly Mask[] | undefined => (decision.kind === 'allow' ? undefined : decision.mask)

const cleanMask = (mask: Mask, clean: Clean): Json => {
  const replacement = typeof mask.with === 'string' ? clean(mask.with) : mask.with
  return [mask.rule, 'detector' in mask ? mask.detector : null, mask.path === undefined ? null : clean(mask.path), replacement, mask.must]
}

const aspects: Readonly<Record<Aspect, (decision: Decision, clean: Clean) => unknown>> = {
  kind: ({ kind }) => kind,
  reasons: ({ reasons }) => reasons.map(({ rule, code }) => `${rule} ${code}`).sort(),
  masks: (decision, clean) => masksOf(decision)?.map((mask) => cleanMask(mask, clean)) ?? null,
  approval: (decision) => (decision.kind === 'require_approval' ? decision.approval : null),
  risk: ({ risk }) => risk,
  listed: ({ listed }) => listed,
}

/** In what two decisions differ; nothing where they mean the same. */
export const differences = (before: Decision, after: Decision, clean: Clean): readonly Aspect[] =>
  (Object.keys(aspects) as Aspect[]).filter((aspect) => canonical(aspects[aspect](before, clean)) !== canonical(aspects[aspect](after, clean)))

/** Members in one order: an archive and a build may write them in another. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner))
