import type { BundleDigest, Decision, Evaluated, Exchange, ExchangeId, GrantedApproval, KnownActor, Mask, Message, Outcome, Question, Request, Scan, Sighting } from '../model.ts'
import type { Definitions } from './definitions.ts'
import { questionOf } from './question.ts'
import type { Rooms } from './rooms.ts'
import type { ClientSession } from './session.ts'
import type { Counters } from './counters.ts'
import type { OwnTasks } from './own-tasks.ts'
import type { Turns } from './turns.ts'

/** Whose message it is and what it belongs to. */
export interface About {
  readonly session: ClientSession
  readonly exchange: ExchangeId
  /** By the token that brought it, or the request it belongs to: a caller's other tokens may say more. */
  readonly actor: KnownActor
  readonly approval?: GrantedApproval | undefined
  /** The request during which a notification is sent. */
  readonly request?: Request | undefined
}
export interface Judge extends Rooms {
  readonly counters: Counters
  readonly definitions: Definitions
  readonly turns: Turns
  readonly tasks: OwnTasks
}

export interface Judged<M extends Message = Message> {
  readonly message: M
  readonly scan: Scan
  readonly decision: Decision
  /** What the policy was asked, and what it said; absent where the gateway decides by itself. */
  readonly question?: Question
  readonly verdict?: Decision
}

class Seal<M extends Message> {
  readonly #made = true
  readonly message: M
  readonly exchange: ExchangeId
  readonly bundle: BundleDigest

  constructor(message: M, exchange: ExchangeId, bundle: BundleDigest) {
    this.message = message
    this.exchange = exchange
    this.bundle = bundle
  }
  static made(value: object): boolean {
    return #made in value && value.#made
  }
}

/** For the writers of sockets: the type already says it, this counts what a cast could smuggle past. */
export const isEvaluated = (value: object): boolean => Seal.made(value)

/** Detects and decides. No effect, no I/O. */
export async function judge<M extends Message>(message: M, about: About, rooms: Judge): Promise<Judged<M>> {
  const scan = rooms.enforce.scan(message.body)
  const started = performance.now()
  const question = questionOf(message, scan.findings, about, rooms)
  const decision = await rooms.policy.decide(question)
  rooms.meters.judged((performance.now() - started) / 1000)
  rooms.meters.decided(message, decision)
  const verdict = redactReasons(decision, message, question, rooms)
  return { message, scan, decision: verdict, question, verdict }
}

// Reasons may quote what was asked: before they are returned or stored, what is detected or masked there is taken out of them.
function redactReasons(decision: Decision, judged: Message, { request }: Question, { enforce }: Rooms): Decision {
  if (decision.reasons.every(({ message }) => message === undefined)) return decision
  const bodies = request === undefined ? [judged.body] : [judged.body, request.body]
  const unquote = decision.kind === 'allow' ? undefined : enforce.unquoter(bodies, decision.mask ?? [])
  const reasons = decision.reasons.map((reason) => (reason.message === undefined ? reason : { ...reason, message: enforce.redactText(unquote?.(reason.message) ?? reason.message) }))
  return { ...decision, reasons }
}

// Of a message that no policy could judge, nobody knows what must not be kept: its whole body goes.
const everything: readonly Mask[] = [{ path: '', with: '[MASKED]', must: false, rule: 'sallyport/unjudged' }]

export const masksOf = (decision: Decision): readonly Mask[] => (decision.kind === 'allow' ? [] : (decision.mask ?? everything))

/** A message to keep, with its own scan, and the masks that are still to be carried out on it. */
export interface Copy {
  readonly message: Message
  readonly scan: Sighting
  readonly masks: readonly Mask[]
}

type Growing<T> = { -readonly [K in keyof T]: T[K] }

/** Makes the record durable. Rejects with `GatewayError` where it cannot be. */
export function recordJudged(judged: Judged, outcome: Outcome, closes: boolean, about: About, rooms: Rooms, copy: Copy = { ...judged, masks: masksOf(judged.decision) }): Promise<void> {
  const started = performance.now()
  const exchange: Growing<Exchange> = {
    session: about.session.id,
    exchange: about.exchange,
    at: rooms.clock(),
    message: copy.message,
    findings: judged.scan.findings,
    decision: judged.message.hadCredential === true ? tellingEcho(judged.decision) : judged.decision,
    outcome,
    closes,
  }
  if (judged.question !== undefined) exchange.question = judged.question
  if (judged.verdict !== undefined) exchange.verdict = judged.verdict
  return rooms.record.record(exchange, copy.scan, copy.masks).then(() => rooms.meters.recorded((performance.now() - started) / 1000))
}

function tellingEcho(decision: Decision): Decision {
  const reason = { code: 'credential_echoed', message: 'the server sent the gateway\'s own credential back; it was removed from the message', rule: 'sallyport/credential_echoed' }
  return { ...decision, reasons: [...decision.reasons, reason] }
}

/** The only maker of `Evaluated`: after the judgement, after the record. */
export function seal<M extends Message>(message: M, judged: Judged, about: About): Evaluated<M> {
  if (judged.decision.bundle === 'none') throw new TypeError('a message judged without a bundle cannot be forwarded')
  // The symbol that brands the type is not exported: this is the one place that may claim it.
  return new Seal(message, about.exchange, judged.decision.bundle) as unknown as Evaluated<M>
}
