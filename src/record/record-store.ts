import type { Actor, BundleDigest, ClientName, Decision, Direction, ExchangeId, Finding, KnownActor, Outcome, Revision, SessionId } from '../model.ts'

/** A recorded session. `ended_at` is null while it is open. Times are milliseconds since the epoch. */
export interface SessionRow {
  readonly id: SessionId
  readonly started_at: number
  readonly ended_at: number | null
  /** Nobody, where requests without a good token were turned away. */
  readonly actor: Actor
  readonly upstream: string
  /** None, where what was sent was turned away unread. */
  readonly revision: Revision | 'none'
  readonly client: ClientName
}

/** One judged message as it is kept: everything in it that was detected or masked is already replaced. */
export interface EventRow {
  readonly session: SessionId
  /** From 1, without gaps, per session. */
  readonly seq: number
  readonly at: number
  readonly exchange: ExchangeId
  readonly direction: Direction
  readonly kind: 'request' | 'notification' | 'result' | 'error'
  readonly method: string
  /** The name of the tool, prompt or resource, for requests and their answers. */
  readonly call: string | null
  readonly decision: Decision
  readonly bundle: BundleDigest | 'none'
  readonly outcome: Outcome
  readonly findings: readonly Finding[]
  /** The JSON-RPC object, masked, as printed JSON. */
  readonly message: string
  /** True for the last event of its exchange. */
  readonly closes: boolean
  /** What a policy was asked beside what the event shows, as `basis.ts` prints it; null where no policy was asked. */
  readonly basis: string | null
}
/** The store gives the `seq` when it writes: the only place that knows which events really lasted. */
export interface NewEvent extends Omit<EventRow, 'seq' | 'findings'> {
  /** As `printFindings` prints them. */
  readonly findings: string
}

export interface SessionFilter {
  /** A subject or a verified e-mail. */
  readonly actor?: string
  readonly group?: string
  readonly upstream?: string
  readonly call?: string
  readonly decision?: Decision['kind']
  /** Started at or after. */
  readonly from?: number
  /** Started at or before. */
  readonly to?: number
  readonly cursor?: string
  readonly limit?: number
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly next_cursor: string | null
}

/** What a list of sessions shows beside the session itself. */
export interface SessionSummary extends SessionRow {
  readonly events: number
  readonly denied: number
  readonly masked: number
  readonly approvals: number
}

/** What one caller did at one upstream in one minute since the epoch. */
export interface Activity {
  readonly actor: KnownActor
  readonly upstream: string
  readonly minute: number
  readonly calls: number
  readonly denied: number
  readonly approvals: number
  /** Of the answers as they are kept. */
  readonly bytes_out: number
}

/**
 * Where sessions are kept. Writes are ordered: what was appended first is durable first.
 * `append` resolves when the rows are on stable storage, and rejects with `record_unavailable` or `queue_full`
 * (`GatewayError`) when they are not; a rejected append leaves no row behind that the caller was not told of.
 * An event of a session that was not put is rejected. Lists come newest session first, events in their order; a cursor that no
 * page gave is refused as `bad_cursor`.
 */
export interface RecordStore {
  /** Putting a session again changes nothing. */
  putSession(row: SessionRow): Promise<void>
  endSession(id: SessionId, at: number): Promise<void>
  append(event: NewEvent): Promise<void>
  /**
   * Marks as `unknown` the request that is in flight (forwarded, not closed) of every exchange, and ends every open session;
   * returns how many requests. Of several processes on one store each does so for itself alone. Run once, before listening.
   */
  closeInterrupted(at: number): Promise<number>
  /** What was recorded since then, in parts that add up, in no order. */
  recentActivity(since: number): Promise<readonly Activity[]>
  listSessions(filter: SessionFilter): Promise<Page<SessionSummary>>
  getSession(id: SessionId): Promise<SessionSummary | undefined>
  listEvents(id: SessionId, page: { readonly cursor?: string; readonly limit?: number }): Promise<Page<EventRow>>
  /** In the order in which they were recorded, across sessions; pages may be empty before the last. */
  listRecorded(filter: RecordedFilter): Promise<Page<RecordedEvent>>
}

/** An event that a policy decided, with its session. */
export interface RecordedEvent {
  readonly session: SessionRow
  readonly event: EventRow
}
export interface RecordedFilter {
  /** Recorded at or after, in milliseconds since the epoch. */
  readonly from: number
  readonly to: number
  readonly cursor?: string
  readonly limit?: number
}
export interface RecordedPart {
  readonly items: readonly RecordedEvent[]
  /** The cursor from which the next part goes on; null where nothing was ever recorded. */
  readonly reached: string | null
  readonly more: boolean
}
/** What was recorded, for whoever reads it beside a gateway that may be running. */
export interface RecordReader {
  listRecorded(filter: RecordedFilter): Promise<Page<RecordedEvent>>
  /** … and to come back for what is recorded later. */
  followRecorded(filter: RecordedFilter): Promise<RecordedPart>
  close(): void
}

/** What can be seen of the writer from outside. */
export interface WriterState {
  /** False while the writer is broken, stuck or closed. */
  readonly writable: boolean
  /** Writes that are not durable yet. */
  readonly queued: number
}
