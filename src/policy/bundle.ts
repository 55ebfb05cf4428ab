import type { BundleDigest, JsonObject } from '../model.ts'

/** What METADATA says about a rule; joined to reasons by rule id. */
export interface RuleMetadata {
  readonly title?: string
  readonly description?: string
  readonly remedy?: string
  readonly link?: string
  readonly severity?: string
}

/** The one entrypoint that the gateway asks. */
export const decisionEntrypoint = 'sallyport/decision'

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
  /** JSON Pointers of everything the modules read of `input`; left out when that cannot be told. */
  readonly input_paths?: readonly string[]
}
