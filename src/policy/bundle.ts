import type { BundleDigest, JsonObject, Question } from '../model.ts'

/** What METADATA says about a rule; joined to reasons by rule id. */
export interface RuleMetadata {
  readonly title?: string
  readonly description?: string
  readonly remedy?: string
  readonly link?: string
  readonly severity?: string
}

/** The rule that the gateway asks. */
export const decisionEntrypoint = 'sallyport/decision'
/** What the verdict sets say that depend on what is another in nearly every message. */
export const varyingEntrypoint = 'sallyport/varying'
/** Who may use the admin API, and as what. */
export const rolesEntrypoint = 'sallyport/admin'

/** What two messages have to have in common to be decided alike: the answer of `varyingEntrypoint`, and what else is read. */
export interface Recall {
  /** JSON Pointers of what the varying sets read. */
  readonly varying: readonly string[]
  /** JSON Pointers of what the decision depends on besides these sets. */
  readonly settled: readonly string[]
}

/** The rules about decision logs, in a module of their own. */
export interface LogRules {
  readonly wasm: Uint8Array
  readonly entrypoints: readonly string[]
}

/** What the build hands over for activation. */
export interface BuiltBundle {
  readonly digest: BundleDigest
  readonly revision: string
  readonly commit?: string
  /** As OPA compiled it, without fuel. */
  readonly wasm: Uint8Array
  readonly data: JsonObject
  readonly entrypoint: typeof decisionEntrypoint
  /** By rule id: `<name>/<set>/<code>`, `<name>/allow`. */
  readonly rules: Readonly<Record<string, RuleMetadata>>
  readonly reads_groups: boolean
  /** JSON Pointers of what the rules that give roles read; left out when that cannot be told. */
  readonly role_paths?: readonly string[]
  /** JSON Pointers of everything the modules read of `input`; left out when that cannot be told. */
  readonly input_paths?: readonly string[]
  /** Left out when it cannot be told. */
  readonly recall?: Recall
  /** Of a source with `package system.log`: what is asked about events of decision logs. It judges nothing. */
  readonly log_rules?: LogRules
  /** Questions that are judged before the bundle is switched in, so that the first callers find it warm; no part of what it is. */
  readonly samples?: readonly Question[]
}
