import type { Call, Decision, Direction, GrantedApproval, JsonObject, Revision } from '../model.ts'

/**
 * What a decision depended on beside what its event and session show. Small things are kept always; annotations, definitions and
 * claims only where the rules of the bundle read them, so that a member which is absent is one that was not kept.
 */
export interface Basis {
  /** Of a request: what its answers refer to. Counts upwards within a session. */
  readonly no?: number
  /** Milliseconds from the question to the record. */
  readonly now: number
  /** `calls, denied, approvals, bytes_out`; all 0 where absent. */
  readonly counts?: readonly [number, number, number, number]
  /** Where they differ from the session's. */
  readonly revision?: Revision
  readonly actor?: JsonObject
  /** Where they differ from the session's; null: they do, and were not kept. */
  readonly claims?: JsonObject | null
  readonly labels?: { readonly [label: string]: string }
  /** Absent where there is none. */
  readonly call?: KeptCall
  /** The `no` of the request that is answered, or during which this is sent; itself, where it has no params; null where it is not in the session's record. */
  readonly request?: number | EmptyRequest | null
  /** Of the request, where it is not as in its own record. */
  readonly request_call?: KeptCall
  readonly request_masked?: readonly string[]
  /** By entry: annotations and digest of the definition, each where they were read. */
  readonly entries?: readonly KeptFacts[]
  readonly approval?: GrantedApproval
  /** Places of the body (JSON Pointer, `*` for every element) whose values are others in the record than were judged. */
  readonly masked?: readonly string[]
  /** Places of the question that are not kept. */
  readonly lost?: readonly string[]
  /** What the policy said, where the gateway did something stricter. */
  readonly verdict?: Decision
}
/** What is left out is as in the message that is judged. */
export interface EmptyRequest {
  readonly direction: Direction
  readonly method?: string
  readonly revision?: Revision
}
export interface KeptFacts {
  readonly annotations?: JsonObject
  /** null where there was none. */
  readonly definition_sha256?: string | null
}
export interface KeptCall extends KeptFacts {
  /** Where the body does not say it: a task stands for the call that made it. */
  readonly named?: Pick<Call, 'kind' | 'name' | 'template'>
  /** The `no` of the request whose arguments they are. */
  readonly arguments_of?: number
}

export type NamedCall = Pick<Call, 'kind' | 'name' | 'arguments' | 'template'>
