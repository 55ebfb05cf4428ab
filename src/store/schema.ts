import type { Generated } from 'kysely'

/** The tables of every SQL store. Times are milliseconds since the epoch; JSON is kept as printed text. */
export interface Tables {
  session: SessionTable
  session_term: SessionTermTable
  event: EventTable
  open_exchange: OpenExchangeTable
  event_place: EventPlaceTable
  /** Views: what the tables hold and what is not folded into them yet. */
  session_counted: SessionTable
  event_at: EventPlaceTable
  event_whole: EventTable
  approval: ApprovalTable
  kept: KeptTable
  kept_group: KeptGroupTable
}

export interface SessionTable {
  n: Generated<number>
  id: string
  started_at: number
  ended_at: number | null
  actor: string
  upstream: string
  revision: string
  client: string
  events: number
  denied: number
  masked: number
  approvals: number
}

/** What sessions are found by; see `terms.ts`. */
export interface SessionTermTable {
  term: string
  started_at: number
  session: number
}

export interface EventTable {
  n: Generated<number>
  session: number
  seq: number
  at: number
  exchange: string
  direction: string
  kind: string
  method: string
  call: string | null
  /** As text; in the table itself it may be the number of one that many events share. */
  decision: string
  bundle: string
  outcome: string
  /** As `printFindings` prints them. */
  findings: string
  message: string
  closes: number
  basis: string | null
}

/** Where the events of a session are. */
export interface EventPlaceTable {
  session: number
  seq: number
  event: number
}

/** Exchanges whose request went out and whose last message is not recorded: what a crash leaves `unknown`. */
export interface OpenExchangeTable {
  exchange: string
  event: number
  direction: string
}

export interface ApprovalTable {
  n: Generated<number>
  id: string
  state: string
  issuer: string
  subject: string
  requester: string
  upstream: string
  session: string
  exchange: string
  call: string
  method: string
  reasons: string
  risk: number
  requirements: string
  carried: string
  answers: string
  answer_count: number
  created_at: number
  expires_at: number
  decided_at: number | null
  ended_at: number | null
  digest: string
  definition_sha256: string | null
  sealed_params: Uint8Array | null
  /** How many later legs of the executed call were let through. */
  legs: Generated<number>
}

/** Values that only the holder of `store.key_from` can read; keys and groups are digests under it. */
export interface KeptTable {
  kind: string
  key: Uint8Array
  sealed: Uint8Array
  version: number
  expires_at: number | null
  taken_at: number | null
}

export interface KeptGroupTable {
  kind: string
  member_of: Uint8Array
  key: Uint8Array
}
