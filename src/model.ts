/** Any JSON value. A number that a double cannot print back as it was written is a raw JSON value (`JSON.rawJSON`), see `wire/json.ts`. */
export type Json = null | boolean | number | string | RawNumber | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}
/** What `JSON.rawJSON` makes: its source text is printed as it stands. */
export interface RawNumber {
  readonly rawJSON: string
}

export type SessionId = `ses_${string}`
export type ExchangeId = `exg_${string}`
export type ApprovalId = `apr_${string}`
/** `bnd_` and the first 32 hex digits of the SHA-256 over the bundle's sources, data and library. */
export type BundleDigest = `bnd_${string}`

export interface Ids {
  session(): SessionId
  exchange(): ExchangeId
  approval(): ApprovalId
  /** An unguessable token: legacy session ids, JSON-RPC ids sent upstream. */
  secret(): string
}
/** Milliseconds since the epoch. */
export type Clock = () => number
/** A guarded one: it asks only what may be asked, follows no redirect, and is bounded in time and size. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Every revision of MCP whose messages can be told; which of them a client may open is `wire/`'s table. */
export type Revision = '2024-11-05' | '2025-03-26' | '2025-06-18' | '2025-11-25' | '2026-07-28'
export type Era = 'legacy' | 'modern'

export type Direction = 'to_server' | 'to_client'
export type RequestId = string | number | RawNumber
/** JSON-RPC ids are compared by type and text: `1` is not `"1"`. */
export const idKey = (id: Json): string => JSON.stringify(id)

/** The tool, prompt or resource a message is about, named once. */
export interface Call {
  readonly kind: 'tool' | 'prompt' | 'resource'
  /** A tool's or prompt's name, a resource's URI, a template's `uriTemplate`. */
  readonly name: string
  readonly arguments: JsonObject
  readonly annotations: JsonObject
  readonly definition_sha256?: string
  readonly template: boolean
}

interface MessageBase {
  readonly direction: Direction
  readonly revision: Revision
  /** For an answer: the method of the request answered. */
  readonly method: string
  /** The whole JSON-RPC object as it was parsed; what is sent is printed from it. */
  readonly envelope: JsonObject
  /** The `params`, `result` or `error` object of the envelope; `{}` where there is none. */
  readonly body: JsonObject
  /** A server's message that held the gateway's own credential: it was removed before anything else. */
  readonly hadCredential?: true
}
export interface Request extends MessageBase {
  readonly kind: 'request'
  readonly id: RequestId
  readonly call?: Call
}
export interface Notification extends MessageBase {
  readonly kind: 'notification'
  readonly call?: Call
}
export interface Result extends MessageBase {
  readonly kind: 'result'
  readonly id: RequestId
  readonly request: Request
}
export interface ErrorAnswer extends MessageBase {
  readonly kind: 'error'
  readonly id: RequestId
  readonly request: Request
}
/** One JSON-RPC message with what is known about it. Answers carry the request they answer. */
export type Message = Request | Notification | Result | ErrorAnswer

/** Somebody on whose behalf an actor works (RFC 8693 section 4.1, `act` read outside in). */
export interface Principal {
  readonly issuer: string
  readonly subject: string
  readonly email?: string
  readonly acting_for?: Principal
}
/** Whoever acts, then each on whose behalf the one before does. */
export const chainOf = (who: Principal): readonly Principal[] => [who, ...(who.acting_for === undefined ? [] : chainOf(who.acting_for))]

interface Identified {
  readonly subject: string
  readonly issuer: string
  /** The name the issuer or provider has in the configuration. */
  readonly provider: string
  readonly groups: readonly string[]
  /** False when the provider left the groups out for their number (overage). */
  readonly groups_known: boolean
  /** Only when the issuer says that it is verified. */
  readonly email?: string
  readonly claims: JsonObject
  readonly acting_for?: Principal
}
export interface Person extends Identified {
  readonly kind: 'person'
}
export interface ServiceAccount extends Identified {
  readonly kind: 'service'
}
export interface Agent extends Identified {
  readonly kind: 'agent'
}
export interface Nobody {
  readonly kind: 'nobody'
  readonly groups: readonly []
  readonly groups_known: true
}
export type Actor = Person | ServiceAccount | Agent | Nobody
export type KnownActor = Exclude<Actor, Nobody>
/** One issuer may call a program and a person alike (RFC 9068 section 5), and one agent acts for many: those are different callers. */
export function callerOf(actor: Pick<KnownActor, 'kind'> & Principal): string {
  const known = callers.get(actor)
  if (known !== undefined) return known
  const caller = JSON.stringify([actor.kind, ...chainOf(actor).flatMap(({ issuer, subject }) => [issuer, subject])])
  callers.set(actor, caller)
  return caller
}
/** A token that is known gives the same actor each time. */
const callers = new WeakMap<object, string>()
/** What somebody is in the admin API; policies say who. */
export type Role = 'viewer' | 'reviewer' | 'auditor' | 'operator'

/** Where a detector hit: JSON Pointer (RFC 6901) into `message.body`, and how often there. */
export interface Finding {
  readonly detector: string
  readonly path: string
  readonly count: number
  readonly confidence: 'low' | 'medium' | 'high'
}

/** From `start` up to and not including `end`, in UTF-16 units. */
export interface Span {
  readonly start: number
  readonly end: number
}
/** A place in a body where a detector hit; the keys may themselves hold what was found, so they are never shown or stored. */
export interface Hit {
  readonly detector: string
  /** From the body down to the value; for a `name`, down to the member that bears it. */
  readonly keys: readonly string[]
  readonly where: 'value' | 'name'
  /** `base64`: the spans count in the decoded text. */
  readonly encoding?: 'base64'
  readonly spans: readonly Span[]
}
/** Where the detectors hit in one body. */
export interface Sighting {
  readonly hits: readonly Hit[]
  /** The names of the detectors that looked. */
  readonly detectors: readonly string[]
}
/** … with what a policy is told of it. */
export interface Scan extends Sighting {
  readonly findings: readonly Finding[]
}

/** One entry of a list answer, or what a completion or subscription is about. */
export interface Entry {
  readonly kind: 'tool' | 'prompt' | 'resource'
  readonly name: string
  readonly annotations: JsonObject
  readonly definition_sha256?: string
  readonly template: boolean
}

/** A message as a policy sees it: without envelope and id. */
export interface JudgedMessage {
  readonly direction: Direction
  readonly kind: 'request' | 'notification' | 'result' | 'error'
  readonly method: string
  readonly revision: Revision
  readonly call?: Call
  readonly body: JsonObject
}

export interface MetRequirement {
  readonly rule: string
  readonly reviewers: readonly string[]
  readonly quorum: number
}
/** What an approval has granted, as a policy sees it. */
export interface GrantedApproval {
  readonly id: ApprovalId
  readonly met: readonly MetRequirement[]
  /** The risk that the reviewers saw. */
  readonly risk: number
  readonly granted_by: readonly string[]
  /** RFC 3339, UTC. */
  readonly at: string
}

export interface ClientName {
  readonly name?: string
  readonly version?: string
}
/** Facts about the caller's recent traffic; the counters run over 30 minutes per issuer, subject and upstream. */
export interface SessionFacts {
  readonly id: SessionId
  readonly started_at: string
  /** Self-reported. */
  readonly client: ClientName
  readonly calls: number
  readonly denied: number
  readonly approvals: number
  readonly bytes_out: number
}

/** The whole input of a policy: plain JSON. `scripts/question-schema.ts` prints its JSON schema to `rego/schemas/question.json`. */
export interface Question {
  readonly actor: Actor
  readonly upstream: { readonly name: string; readonly labels: { readonly [label: string]: string } }
  readonly session: SessionFacts
  readonly message: JudgedMessage
  /** The request that is answered, when an answer is judged. */
  readonly request?: JudgedMessage
  readonly entries: readonly Entry[]
  readonly findings: readonly Finding[]
  readonly approval?: GrantedApproval
  /** RFC 3339, UTC, milliseconds. */
  readonly now: string
}

export interface Reason {
  readonly code: string
  readonly message?: string
  /** `<name>/<set>/<code>`, `<name>/allow` or the library's `sallyport/<code>`. */
  readonly rule: string
  /** From METADATA, joined by the table that the build writes. */
  readonly title?: string
  readonly description?: string
  readonly remedy?: string
  readonly link?: string
}
export type Scalar = null | boolean | number | string
/** Replace a place, or the spans a detector found (below a place, if one is given). */
export type Mask =
  | { readonly path: string; readonly with: Scalar; readonly must: boolean; readonly rule: string }
  | { readonly detector: string; readonly path?: string; readonly with: Scalar; readonly must: boolean; readonly rule: string }
export interface Requirement {
  readonly rule: string
  readonly code: string
  readonly reviewers: readonly string[]
  readonly quorum: number
}

interface DecisionBase {
  /** Never empty. */
  readonly reasons: readonly Reason[]
  readonly risk: number
  /** Indices of `entries` that the actor may use; empty where there are no entries. */
  readonly listed: readonly number[]
  readonly bundle: BundleDigest | 'none'
}
export type Decision =
  | (DecisionBase & { readonly kind: 'allow' })
  /** What is masked in the record of the refused message; where the policy could not say, nobody knows what to keep. */
  | (DecisionBase & { readonly kind: 'deny'; readonly mask?: readonly Mask[] })
  | (DecisionBase & { readonly kind: 'mask'; readonly mask: readonly Mask[] })
  | (DecisionBase & {
      readonly kind: 'require_approval'
      /** Applied once the call is approved. */
      readonly mask: readonly Mask[]
      readonly approval: { readonly ttl: string; readonly requirements: readonly Requirement[] }
    })

/** What became of a message. `unknown`: it was sent and the gateway stopped before an answer came. */
export type Outcome = 'forwarded' | 'answered' | 'denied' | 'dropped' | 'held' | 'unknown'

/** One judged message, as it is recorded and listed. */
export interface Exchange {
  readonly session: SessionId
  /** Shared by a request, everything sent while it ran, and its answer. */
  readonly exchange: ExchangeId
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly message: Message
  readonly findings: readonly Finding[]
  readonly decision: Decision
  readonly outcome: Outcome
  /** True for the last message of the exchange. */
  readonly closes: boolean
  /** What the policy was asked about it, and what it said; absent where the gateway decided by itself. */
  readonly question?: Question
  readonly verdict?: Decision
}

declare const evaluated: unique symbol
/**
 * A message that was judged by the bundle then active and whose record is durable: the only thing that can be sent to a
 * server or released to a client. Only `proxy/evaluate.ts` makes one.
 */
export interface Evaluated<M extends Message = Message> {
  readonly [evaluated]: true
  readonly message: M
  readonly exchange: ExchangeId
  readonly bundle: BundleDigest
}

export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}
