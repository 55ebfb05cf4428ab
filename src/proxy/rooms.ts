import type { ApprovalRow } from '../approval/approval-store.ts'
import type { Tickets } from '../approval/tickets.ts'
import type {
  Actor, ApprovalId, BundleDigest, Clock, Decision, Direction, Entry, Exchange, Finding, GrantedApproval, Ids, Json, JsonObject, KnownActor, Logger, Mask, Message, Question, Request,
  RequestId, Revision, Scan, SessionId, Sighting,
} from '../model.ts'
import type { ListName } from '../wire/changes.ts'
import type { MethodFacts } from '../wire/methods.ts'
import type { RpcMessage, RpcProblem } from '../wire/rpc.ts'
import type { JsonProblem } from '../wire/json.ts'
import type { ReadCall } from '../wire/call.ts'

export type Parsed = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly problem: JsonProblem }

/** Bytes and messages: what the pipeline needs of `wire/`. */
export interface WireRoom {
  readAnswer(bytes: Uint8Array): Parsed
  readRpc(value: Json): RpcMessage | RpcProblem
  print(value: Json): string
  callOf(method: string, body: JsonObject): ReadCall
  listOf(method: string, body: JsonObject): readonly { readonly kind: Entry['kind']; readonly name: string; readonly template: boolean; readonly value: JsonObject }[] | undefined
  keepListed(envelope: JsonObject, method: string, listed: readonly number[]): JsonObject
  privateCaching(envelope: JsonObject, wasChanged: boolean): JsonObject
  withId(envelope: JsonObject, id: RequestId): JsonObject
  withProgressToken(envelope: JsonObject, token: RequestId): JsonObject
  withRequestId(envelope: JsonObject, id: RequestId): JsonObject
  withSubscriptionId(envelope: JsonObject, id: RequestId): JsonObject
  progressTokenOf(body: JsonObject): RequestId | undefined
  subscriptionIdOf(body: JsonObject): RequestId | undefined
  /** Of a server's `server/discover`: without the revisions that are not judged here. */
  onlyServed(envelope: JsonObject): JsonObject
  /** … with the tasks that the gateway itself may give. */
  offersTasks(envelope: JsonObject): JsonObject
  /** Of a server's greeting: with the changes of lists that the gateway itself tells. */
  declaresChanges(envelope: JsonObject): JsonObject
  /** The lists whose changes a greeting declares. */
  changesDeclared(result: JsonObject): readonly ListName[]
  /** Of an acknowledgement: with the changes of lists that were asked for. */
  grantsChanges(envelope: JsonObject, asked: JsonObject): JsonObject
  changesGranted(params: JsonObject): readonly ListName[]
  changeNotice(list: ListName, subscription?: RequestId): JsonObject
  /** Whether a client can take a task in place of an answer. */
  declaresTasks(params: JsonObject): boolean
  withoutTasks(request: Request): Request
  methodOf(revision: Revision, direction: Direction, kind: 'request' | 'notification', method: string): MethodFacts | undefined
}

export interface MaskOutcome {
  readonly message: Message
  readonly masked: number
  /** Of the masked body. */
  readonly scan: Sighting
}

/** Findings and what is done to a message. */
export interface EnforceRoom {
  scan(body: Json): Scan
  omitLargeBlobs(body: JsonObject): JsonObject
  applyMasks(input: { readonly message: Message; readonly masks: readonly Mask[]; readonly scan: Sighting; readonly outputSchema?: Json }):
    | ({ readonly ok: true } & MaskOutcome)
    | { readonly ok: false; readonly code: string; readonly detail: string }
  redactText(text: string): string
  /** What takes the values at places that masks replace out of a text; undefined where no mask is for a place. */
  unquoter(bodies: readonly JsonObject[], masks: readonly Mask[]): ((text: string) => string) | undefined
  /** The gateway's own credentials, removed wherever the server echoed one; undefined where it did so too often for that. */
  withoutCredentials(secrets: readonly string[], value: Json): { readonly value: Json; readonly removed: boolean } | undefined
}

/** What a refusal says beside its reasons. */
export interface RefusalFacts {
  readonly decisionId: string
  readonly executed: boolean
  readonly approval?: { readonly id: ApprovalId; readonly expiresAt: string }
}

/** Answers that the gateway makes itself, as JSON-RPC objects. */
export interface AnswerRoom {
  refusal(request: Request, decision: Decision, facts: RefusalFacts): JsonObject
  unknown(request: Request): JsonObject
  unknownMethod(request: Request): JsonObject
  pending(request: Request, decision: Decision, facts: RefusalFacts): JsonObject
  /** The same where the client comes back by itself with the state it is given (MCP 2026-07-28 basic/patterns/mrtr). */
  waiting(request: Request, decision: Decision, facts: RefusalFacts, state: string): JsonObject
  refusedServerRequest(request: Request): JsonObject
  /** Its caller has to do something before the call can be sent; `visit` where the client can show a page by itself. */
  visitFirst(request: Request, decision: Decision, facts: RefusalFacts, visit: { readonly message: string; readonly link: string } | undefined): JsonObject
  /** What `_meta` says of a decision. */
  told(decision: Decision, facts: RefusalFacts): JsonObject
  error(id: RequestId | null, code: number, message: string, data?: Json): JsonObject
}

export interface PolicyRoom {
  decide(question: Question): Promise<Decision>
  active(): BundleDigest | undefined
  /** Told after another bundle was switched in; ends with what it gives back. */
  watch(changed: () => void): () => void
}

export interface RecordRoom {
  openSession(session: {
    readonly id: SessionId
    readonly started_at: number
    readonly actor: Actor
    readonly upstream: string
    readonly revision: Revision | 'none'
    readonly client: { readonly name?: string; readonly version?: string }
  }): void
  endSession(id: SessionId): void
  /** Durable when it resolves. */
  record(exchange: Exchange, scan: Sighting, masks: readonly Mask[]): Promise<void>
}

export interface ApprovalRoom {
  hold(input: {
    readonly requester: KnownActor
    readonly session: SessionId
    readonly exchange: Exchange['exchange']
    readonly upstream: string
    readonly request: Request
    readonly decision: Extract<Decision, { kind: 'require_approval' }>
    readonly carried: GrantedApproval | undefined
  }): Promise<ApprovalRow>
  wait(id: ApprovalId, options: { readonly signal: AbortSignal }): Promise<ApprovalRow>
  get(id: ApprovalId): Promise<ApprovalRow | undefined>
  /** Told that the requester has learnt how it ended. */
  heard(row: ApprovalRow): void
  /** What tells two sendings of one call from two calls. */
  digest(upstream: string, method: string, params: JsonObject): string
  /** Lets the next leg of an executed call through: true once for each. */
  takeLeg(id: ApprovalId, leg: number): Promise<boolean>
  readonly tickets: Tickets
  grantOf(row: ApprovalRow): GrantedApproval
  consume(id: ApprovalId): Promise<boolean>
  /** Takes back what `consume` did: the call was not sent. */
  giveBack(row: ApprovalRow): Promise<void>
  /** False where it had ended. */
  end(id: ApprovalId, state: 'withdrawn' | 'void'): Promise<boolean>
  /** Withdraws a pending one, unless another call waits for it as well. */
  takeBack(id: ApprovalId): Promise<void>
  /** The params that were held, to be executed in place of the caller's: of `live` come its progress token and what else is of one sending. */
  params(row: ApprovalRow, live: JsonObject): JsonObject | undefined
}

export interface Meters {
  decided(message: Message, decision: Decision): void
  judged(seconds: number): void
  recorded(seconds: number): void
  /** Whole time a request spent in the gateway and behind it. */
  completed(seconds: number): void
  /** Must never be called; see `sallyport_unjudged_total`. */
  unjudged(): void
  rejected(code: string): void
  /** A server sent the gateway's own credential back. */
  credentialEchoed(upstream: string): void
}

export interface Patience {
  /** Milliseconds a held call waits with progress that the client asked for. */
  readonly withProgress: number
  /** … and without. */
  readonly without: number
  /** Milliseconds a server may leave a call without a message. */
  readonly silence: number
}

/** Every room a message passes, handed in by `gateway.ts`. */
export interface Rooms {
  readonly wire: WireRoom
  readonly enforce: EnforceRoom
  readonly answers: AnswerRoom
  readonly policy: PolicyRoom
  readonly record: RecordRoom
  readonly approvals: ApprovalRoom
  readonly meters: Meters
  readonly clock: Clock
  readonly ids: Ids
  readonly logger: Logger
  readonly patience: Patience
}

export type { Finding }
