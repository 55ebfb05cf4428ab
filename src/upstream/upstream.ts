import type { Evaluated, Notification, Request, Result, ErrorAnswer, RequestId, Revision } from '../model.ts'

/** One JSON-RPC message of a server as it arrived: bytes that nobody has judged. */
export interface Arrival {
  readonly bytes: Uint8Array
  /** The server's own SSE event id, for resumption; absent outside SSE. */
  readonly event_id?: string
}

/** How a server answered one message. */
export type Reply =
  /** A 202 or an empty answer: nothing will come. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'json'; readonly status: number; readonly arrival: Arrival }
  | { readonly kind: 'stream'; readonly arrivals: AsyncIterable<Arrival | StreamMark>; readonly session?: string }
  /** Not a JSON-RPC message: a plain HTTP status, such as 404 for a dead session or 405 for no GET stream. */
  | { readonly kind: 'status'; readonly status: number }

/** Framing of a server's stream that is not a message: the gateway writes its own in its place. */
export interface StreamMark {
  readonly mark: 'priming' | 'retry'
  readonly event_id?: string
  /** Milliseconds. */
  readonly retry?: number
}

export interface SendOptions {
  /** The id that goes upstream in place of the client's. */
  readonly id?: RequestId
  /** Aborts the exchange with the server. */
  readonly signal: AbortSignal
}

/** A client session's way to one server: its own upstream session or child process. Only judged messages go out. */
export interface UpstreamLink {
  send(message: Evaluated<Request | Notification | Result | ErrorAnswer>, options: SendOptions): Promise<Reply>
  /** The server's stream of messages that no request asked for; `from` resumes after that event id of the server's. */
  listen(options: { readonly signal: AbortSignal; readonly revision: Revision; readonly from?: string }): Promise<Reply>
  close(): Promise<void>
}

export interface Upstream {
  readonly name: string
  readonly labels: { readonly [label: string]: string }
  /** `owner` caps children per person. */
  open(options: { readonly owner: string }): UpstreamLink
  close(): Promise<void>
}
