import type { Json } from '../../model.ts'

/** What stands in `data.rules` (by `indexed.ts`), for `rego/policies/rules`. Everything is there, so that nothing can be missing where it is asked. */
export interface Names {
  readonly all: boolean
  readonly exact: Readonly<Record<string, true>>
  readonly prefixes: readonly string[]
  /** RE2. */
  readonly patterns: readonly string[]
}
export interface Account {
  readonly kind: 'person' | 'service' | 'agent'
  readonly provider: Names
  readonly subject: Names
}
export interface Callers {
  readonly everyone: boolean
  readonly groups: Readonly<Record<string, true>>
  readonly people: Names
  /** Whether anybody is named by an address. */
  readonly by_address: boolean
  readonly accounts: readonly Account[]
}
export interface Tests {
  readonly above?: number
  readonly below?: number
  readonly is?: readonly Json[]
  readonly is_not?: readonly Json[]
  /** Words, as patterns. */
  readonly contains?: readonly string[]
  readonly matches?: readonly string[]
  readonly not_matches?: readonly string[]
  readonly longer_than?: number
  readonly given?: boolean
}
export type Condition =
  | { readonly kind: 'argument'; readonly path: readonly string[]; readonly tests: Tests }
  | { readonly kind: 'annotation'; readonly name: string; readonly tests: Tests }
  | { readonly kind: 'annotation'; readonly name: string; readonly values: readonly Json[] }
  | { readonly kind: 'text'; readonly patterns: readonly string[] }
  | { readonly kind: 'finding'; readonly detectors: Readonly<Record<string, true>> }
  | { readonly kind: 'recent'; readonly counter: string; readonly above: number }
  | { readonly kind: 'time'; readonly inside: boolean; readonly zone: string; readonly days: Readonly<Record<string, true>>; readonly spans: readonly (readonly [string, string])[] }
export type ThingKind = 'tool' | 'prompt' | 'resource'
export type Uses = Readonly<Partial<Record<ThingKind, Names>>>

interface Common {
  readonly id: string
  readonly who: Callers
  readonly unless: Callers
  readonly upstreams: Names
}
export interface Permission extends Common {
  readonly uses: Uses
  readonly conditions: readonly Condition[]
}
export interface ServerPermission extends Common {
  readonly methods: Readonly<Record<string, true>>
  readonly conditions: readonly Condition[]
}
export interface Reaching extends Common {
  /** About everyone, whoever calls. */
  readonly concerns_all: boolean
  /** About every message, whatever it names. */
  readonly anything: boolean
  readonly uses: Uses
  readonly directions: Readonly<Record<string, true>>
}
export interface Verdict extends Reaching {
  readonly conditions: readonly Condition[]
  readonly entry: Readonly<Record<string, Json>>
}
export interface Masking extends Reaching {
  readonly entries: readonly Readonly<Record<string, Json>>[]
}
export interface Giving {
  readonly id: string
  readonly roles: Readonly<Record<string, true>>
  readonly who: Callers
  readonly unless: Callers
  readonly conditions: readonly Condition[]
}
export interface CompiledRules {
  /** The kinds of conditions and callers that are used; each is the business of one module. */
  readonly kinds: readonly Kind[]
  readonly allow: readonly Permission[]
  readonly server: readonly ServerPermission[]
  readonly deny: readonly Verdict[]
  readonly require_approval: readonly Verdict[]
  readonly risk: readonly Verdict[]
  readonly mask: readonly Masking[]
  readonly roles: readonly Giving[]
  /** By rule id, what is told beside the message. */
  readonly texts: Readonly<Record<string, { readonly remedy?: string; readonly link?: string }>>
}
export const moduleOf = {
  groups: 'groups', people: 'people', values: 'values', annotation: 'annotations', argument: 'arguments', text: 'text', finding: 'findings', recent: 'recent',
  time: 'schedule', time_of_allow: 'schedule_allow', time_of_others: 'schedule_other',
  roles: 'roles', groups_of_roles: 'roles_groups', time_of_roles: 'roles_schedule',
} as const
export type Kind = keyof typeof moduleOf
