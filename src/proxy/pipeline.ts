import type { Decision, Evaluated, JsonObject, Message, Outcome } from '../model.ts'
import { judge, masksOf, recordJudged, seal, type About, type Copy, type Judge, type Judged } from './evaluate.ts'
import { asLastSeen } from './last-seen.ts'

/** What became of a message that was put to the policy. Its record is durable. */
export type Passage<M extends Message> =
  | { readonly kind: 'forward'; readonly evaluated: Evaluated<M>; readonly judged: Judged<M> }
  | { readonly kind: 'refused'; readonly judged: Judged<M> }
  | { readonly kind: 'held'; readonly judged: Judged<M> & { readonly decision: Extract<Decision, { kind: 'require_approval' }> } }

export interface PassOptions {
  /** True where a forwarded message is the last of its exchange. */
  readonly closes: boolean
  /** Recorded in place of `forwarded`, for messages that only the gateway itself reads. */
  readonly outcome?: Outcome
  /** It passed before, was not sent, and is judged anew: its record says so. */
  readonly replaces?: boolean
  /** The gateway itself asks: where it may not, nobody is refused anything, and nobody is asked to approve. */
  readonly isOwn?: boolean
  /** What lets the message pass once only. */
  readonly claim?: Claim
}

export interface Claim {
  /** Asked once, after the policy let the message pass and before it is recorded; false refuses. */
  readonly take: () => Promise<boolean>
  /** Told where the message does not pass after all. */
  readonly giveBack: () => Promise<void>
}

/**
 * The way of every message: decide, enforce, record; then it may go on. Judged again if the bundle changed meanwhile.
 * Rejects with `GatewayError` where the record cannot be made durable.
 */
export async function passMessage<M extends Message>(message: M, about: About, options: PassOptions, rooms: Judge): Promise<Passage<M>> {
  const { claim } = options
  let taken = false
  let replaces = options.replaces === true
  let passes = false
  try {
    for (;;) {
      const current = asLastSeen(message, about.session.upstream.name, rooms)
      const judged = await judge(current, about, rooms)
      let enforced = enforce(judged, about, rooms)
      if (current !== message && about.approval !== undefined && enforced.kind !== 'refused') enforced = refuse(judged, 'approval_void', 'the tool changed since its call was approved')
      if (enforced.kind === 'forward' && claim !== undefined && !(taken ||= await claim.take())) enforced = refuse(judged, 'approval_used', 'the approval was used by another call')
      const closes = enforced.kind === 'forward' ? options.closes : enforced.kind === 'refused' || options.isOwn === true
      await recordJudged(replaces ? replacing(enforced.judged) : enforced.judged, outcomeOf(enforced.kind, message, options), closes, about, rooms, copyToKeep(judged, enforced))
      if (enforced.kind === 'refused' && options.isOwn !== true) rooms.counters.add(about.session.counterKey, 'denied')
      if (enforced.kind !== 'forward') return enforced
      passes = isCurrent(judged, about, rooms)
      if (passes) return { kind: 'forward', evaluated: seal(enforced.message, judged, about), judged }
      replaces = true
    }
  } finally {
    if (taken && !passes) await claim?.giveBack()
  }
}

/** Whether what was judged may go on: by the bundle that is active, and as what the server said last. */
export const isCurrent = ({ message, decision }: Judged, { session }: About, rooms: Judge): boolean =>
  rooms.policy.active() === decision.bundle && asLastSeen(message, session.upstream.name, rooms) === message

// The record before it tells of a message that was not sent: this one says so.
function replacing(judged: Judged): Judged {
  const { decision } = judged
  const reason = { code: 'judged_again', message: 'the policies, or what the server says of the tool, changed before the message was sent: this replaces what was decided just before', rule: 'sallyport/judged_again' }
  return { ...judged, decision: { ...decision, reasons: [...decision.reasons, reason] } }
}

/** What was masked is kept as it goes on; what is refused or waits, with the same places replaced. */
function copyToKeep(judged: Judged, enforced: Enforced<Message>): Copy {
  const masked = enforced.kind === 'forward' ? enforced.masked : undefined
  return masked === undefined ? { ...judged, masks: masksOf(judged.decision) } : { ...masked, masks: [] }
}

function outcomeOf(kind: Passage<Message>['kind'], message: Message, options: PassOptions): Outcome {
  if (kind === 'forward') return options.outcome ?? 'forwarded'
  if (options.isOwn === true) return 'dropped'
  if (kind === 'held') return 'held'
  return message.kind === 'notification' ? 'dropped' : 'denied'
}

type Enforced<M extends Message> =
  /** `masked` is set where masks were carried out: the whole message, before a list was shortened. */
  | { readonly kind: 'forward'; readonly message: M; readonly masked?: Omit<Copy, 'masks'>; readonly judged: Judged<M> }
  | { readonly kind: 'refused'; readonly judged: Judged<M> }
  | Extract<Passage<M>, { kind: 'held' }>

const enforcers = {
  allow: (judged, _about, rooms) => ({ kind: 'forward', message: keepListed(judged.message, judged, false, rooms), judged }),
  mask: (judged, about, rooms) => {
    const { message } = judged
    const outputSchema = message.kind === 'result' && message.request.call !== undefined ? rooms.definitions.get(about.session.upstream.name, message.request.call.kind, message.request.call.name)?.outputSchema : undefined
    const masked = rooms.enforce.applyMasks({ message, masks: masksOf(judged.decision), scan: judged.scan, ...(outputSchema === undefined ? {} : { outputSchema }) })
    if (!masked.ok) return refuse(judged, masked.code, masked.detail)
    return { kind: 'forward', message: keepListed(masked.message, judged, masked.masked > 0, rooms), masked: { message: masked.message, scan: masked.scan }, judged }
  },
  deny: (judged) => ({ kind: 'refused', judged }),
  require_approval: (judged) => {
    const { decision } = judged
    if (decision.kind !== 'require_approval' || judged.message.kind !== 'request') return refuse(judged, 'approval_impossible', 'only a call can wait for an approval')
    return { kind: 'held', judged: { ...judged, decision } }
  },
} as const satisfies Record<Decision['kind'], (judged: Judged, about: About, rooms: Judge) => Enforced<Message>>

function enforce<M extends Message>(judged: Judged<M>, about: About, rooms: Judge): Enforced<M> {
  // An enforcer gives back the kind of message it was given: masks and lists change a body, never what a message is.
  return enforcers[judged.decision.kind](judged, about, rooms) as Enforced<M>
}

function keepListed(message: Message, judged: Judged, masked: boolean, rooms: Judge): Message {
  const { envelope, method } = message
  const entries = message.kind === 'error' ? undefined : rooms.wire.listOf(method, message.body)
  const listed = message.kind === 'result' && entries !== undefined ? lastOfEachName(entries, judged.decision.listed) : judged.decision.listed
  const hidden = entries !== undefined && listed.length < entries.length
  const kept = hidden ? rooms.wire.keepListed(envelope, method, listed) : envelope
  const isCacheable = message.kind === 'result' && rooms.wire.methodOf(message.revision, 'to_server', 'request', method)?.cacheable === true
  const shared = isCacheable ? rooms.wire.privateCaching(kept, masked || hidden) : kept
  return shared === envelope ? message : withEnvelope(message, shared)
}

/** Of two entries with one name the last is the one by which calls are judged: no client is shown another. */
function lastOfEachName(entries: readonly { readonly name: string }[], listed: readonly number[]): readonly number[] {
  const last = new Map(entries.map(({ name }, index) => [name, index]))
  if (last.size === entries.length) return listed
  const counting = new Set(last.values())
  return listed.filter((index) => counting.has(index))
}

/** The same message with another envelope; its body follows. */
export function withEnvelope<M extends Message>(message: M, envelope: JsonObject): M {
  const body = message.kind === 'result' ? envelope['result'] : message.kind === 'error' ? envelope['error'] : envelope['params']
  return { ...message, envelope, body: (body ?? {}) as JsonObject } // the envelope was made from one whose body is an object
}

function refuse<M extends Message>(judged: Judged<M>, code: string, detail: string): Extract<Enforced<M>, { kind: 'refused' }> {
  const { risk, listed, bundle } = judged.decision
  return { kind: 'refused', judged: { ...judged, decision: { kind: 'deny', reasons: [{ code, message: detail, rule: `sallyport/${code}` }], risk, listed, bundle } } }
}
