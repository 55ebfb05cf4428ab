import { errorTable, GatewayError } from '../errors.ts'
import type { ErrorAnswer, Evaluated, ExchangeId, GrantedApproval, JsonObject, Mask, Message, Notification, Request, Result } from '../model.ts'
import type { Arrival, Reply, StreamMark } from '../upstream/upstream.ts'
import type { Channel } from './channel.ts'
import { recordJudged, seal, type About, type Judge, type Judged } from './evaluate.ts'
import { passMessage } from './pipeline.ts'
import { isObject, receive } from './receive.ts'
import { counterKey, idKey, type ClientSession, type Pending } from './session.ts'

/** Made once: an abort without a reason makes an error with a stack trace each time. */
const over = new Error('the exchange is over')

/** Sends a judged request and passes on whatever the server sends until it is answered. Faults become answers. */
export async function relayRequest(evaluated: Evaluated<Request>, pending: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  try {
    pending.sent = true
    const reply = await session.link.send(evaluated, sendOptions(evaluated.message, pending))
    await passReply(reply, pending, session, rooms)
  } catch (cause) {
    await answerFault(cause, pending, session, rooms)
  } finally {
    rooms.meters.completed((performance.now() - pending.startedAt) / 1000)
    pending.abort.abort(over) // whatever the server still sends, nobody reads
    forget(pending, session)
  }
}

/** Sends what has no answer. A server that answers all the same is not listened to. */
export async function sendOnly(evaluated: Evaluated<Notification | Result | ErrorAnswer>, session: ClientSession, own: { readonly cancelledId?: string } = {}): Promise<void> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), 30_000).unref()
  try {
    await session.link.send(evaluated, { ...own, signal: abort.signal })
  } finally {
    clearTimeout(timer)
    abort.abort()
  }
}

const sendOptions = ({ body }: Request, pending: Pending) => ({
  id: pending.upstreamId,
  signal: pending.abort.signal,
  ...(pending.upstreamToken === undefined ? {} : { progressToken: pending.upstreamToken }),
  ...(pending.mirror === undefined ? {} : { headers: pending.mirror(isObject(body['arguments']) ? body['arguments'] : {}) }),
})

async function passReply(reply: Reply, pending: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  if (reply.kind === 'accepted') throw new GatewayError('upstream_broken', { detail: 'a request was answered with 202 and no answer' })
  if (reply.kind === 'status') return answerStatus(reply.status, pending, session, rooms)
  if (reply.kind === 'json') {
    if (reply.status !== 200 && (reply.status < 400 || reply.status > 599)) return answerStatus(reply.status, pending, session, rooms)
    if (reply.status === 404 && session.link.hasSession) session.closed = true
    await passArrival(reply.arrival, { pending, channel: pending.channel, status: reply.status }, session, rooms)
    if (!pending.answered) throw new GatewayError('upstream_broken', { detail: 'the answer is to something else' })
    return
  }
  if (reply.streams) pending.channel.stream()
  await passStream(reply.arrivals, { pending, channel: pending.channel, shared: !reply.streams }, session, rooms)
  if (pending.answered) return
  if (!pending.resumable) throw new GatewayError('upstream_broken', { detail: 'the stream ended without an answer' })
  // MCP 2025-11-25 basic/transports: the server may close the connection; the client comes back with GET and Last-Event-ID.
  pending.detached = true
  pending.channel.finish()
}

interface Where {
  readonly pending: Pending | undefined
  readonly channel: Channel
  readonly status?: number
  /** One channel for all requests: nothing ends for one of them because another was answered wrongly. */
  readonly shared?: boolean
}

/** Passes a server's stream event by event; the next event is read only when the last one is written. */
export async function passStream(arrivals: AsyncIterable<Arrival | StreamMark>, where: Where, session: ClientSession, rooms: Judge): Promise<void> {
  for await (const item of arrivals) {
    if ('mark' in item) {
      await passMark(item, where, session)
      continue
    }
    if (item.event_id !== undefined && where.pending !== undefined) where.pending.resumable = true
    const goesOn = await passArrival(item, where, session, rooms)
    if (!goesOn || where.pending?.answered === true) return
  }
}

// Framing is the gateway's own: its priming event, and a `retry` between a tenth of a second and half a minute.
async function passMark(mark: StreamMark, { pending, channel }: Where, session: ClientSession): Promise<void> {
  if (mark.event_id !== undefined && pending !== undefined) pending.resumable = true
  await channel.mark({
    ...(mark.event_id === undefined ? {} : { eventId: session.eventIds.assign(mark.event_id, pending?.upstreamId) }),
    ...(mark.retry === undefined ? {} : { retry: Math.min(Math.max(mark.retry, 100), 30_000) }),
  })
}

/** Puts one message of a server to the policy and passes it on. False where the stream must not be read on. */
async function passArrival(arrival: Arrival, where: Where, session: ClientSession, rooms: Judge): Promise<boolean> {
  const inbound = receive(arrival.data, session, { own: where.pending, shared: where.shared === true }, rooms)
  if (inbound.kind === 'broken') throw new GatewayError('upstream_broken', { detail: inbound.detail })
  if (inbound.kind === 'stray') {
    const exchange = where.pending?.exchange ?? rooms.ids.exchange()
    await recordOwnDenial(inbound.message, 'unexpected_message', inbound.detail, 'dropped', { session, exchange, actor: where.pending?.actor ?? session.actor }, where.pending === undefined, rooms)
    rooms.logger.warn('a server broke the protocol', { upstream: session.upstream.name, session: session.id, detail: inbound.detail })
    return where.shared === true || (session.era === 'legacy' && where.status === undefined)
  }
  const options = {
    ...(where.status === undefined ? {} : { status: where.status }),
    ...(arrival.event_id === undefined ? {} : { eventId: session.eventIds.assign(arrival.event_id, where.pending?.upstreamId) }),
  }
  if (inbound.kind === 'answer') await passAnswer(inbound.message, inbound.owner, where.channel, options, session, rooms)
  else if (inbound.kind === 'request') await passServerRequest(inbound.message, inbound.exchange, where, options, session, rooms)
  else await passNotification(inbound.message, inbound.owner, inbound.exchange, where, options, session, rooms)
  return true
}

type Framing = { readonly status?: number; readonly eventId?: string }

async function passAnswer(message: Result | ErrorAnswer, owner: Pending, channel: Channel, framing: Framing, session: ClientSession, rooms: Judge): Promise<void> {
  learn(message, session, rooms)
  const about: About = { session, exchange: owner.exchange, actor: owner.actor, approval: owner.approval }
  const outcome = owner.internal === undefined ? {} : { outcome: 'dropped' as const }
  if (message.kind === 'result') owner.internal?.(nextCursor(message.body))
  const passage = await passMessage(message, about, { closes: true, ...outcome }, rooms)
  owner.answered = true
  if (passage.kind === 'forward') {
    if (passage.evaluated.message.kind === 'result') adopt(passage.evaluated.message, owner.approval, session)
    return channel.release(passage.evaluated, framing)
  }
  const { decision } = passage.judged
  await channel.answer({ envelope: rooms.answers.refusal(owner.request, decision, { decisionId: owner.exchange, executed: true }) })
}

const nextCursor = ({ nextCursor: cursor }: JsonObject) => (typeof cursor === 'string' ? cursor : undefined)

// A greeting fixes the revision; a task is later judged as the call that made it.
function adopt(message: Result, approval: GrantedApproval | undefined, session: ClientSession): void {
  const { body } = message
  if (message.method === 'initialize' && session.era === 'legacy') {
    session.revision = body['protocolVersion'] as ClientSession['revision'] // `learn` refused any other
    session.greeting ??= { initialize: message.request, initialized: undefined }
    session.greeted = session.link.generation
  }
  const task = body['task']
  const id = isObject(task) ? task['taskId'] : body['resultType'] === 'task' ? body['taskId'] : undefined
  if (typeof id !== 'string') return
  session.tasks.set(id, { request: message.request, approval })
  for (const oldest of session.tasks.keys()) if (session.tasks.size > 1000) session.tasks.delete(oldest)
}

function learn(message: Result | ErrorAnswer, session: ClientSession, rooms: Judge): void {
  if (message.kind === 'error') return
  if (message.method === 'initialize' && !legacyRevisions.has(String(message.body['protocolVersion']))) {
    throw new GatewayError('upstream_broken', { detail: 'the server chose a protocol version that the gateway cannot judge' })
  }
  const entries = rooms.wire.listOf(message.method, message.body)
  if (entries !== undefined) rooms.definitions.learn(session.upstream.name, entries)
}
const legacyRevisions = new Set(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])

async function passServerRequest(message: Request, exchange: ExchangeId, where: Where, framing: Framing, session: ClientSession, rooms: Judge): Promise<void> {
  const about: About = { session, exchange, actor: where.pending?.actor ?? session.actor, approval: where.pending?.approval }
  const passage = await passMessage(message, about, { closes: false }, rooms)
  // A client that is away may come back for what it missed, where the server's stream can be resumed.
  const reaches = where.channel.isOpen || (where.pending?.resumable === true && where.pending.internal === undefined)
  if (passage.kind === 'forward' && reaches) {
    session.asked.set(idKey(message.id), { request: passage.evaluated.message, exchange })
    return where.channel.release(passage.evaluated, framing)
  }
  await answerServer(message, passage.judged, about, rooms)
}

/** Tells a server on the client's behalf that its request was refused. */
export async function answerServer(request: Request, judged: Judged, about: About, rooms: Judge): Promise<void> {
  const envelope = rooms.answers.refusedServerRequest(request)
  const reply: ErrorAnswer = { direction: 'to_server', revision: request.revision, method: request.method, kind: 'error', id: request.id, request, envelope, body: (envelope['error'] ?? {}) as JsonObject }
  await sendOnly(seal(reply, judged, about), about.session)
}

async function passNotification(message: Notification, owner: Pending | undefined, exchange: ExchangeId | undefined, where: Where, framing: Framing, session: ClientSession, rooms: Judge): Promise<void> {
  const about: About = { session, exchange: exchange ?? rooms.ids.exchange(), actor: (owner ?? where.pending)?.actor ?? session.actor, approval: owner?.approval, request: owner?.request }
  const passage = await passMessage(message, about, { closes: exchange === undefined, ...(where.pending?.internal !== undefined ? { outcome: 'dropped' as const } : {}) }, rooms)
  if (passage.kind === 'forward') await where.channel.release(passage.evaluated, framing)
  if (message.method === 'notifications/cancelled') session.asked.delete(idKey(message.body['requestId'] ?? null))
}

type RecordDenial = (message: Message, code: string, detail: string, outcome: 'dropped' | 'answered' | 'unknown', about: About, closes: boolean, rooms: Judge) => Promise<void>

/** Something that the gateway itself refuses and no policy has seen, recorded like any denial. */
export const recordOwnDenial: RecordDenial = (...denial) => recordDenial({}, ...denial)

/** An answer that the gateway itself made: nothing in it came from elsewhere. */
export const recordOwnAnswer: RecordDenial = (...denial) => recordDenial({ mask: [] }, ...denial)

async function recordDenial(known: { readonly mask?: readonly Mask[] }, ...[message, code, detail, outcome, about, closes, rooms]: Parameters<RecordDenial>): Promise<void> {
  const reasons = [{ code, message: rooms.enforce.redactText(detail), rule: `sallyport/${code}` }] as const
  const judged: Judged = { message, scan: rooms.enforce.scan(message.body), decision: { kind: 'deny', reasons, risk: 0, listed: [], bundle: rooms.policy.active() ?? 'none', ...known } }
  rooms.meters.decided(message, judged.decision)
  await recordJudged(judged, outcome, closes, about, rooms)
}

async function answerStatus(status: number, pending: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  const gone = status === 404 && session.link.hasSession
  if (gone) session.closed = true
  const detail = gone ? 'the server no longer knows the session' : `the server answered with HTTP ${status} and no message`
  const fault = new GatewayError(gone ? 'upstream_unreachable' : 'upstream_broken', { detail })
  // A 4xx stays what it is: clients of the newer era fall back by it (MCP 2026-07-28 basic/versioning), older ones greet again on 404;
  // of a server without sessions that would be said in vain.
  const misleads = status === 404 && !gone && session.greeting !== undefined
  await answerFault(fault, pending, session, rooms, status >= 400 && status < 500 && !misleads ? status : undefined)
}

/** Ends a request that cannot be answered by its server. It is never sent again: whether it ran is then unknown. */
async function answerFault(cause: unknown, pending: Pending, session: ClientSession, rooms: Judge, status?: number): Promise<void> {
  if (pending.cancelled) return endCancelled(pending, session, rooms)
  if (pending.detached) return // another stream has taken over
  const fault = cause instanceof GatewayError ? cause : new GatewayError('internal', { cause })
  const row = errorTable[fault.code]
  rooms.logger[fault.code === 'internal' ? 'error' : 'warn']('a request failed', {
    code: fault.code, detail: fault.detail, cause: fault.code === 'internal' ? String((cause as Error).stack) : undefined, upstream: session.upstream.name, session: session.id, exchange: pending.exchange,
  })
  const { request } = pending
  // The server has answered and the gateway cannot pass it on: whoever calls again should know that it ran.
  const withheld = pending.sent && (fault.code === 'record_unavailable' || fault.code === 'queue_full')
  const envelope = withheld
    ? rooms.answers.error(request.id, row.rpc, `${row.public}. The call was executed, but its answer is withheld.`, { executed: true, decision_id: pending.exchange })
    : rooms.answers.error(request.id, row.rpc, row.public)
  const answer: ErrorAnswer = { direction: 'to_client', revision: request.revision, method: request.method, kind: 'error', id: request.id, request, envelope, body: (envelope['error'] ?? {}) as JsonObject }
  const about: About = { session, exchange: pending.exchange, actor: pending.actor }
  const outcome = fault.code === 'upstream_unreachable' || status !== undefined ? 'answered' : 'unknown'
  if (!pending.answered) {
    await recordOwnAnswer(answer, fault.code, fault.detail ?? row.public, outcome, about, true, rooms).catch((error: unknown) => {
      rooms.logger.error('a failed request could not be recorded as such', { exchange: pending.exchange, error: String(error) })
    })
  }
  pending.answered = true
  await pending.channel.answer({ envelope, status: status ?? row.status, ...(row.status === 503 ? { headers: { 'retry-after': '1' } } : {}) })
}

// MCP basic/utilities/cancellation: nobody waits for the answer any more; whether the server had done the work is not known.
async function endCancelled(pending: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  pending.answered = true
  pending.channel.finish()
  const { request } = pending
  const envelope = rooms.answers.error(request.id, -32800, 'cancelled')
  const answer: ErrorAnswer = { direction: 'to_client', revision: request.revision, method: request.method, kind: 'error', id: request.id, request, envelope, body: (envelope['error'] ?? {}) as JsonObject }
  await recordOwnAnswer(answer, 'cancelled', 'the caller took the call back', 'unknown', { session, exchange: pending.exchange, actor: pending.actor }, true, rooms)
}

/** The stream of a request goes on elsewhere: it is read no more where it was, and what the client missed comes again. */
export function takeOver(pending: Pending): void {
  const reading = !pending.answered && !pending.detached
  pending.detached = true
  pending.answered = false
  pending.channel.finish()
  if (reading) pending.abort.abort()
}

/** A request stays known where its answer can still come on a resumed stream. */
export function forget(pending: Pending, session: ClientSession): void {
  if (!pending.resumable) session.pending.delete(pending.upstreamId)
  const resumable = [...session.pending.values()].filter((other) => other.resumable)
  for (const old of resumable.slice(0, -100)) session.pending.delete(old.upstreamId)
}

export const countBytes = (session: ClientSession, rooms: Judge) => (bytes: number) => rooms.counters.add(counterKey(session), 'bytes_out', bytes)
