import type { AccountId } from '../account.ts'
import type { ApprovalId, Call, ExchangeId, JsonObject, KnownActor, MetRequirement, Principal, Reason, Requirement, SessionId } from '../model.ts'
import type { Page } from '../record/record-store.ts'

export type ApprovalState = 'pending' | 'granted' | 'refused' | 'expired' | 'withdrawn' | 'executed' | 'void'

export interface Answer {
  /** The requirement's rule. */
  readonly requirement: string
  /** Its place in `requirements`: two of them may have the same rule. */
  readonly index: number
  /** `withdrawn` takes an earlier one back, because its reviewer's account has ended. */
  readonly verdict: 'approve' | 'deny' | 'withdrawn'
  readonly reviewer: Principal
  /** By which the reviewer was signed in here, where they were. */
  readonly account?: AccountId
  readonly reason: string
  readonly at: number
  /** That it was given here, in its place among the others. */
  readonly mark: string
}

/** Masked: what a reviewer is shown. */
export interface ShownCall extends Pick<Call, 'kind' | 'name' | 'arguments'> {
  /** What else is sent: the other members of its params. */
  readonly others: JsonObject
}

/** Times are milliseconds since the epoch. */
export interface ApprovalRow {
  readonly id: ApprovalId
  readonly state: ApprovalState
  readonly requester: KnownActor
  readonly upstream: string
  readonly session: SessionId
  readonly exchange: ExchangeId
  readonly call: ShownCall
  readonly method: string
  readonly reasons: readonly Reason[]
  readonly risk: number
  readonly requirements: readonly Requirement[]
  /** Met by an earlier approval of the same call that this one continues. */
  readonly carried: readonly MetRequirement[]
  readonly answers: readonly Answer[]
  readonly created_at: number
  readonly expires_at: number
  /** When it left `pending`. */
  readonly decided_at: number | null
  /** When it reached a state it cannot leave. */
  readonly ended_at: number | null
  /** HMAC-SHA-256 under the store's key over the re-serialised `{upstream, method, params}`, hex. */
  readonly digest: string
  /** SHA-256 of the tool's definition when the call was held; null where none is known. */
  readonly definition_sha256: string | null
  /** The params that will be executed, encrypted; null once the approval has ended. */
  readonly sealed_params: Uint8Array | null
}

export interface ApprovalFilter {
  readonly state?: ApprovalState
  readonly requester?: { readonly issuer: string; readonly subject: string }
  readonly cursor?: string
  readonly limit?: number
}

/** Writes are durable when they resolve, and reject with `record_unavailable` or `queue_full` when they are not. */
export interface ApprovalStore {
  insert(row: ApprovalRow): Promise<void>
  get(id: ApprovalId): Promise<ApprovalRow | undefined>
  /** Newest first. A page ends early rather than hold very many megabytes: a call may have one. */
  list(filter: ApprovalFilter): Promise<Page<ApprovalRow>>
  /** The open (`pending` or `granted`) approvals for the same requester, upstream and digest, newest first. */
  findOpen(key: OpenKey): Promise<readonly ApprovalRow[]>
  /**
   * Adds answers and sets the state, in one update, while the approval is pending, unexpired and has exactly `seen` answers;
   * false if not, so that two reviewers who answer at once cannot both believe themselves the first.
   */
  addAnswers(id: ApprovalId, answers: readonly Answer[], next: 'pending' | 'granted' | 'refused', at: number, seen: number): Promise<boolean>
  /** One conditional update: true for exactly one caller. `granted` and `executed` also want it unexpired. Ending states erase `sealed_params`. */
  move(id: ApprovalId, from: ApprovalState, to: ApprovalState, at: number): Promise<boolean>
  /** Takes back a move to `executed` of what was not sent after all, while it is unexpired; for the one caller who made that move. */
  giveBack(id: ApprovalId, sealed_params: Uint8Array, at: number): Promise<boolean>
  /** Lets leg number `leg` of an executed call through, counted from 0: true once for each number, in their order. */
  takeLeg(id: ApprovalId, leg: number): Promise<boolean>
  /** Moves every pending or granted approval past its expiry to `expired`; returns their ids. */
  expire(now: number): Promise<readonly ApprovalId[]>
}

export interface OpenKey {
  readonly issuer: string
  readonly subject: string
  readonly upstream: string
  readonly digest: string
}
