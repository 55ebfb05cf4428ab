import { GatewayError } from '../errors.ts'
import { idKey, type ErrorAnswer, type Json, type JsonObject, type KnownActor, type Notification, type Request, type RequestId, type Result } from '../model.ts'
import type { WireRefusal } from '../wire/refusal.ts'
import type { RpcMessage } from '../wire/rpc.ts'
import { answerHeld } from './answer-held.ts'
import { answerRefused } from './answer-refused.ts'
import { handleOwnTask, withoutOwnTasks } from './ask-task.ts'
import type { Channel } from './channel.ts'
import type { About, Judge } from './evaluate.ts'
import { greetAgain } from './greet.ts'
import { stopping } from './hold.ts'
import { withDefinition } from './learn.ts'
import { takeLeg, type Earlier } from './legs.ts'
import { recordOwnDenial } from './own-answers.ts'
import { forget, track } from './pending.ts'
import { passMessage } from './pipeline.ts'
import { relayRequest } from './relay.ts'
import { answerServer, sendOnly } from './send.ts'
import { counterKey, pendingOfClient, type ClientSession, type Pending } from './session.ts'
import type { EndTurn } from './turns.ts'

type Rpc<K extends RpcMessage['kind']> = Extract<RpcMessage, { kind: K }>

export interface Mirrored {
  /** Compares them with the arguments; a text where they differ (MCP 2026-07-28 basic/transports/streamable-http). */
  readonly check: (inputSchema: Json | undefined, args: JsonObject, id: RequestId) => WireRefusal | undefined
  /** The headers that mirror the arguments as they are sent: a mask may have changed them. */
  readonly remake: (inputSchema: Json | undefined, args: JsonObject) => { readonly [name: string]: string }
}

/** Who sent a message, in which session. */
export interface From {
  readonly session: ClientSession
  readonly actor: KnownActor
}

/** A request of the client: judged, perhaps held, sent, and answered on its channel. */
export async function handleRequest(rpc: Rpc<'request'>, { session, actor }: From, channel: Channel, mirrored: Mirrored, rooms: Judge): Promise<void> {
  await greetAgain({ session, actor }, rooms)
  const plain = await readRequest(rpc, { session, actor }, rooms)
  if ('refusal' in plain) return channel.answer({ envelope: plain.refusal, status: plain.status })
  const { earlier } = plain
  if (isOwnTask(plain.request, rooms)) return handleOwnTask(plain.request, { session, actor }, channel, mirrored, rooms)
  const request = await withDefinition(plain.request, { session, actor }, rooms)
  const { call } = request
  if (earlier.definition !== undefined && earlier.definition !== (call?.definition_sha256 ?? null)) {
    const { refusal, status } = await refuse(request, 'approval_void', 'the tool changed since it was approved: send the request again without requestState', 200, { session, actor }, rooms)
    return channel.answer({ envelope: refusal, status })
  }
  const schema = call?.kind === 'tool' ? rooms.definitions.get(session.upstream.name, 'tool', call.name)?.inputSchema : undefined
  const mirrors = session.era === 'modern' && request.method === 'tools/call'
  const mismatch = mirrors ? mirrored.check(schema, call?.arguments ?? {}, request.id) : undefined
  if (mismatch?.rpc !== undefined) {
    rooms.meters.rejected('header_mismatch')
    await recordOwnDenial(request, 'header_mismatch', mismatch.rpc.message, 'answered', { session, actor, exchange: rooms.ids.exchange() }, true, rooms)
    return channel.answer({ envelope: rooms.answers.error(request.id, mismatch.rpc.code, mismatch.rpc.message), status: mismatch.status })
  }
  if (request.call !== undefined) rooms.counters.add(counterKey(session), 'calls')
  const pending = track(request, channel, { session, actor }, rooms, mirrors ? { mirror: (args) => mirrored.remake(schema, args) } : {})
  pending.approval = earlier.approval
  pending.leg = earlier.leg ?? 0
  pending.waits = earlier.waits
  const about: About = { session, exchange: pending.exchange, actor, approval: earlier.approval }
  let endTurn: EndTurn | undefined
  try {
    pending.paused = true
    endTurn = await rooms.turns.take(session.principal, () => rooms.wire.print(request.envelope).length, pending.abort.signal)
    if (endTurn === undefined) return await answerUnbegun(request, pending, about, rooms)
    pending.paused = false
    const passage = await passMessage(request, about, { closes: false, ...(earlier.claim === undefined ? {} : { claim: earlier.claim }) }, rooms)
    if (passage.kind === 'forward') return await relayRequest(passage.evaluated, pending, session, rooms)
    if (passage.kind === 'refused') return await answerRefused(request, passage.judged.decision, pending, rooms)
    endTurn() // what waits for a reviewer costs nobody anything
    await answerHeld(passage.judged.message, passage.judged.decision, pending, about, rooms)
  } finally {
    endTurn?.()
    forget(pending, session)
  }
}

/** It was taken back, or the gateway stops, while it waited its turn. */
async function answerUnbegun(request: Request, pending: Pending, about: About, rooms: Judge): Promise<void> {
  if (pending.abort.signal.reason === stopping) throw new GatewayError('shutting_down')
  pending.channel.finish()
  await recordOwnDenial(request, 'cancelled', 'the caller took the call back', 'dropped', about, true, rooms)
}

const isOwnTask = ({ method, revision, body }: Request, { approvals }: Judge): boolean =>
  revision === '2026-07-28' && method.startsWith('tasks/') && typeof body['taskId'] === 'string' && approvals.tickets.isOwn(body['taskId'])

async function readRequest(rpc: Rpc<'request'>, { session, actor }: From, rooms: Judge): Promise<{ readonly request: Request; readonly earlier: Earlier } | { readonly refusal: JsonObject; readonly status: number }> {
  const base: Request = { direction: 'to_server', revision: session.revision, kind: 'request', id: rpc.id, method: rpc.method, envelope: rpc.envelope, body: rpc.body }
  const read = rooms.wire.callOf(rpc.method, rpc.body)
  // Of a method that the revision does not know, nothing is expected: it is answered as unknown.
  if (read.kind === 'problem' && rooms.wire.methodOf(base.revision, 'to_server', 'request', rpc.method) !== undefined) {
    return refuse(base, 'bad_params', read.message, session.era === 'modern' ? 400 : 200, { session, actor }, rooms)
  }
  const task = rpc.method.startsWith('tasks/') ? session.tasks.get(String(rpc.body['taskId'])) : undefined
  if (task?.request.call !== undefined) return { request: { ...base, call: task.request.call }, earlier: task.approval === undefined ? {} : { approval: task.approval } }
  if (rpc.method === 'subscriptions/listen') return { request: withoutOwnTasks(base, rooms), earlier: {} }
  if (read.kind !== 'call') return { request: base, earlier: {} }
  const named: Request = { ...base, call: { ...read.call, annotations: {} } }
  if (rpc.body['requestState'] === undefined) return { request: named, earlier: {} }
  const leg = await takeLeg(named, actor, session, rooms)
  return 'refused' in leg ? refuse(base, leg.refused.code, leg.refused.detail, 200, { session, actor }, rooms) : leg
}

/** Invalid params (JSON-RPC 2.0 section 5.1): recorded, and told why. */
async function refuse(request: Request, code: string, detail: string, status: number, { session, actor }: From, rooms: Judge): Promise<{ readonly refusal: JsonObject; readonly status: number }> {
  rooms.meters.rejected(code)
  await recordOwnDenial(request, code, detail, 'answered', { session, actor, exchange: rooms.ids.exchange() }, true, rooms)
  return { refusal: rooms.answers.error(request.id, -32602, detail), status }
}

// A server should not answer what was cancelled, and some do not even end their stream.
const answerAfterCancel = 10_000

/** A notification of the client. A refused one is dropped; nobody is told. */
export async function handleNotification(rpc: Rpc<'notification'>, { session, actor }: From, rooms: Judge): Promise<void> {
  const base: Notification = { direction: 'to_server', revision: session.revision, kind: 'notification', method: rpc.method, envelope: rpc.envelope, body: rpc.body }
  const cancels = rpc.method === 'notifications/cancelled' ? pendingOfClient(session, rpc.body['requestId'] ?? null) : undefined
  if (rpc.method === 'notifications/cancelled' && cancels === undefined) {
    return recordOwnDenial(base, 'nothing_to_cancel', 'no open request of this session has that id', 'dropped', { session, actor, exchange: rooms.ids.exchange() }, true, rooms)
  }
  const exchange = cancels?.exchange ?? rooms.ids.exchange()
  const passage = await passMessage(base, { session, actor, exchange }, { closes: cancels === undefined }, rooms)
  if (passage.kind !== 'forward') return
  if (rpc.method === 'notifications/initialized' && session.greeting !== undefined) session.greeting.initialized = base
  if (cancels !== undefined) {
    cancels.cancelled = true
    if (!cancels.sent) return cancels.abort.abort()
    setTimeout(() => cancels.abort.abort(), answerAfterCancel).unref()
  }
  await sendOnly(passage.evaluated, session, cancels === undefined ? {} : { cancelledId: cancels.upstreamId })
}

/** The client's reply to a request of the server. False where nobody asked. */
export async function handleReply(rpc: Rpc<'result' | 'error'>, { session, actor }: From, rooms: Judge): Promise<boolean> {
  const key = idKey(rpc.id ?? null)
  const asked = session.asked.get(key)
  if (asked === undefined) return false
  session.asked.delete(key)
  const { request, exchange } = asked
  const message: Result | ErrorAnswer = { direction: 'to_server', revision: session.revision, kind: rpc.kind, id: request.id, method: request.method, request, envelope: rpc.envelope, body: rpc.body }
  const passage = await passMessage(message, { session, actor, exchange }, { closes: false }, rooms).catch((cause: unknown) => {
    session.asked.set(key, asked) // told 503, the client may reply again
    throw cause
  })
  if (passage.kind === 'forward') await sendOnly(passage.evaluated, session)
  else await answerServer(request, passage.judged, { session, actor, exchange }, rooms)
  return true
}
