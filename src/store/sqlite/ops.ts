import type { StoreFiles } from '../store.ts'

/**
 * What the main thread asks of the writer. Flat arrays of strings and numbers: they cross to the other thread at a fraction of
 * the cost of objects.
 */
export type Op =
  | readonly ['put_session', id: string, started_at: number, actor: string, upstream: string, revision: string, client: string, terms: readonly string[]]
  | readonly ['end_session', id: string, at: number]
  | EventOp
  | readonly ['close_interrupted', at: number]
  | readonly ['insert_approval', ...values: readonly (string | number | null | Uint8Array)[]]
  | readonly ['add_answers', id: string, answers: string, count: number, next: string, at: number, seen: number]
  | readonly ['move_approval', id: string, from: string, to: string, at: number]
  | readonly ['give_back_approval', id: string, sealed_params: Uint8Array, at: number]
  | readonly ['take_leg', id: string, leg: number]
  | readonly ['expire_approvals', now: number]
  | readonly ['put_kept' | 'add_kept', kind: string, key: Uint8Array, sealed: Uint8Array, expires_at: number | null, now: number, ...groups: readonly Uint8Array[]]
  | readonly ['swap_kept', kind: string, key: Uint8Array, sealed: Uint8Array, expires_at: number | null, version: number]
  | readonly ['take_kept', kind: string, key: Uint8Array, now: number]
  | readonly ['drop_kept', kind: string, key: Uint8Array]
  | readonly ['drop_kept_group', kind: string, group: Uint8Array]
  | readonly ['expire_kept', now: number]

export type EventOp = readonly [
  kind: 'event',
  session: string,
  at: number,
  exchange: string,
  direction: string,
  message_kind: string,
  method: string,
  call: string | null,
  decision_kind: string,
  decision: string | SharedText,
  bundle: string,
  outcome: string,
  findings: string,
  message: string,
  closes: 0 | 1,
  call_term: string | null,
  basis: string | null,
]

/** A text that many events carry: one object, so that a batch takes it to the other thread once. */
export interface SharedText {
  readonly shared: string
}

/** The `code` of an error that concerns one op and was met before it wrote anything. */
export const opRefused = 'OP_REFUSED'

/** The first op's number and the ops, which are numbered one by one. */
export type Batch = readonly [first: number, ops: readonly Op[]]

export type Result = { readonly value: unknown } | { readonly fault: string }

/** What the writer says. */
export type Report =
  /** Every op up to and with `upTo` is durable, save those whose result is a fault; ops without a result have none. */
  | readonly ['durable', upTo: number, ms: number, results?: ReadonlyMap<number, Result>]
  /** Every op up to and with `upTo` that was not durable yet has left no trace; the writer is closed until it says `open`. */
  | readonly ['failed', upTo: number, why: string]
  | readonly ['open']
  | readonly ['closed']

export type Command = Batch | 'close'

export interface ThreadOptions {
  /** No others are written. */
  readonly files: StoreFiles
  readonly run: string
  /** Which of several processes writes here; undefined where there is one. */
  readonly writer: number | undefined
}
