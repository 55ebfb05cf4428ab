import { setTimeout as pause } from 'node:timers/promises'
import { GatewayError } from '../errors.ts'
import { isObject } from '../exact-json.ts'
import { idKey, type Decision, type ErrorAnswer, type ExchangeId, type GrantedApproval, type Notification, type Request, type Result } from '../model.ts'
import type { Arrival, Reply, SendOptions, StreamMark } from '../upstream/upstream.ts'
import { answerRefused } from './answer-refused.ts'
import type { Channel } from './channel.ts'
import { recordJudged, type About, type Judge } from './evaluate.ts'
import { answerUncredentialed } from './answer-uncredentialed.ts'
import { answerFault, answerStatus } from './faults.ts'
import { keepLeg } from './legs.ts'
import { ownAnswer, recordOwnDenial } from './own-answers.ts'
import { forget } from './pending.ts'
import { isCurrent, passMessage, type Passage } from './pipeline.ts'
import { readOn } from './read-on.ts'
import { receive, receiveValue, type Batch, type Inbound, type Source } from './receive.ts'
import { answerServer } from './send.ts'
import { gaveUp, watchSilence, type Silence } from './silence.ts'
import { clientWasTold, endIfRefused, isOutdated, isTooEarly, noteGranted } from './subscriptions.ts'
import { isForeignNews, passUnfolded } from './task-results.ts'
import type { ClientSession, Pending } from './session.ts'

/** Sends a judged request and passes on whatever the server sends until it is answered. Faults become answers. */
export async function relayRequest(passage: Forward, pending: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  const silence = watchSilence(pending, rooms.patience.silence)
  try {
    const reply = await sendRequest(passage, pending, session, rooms)
    if (reply !== undefined) await passReply(reply, pending, silence, session, rooms)
  } catch (cause) {
    if (pending.abort.signal.reason !== clientWasTold) await answerFault(gaveUp(pending) ?? cause, pending, session, rooms)
  } finally {
    silence?.end()
    rooms.meters.completed((performance.now() - pending.startedAt) / 1000)
    pending.abort.abort() // whatever the server still sends, nobody reads
    forget(pending, session)
  }
}

type Forward = Extract<Passage<Request>, { kind: 'forward' }>

/** Where another bundle became active before the first byte, the request is judged again. Undefined where it then may not be sent, and its caller was told. */
async function sendRequest(passage: Forward, pending: Pending, session: ClientSession, rooms: Judge): Promise<Reply | undefined> {
  const about: About = { session, exchange: pending.exchange, actor: pending.actor, approval: pending.approval }
  for (let current = passage; ; ) {
    const { evaluated: { message, bundle }, judged } = current
    pending.sent = true
    pending.judgedBy = bundle
    if (judged.message.call !== undefined) pending.request = { ...pending.request, call: judged.message.call }
    const reply = await session.link.send(current.evaluated, sendOptions(message, pending, () => isCurrent(judged, about, rooms)))
    if (reply.kind !== 'outdated' && reply.kind !== 'uncredentialed') return reply
    pending.sent = false
    if (reply.kind === 'uncredentialed') return answerUncredentialed(reply.need, judged, pending, about, rooms)
    const next = await passMessage(judged.message, about, { closes: false, replaces: true, isOwn: pending.internal !== undefined }, rooms)
    if (next.kind !== 'forward') return answerUnsent(next, pending, about, rooms)
    current = next
  }
}

async function answerUnsent({ kind, judged }: Exclude<Passage<Request>, Forward>, pending: Pending, about: About, rooms: Judge): Promise<undefined> {
  const { request } = pending
  await pending.giveBack?.()
  pending.answered = true
  if (pending.internal !== undefined) return
  if (kind === 'refused') return void (await answerRefused(request, judged.decision, pending, rooms))
  // It was about to be sent: who makes it again is held as any call is.
  const detail = 'the policies changed while the call was on its way to the server, and now ask for an approval: make the same call again'
  const decision: Decision = { kind: 'deny', reasons: [{ code: 'judged_again', message: detail, rule: 'sallyport/judged_again' }], risk: judged.decision.risk, listed: [], bundle: judged.decision.bundle, mask: [] }
  const envelope = rooms.answers.refusal(request, decision, { decisionId: pending.exchange, executed: false })
  const message = ownAnswer(request, envelope)
  await recordJudged({ message, scan: rooms.enforce.scan(message.body), decision }, 'answered', true, about, rooms)
  await pending.channel.answer({ envelope })
}

function sendOptions({ body }: Request, { upstreamId, upstreamToken, abort, mirror }: Pending, isCurrent: () => boolean): SendOptions {
  const options = { id: upstreamId, signal: abort.signal, isCurrent }
  if (upstreamToken === undefined && mirror === undefined) return options
  const headers = mirror?.(isObject(body['arguments']) ? body['arguments'] : {})
  return { ...options, ...(upstreamToken === undefined ? {} : { progressToken: upstreamToken }), ...(headers === undefined ? {} : { headers }) }
}

async function passReply(reply: Reply, pending: Pending, silence: Silence | undefined, session: ClientSession, rooms: Judge): Promise<void> {
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
  await readOn(reply.arrivals, { pending, channel: pending.channel, shared: !reply.streams, silence }, session, rooms)
}

export interface Where {
  readonly pending: Pending | undefined
  readonly channel: Channel
  readonly status?: number
  /** One channel for all requests: nothing ends for one of them because another was answered wrongly. */
  readonly shared?: boolean
  readonly silence?: Silence | undefined
}

/** Passes a server's stream event by event; the next event is read only when the last one is written. */
export async function passStream(arrivals: AsyncIterable<Arrival | StreamMark>, where: Where, session: ClientSession, rooms: Judge): Promise<void> {
  for await (const item of arrivals) {
    where.silence?.heard()
    if (item.event_id !== undefined) hear(item.event_id, where, session)
    if ('mark' in item) {
      if (item.mark === 'priming') await where.channel.prime()
      if (item.retry !== undefined) await passRetry(item.retry, where)
      where.silence?.waiting()
      continue
    }
    const goesOn = await passArrival(item, where, session, rooms)
    if (!goesOn || where.pending?.answered === true) return
    where.silence?.waiting()
  }
}

// MCP 2026-07-28 basic/transports/streamable-http: a stream that breaks has lost its request, whatever ids its events had.
function hear(id: string, { pending }: Where, session: ClientSession): void {
  if (session.era !== 'legacy') return
  if (pending === undefined) session.heard = id
  else pending.heard = id
}

// Framing is the gateway's own: of the server's, only how long to wait is passed on, between a tenth of a second and half a minute.
async function passRetry(retry: number, { pending, channel }: Where): Promise<void> {
  const after = Math.min(Math.max(retry, 100), 30_000)
  if (pending !== undefined) pending.retry = after
  await channel.retry(after)
}

/** Puts one message of a server to the policy and passes it on. False where the stream must not be read on. */
function passArrival(arrival: Arrival, where: Where, session: ClientSession, rooms: Judge): Promise<boolean> {
  const source = { own: where.pending, shared: where.shared === true }
  const inbound = receive(arrival.data, session, source, rooms)
  return inbound.kind === 'batch' ? passBatch(inbound, source, where, session, rooms) : passInbound(inbound, where, session, rooms)
}

async function passBatch({ values }: Batch, source: Source, where: Where, session: ClientSession, rooms: Judge): Promise<boolean> {
  for (const value of values) if (!(await passInbound(receiveValue(value, session, source, rooms), where, session, rooms))) return false
  return true
}

/** Each is a record: whoever sends nothing else fills no store and no log with it. */
const afterStray = 20

async function passInbound(inbound: Inbound, where: Where, session: ClientSession, rooms: Judge): Promise<boolean> {
  if (inbound.kind === 'broken') throw new GatewayError('upstream_broken', { detail: inbound.detail })
  if (inbound.kind === 'stray') {
    const exchange = where.pending?.exchange ?? rooms.ids.exchange()
    await recordOwnDenial(inbound.message, 'unexpected_message', inbound.detail, 'dropped', { session, exchange, actor: where.pending?.actor ?? session.actor }, where.pending === undefined, rooms)
    rooms.logger.warn('a server broke the protocol', { upstream: session.upstream.name, session: session.id, detail: inbound.detail })
    const goesOn = where.shared === true || (session.era === 'legacy' && where.status === undefined)
    if (goesOn) await pause(afterStray)
    return goesOn
  }
  if (inbound.kind === 'answer') await passAnswer(inbound.message, inbound.owner, where, session, rooms)
  else if (inbound.kind === 'request') await passServerRequest(inbound.message, inbound.exchange, where, session, rooms)
  else await passNotification(inbound.message, inbound.owner, inbound.exchange, where, session, rooms)
  return true
}

async function passAnswer(arrived: Result | ErrorAnswer, owner: Pending, { channel, status }: Where, session: ClientSession, rooms: Judge): Promise<void> {
  learn(arrived, session, rooms)
  const message = keepLeg(arrived, owner, session, rooms)
  const about: About = { session, exchange: owner.exchange, actor: owner.actor, approval: owner.approval }
  owner.internal?.(message)
  const passage = await passUnfolded(message, about, owner.internal === undefined ? { closes: true } : { closes: true, outcome: 'dropped' }, session, rooms)
  if (owner.answered) return // the gateway itself ended it meanwhile
  owner.answered = true
  if (passage.kind === 'forward') {
    if (passage.evaluated.message.kind === 'result') adopt(passage.evaluated.message, owner.approval, session, rooms)
    return await channel.release(passage.evaluated, about, status)
  }
  const { decision } = passage.judged
  await channel.answer({ envelope: rooms.answers.refusal(owner.request, decision, { decisionId: owner.exchange, executed: true }) })
}

// A greeting fixes the revision; a task is later judged as the call that made it.
function adopt(message: Result, approval: GrantedApproval | undefined, session: ClientSession, rooms: Judge): void {
  const { body } = message
  if (message.method === 'initialize' && session.era === 'legacy') {
    session.revision = body['protocolVersion'] as ClientSession['revision'] // `learn` refused any other
    session.greeting ??= { initialize: message.request, initialized: undefined }
    session.hears ??= { lists: rooms.wire.changesDeclared(body), told: rooms.policy.active() }
    session.greeted = session.link.generation
  }
  const task = body['task']
  const id = isObject(task) ? task['taskId'] : body['resultType'] === 'task' ? body['taskId'] : undefined
  if (typeof id !== 'string') return
  session.tasks.set(id, { request: message.request, approval }, rooms.wire.print(message.request.envelope).length)
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

async function passServerRequest(message: Request, exchange: ExchangeId, where: Where, session: ClientSession, rooms: Judge): Promise<void> {
  const about: About = { session, exchange, actor: where.pending?.actor ?? session.actor, approval: where.pending?.approval }
  const passage = await passMessage(message, about, { closes: false }, rooms)
  if (passage.kind === 'forward' && where.channel.reaches) {
    session.asked.set(idKey(message.id), { request: passage.evaluated.message, exchange })
    return where.channel.release(passage.evaluated, about)
  }
  await answerServer(message, passage.judged, about, rooms)
}

async function passNotification(message: Notification, owner: Pending | undefined, exchange: ExchangeId | undefined, where: Where, session: ClientSession, rooms: Judge): Promise<void> {
  if (message.method.endsWith('/list_changed')) rooms.definitions.changed(session.upstream.name)
  const about: About = { session, exchange: exchange ?? rooms.ids.exchange(), actor: (owner ?? where.pending)?.actor ?? session.actor, approval: owner?.approval, request: owner?.request }
  if (isTooEarly(message, owner)) return recordOwnDenial(message, 'unexpected_message', 'news of a subscription before its acknowledgement', 'dropped', about, false, rooms)
  if (isForeignNews(message, owner)) return recordOwnDenial(message, 'unexpected_message', 'news of a task that no call of this session made', 'dropped', about, exchange === undefined, rooms)
  if (isOutdated(owner, rooms)) {
    await endIfRefused(owner, session, rooms)
    if (owner.answered) return recordOwnDenial(message, 'subscription_ended', 'its subscription is not allowed any more', 'dropped', about, true, rooms)
  }
  const passage = await passUnfolded(message, about, { closes: exchange === undefined, ...(where.pending?.internal !== undefined ? { outcome: 'dropped' as const } : {}) }, session, rooms)
  if (passage.kind === 'forward') {
    if (owner !== undefined) noteGranted(passage.evaluated.message, owner, rooms)
    await where.channel.release(passage.evaluated, about)
  } else if (owner !== undefined) await endIfRefused(owner, session, rooms)
  if (message.method === 'notifications/cancelled') session.asked.delete(idKey(message.body['requestId'] ?? null))
}

export const countBytes = (session: ClientSession, rooms: Judge) => (bytes: number) => rooms.counters.add(session.counterKey, 'bytes_out', bytes)
