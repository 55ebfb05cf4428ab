import type { Signal } from '../abort.ts'
import type { ErrorAnswer, Evaluated, KnownActor, Notification, Request, RequestId, Result, Revision } from '../model.ts'
import type { Need } from './credential.ts'
import type { ReplicaState } from './replicas.ts'

/** One JSON-RPC message of a server as it arrived: text that nobody has judged. */
export interface Arrival {
  readonly data: Uint8Array
  /** The server's own SSE event id, for resumption; absent outside SSE. */
  readonly event_id?: string
}

/** Framing of a server's stream that is not a message: the gateway writes its own in its place. */
export interface StreamMark {
  readonly mark: 'priming' | 'retry'
  readonly event_id?: string
  /** Milliseconds. */
  readonly retry?: number
}

/** How a server answered what was sent. */
export type Reply =
  /** A 202 or an empty answer: nothing will come. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'json'; readonly status: number; readonly arrival: Arrival }
  /** The iterable ends with the server's stream; it throws `GatewayError` where the stream broke. `streams` is true where the server chose a stream of events. */
  | { readonly kind: 'stream'; readonly streams: boolean; readonly arrivals: AsyncIterable<Arrival | StreamMark> }
  /** An HTTP status without a JSON-RPC message, such as 404 for a dead session or 405 where there is no GET stream. */
  | { readonly kind: 'status'; readonly status: number }

/** … or that nothing was sent: the message was not current any more when its first byte was due, or its caller has to do something before. */
export type Sent = Reply | { readonly kind: 'outdated' } | { readonly kind: 'uncredentialed'; readonly need: Need }

/** Everything a client may send a server. */
export type ToServer = Request | Notification | Result | ErrorAnswer

/** What stands in a message in the places of the client's own. */
export interface OwnIds {
  /** The gateway's own id, in place of the client's. */
  readonly id?: RequestId
  /** The gateway's own progress token, in place of the client's. */
  readonly progressToken?: string
  /** The gateway's own id of the request that a `notifications/cancelled` names, in place of the client's. */
  readonly cancelledId?: string
}
export interface SendOptions extends OwnIds {
  /** Mirrored arguments (`Mcp-Param-*`, MCP 2026-07-28, basic/transports/streamable-http). */
  readonly headers?: { readonly [name: string]: string }
  /** Asked at the moment of the first byte, whatever had to be waited for until then: whether what was judged may still be sent. */
  readonly isCurrent: () => boolean
  /** Aborts the exchange with the server. */
  readonly signal: Signal
}

/** A client session's way to one server: its own upstream session or child process. Only judged messages go out. */
export interface UpstreamLink {
  /** Changes when the server behind the link has lost its state and must be greeted again. */
  readonly generation: number
  /** Whether the server keeps a session for this link: only then does its 404 mean that it has forgotten it. */
  readonly hasSession: boolean
  /** Whether a cancellation has to be said as a message; else aborting the exchange is enough. */
  readonly saysCancelled: boolean
  /** What the gateway presents to the server on this link, which no answer may echo; another array only when they are others. */
  readonly secrets: readonly string[]
  send(message: Evaluated<ToServer>, options: SendOptions): Promise<Sent>
  /** The server's stream of messages that no request asked for; `from` resumes after that event id of the server's. */
  listen(options: { readonly signal: Signal; readonly revision: Revision; readonly from?: string }): Promise<Reply>
  close(): Promise<void>
}

export interface Upstream {
  readonly name: string
  readonly labels: { readonly [label: string]: string }
  /** `owner` caps children per person; throws `GatewayError('capacity')` past the cap. What is sent carries the credential for `actor`. */
  open(options: { readonly owner: string; readonly actor: KnownActor }): UpstreamLink
  /** Where it runs over HTTP, and whether it can be reached there, as far as is known. */
  replicas?(): readonly ReplicaState[]
  close(): Promise<void>
}
