import { GatewayError } from '../errors.ts'
import { idKey, type ErrorAnswer, type Json, type JsonObject, type KnownActor, type Notification, type Request, type RequestId, type Result } from '../model.ts'
import type { WireRefusal } from '../wire/refusal.ts'
import type { RpcMessage } from '../wire/rpc.ts'
import { answerHeld } from './answer-held.ts'
import { answerRefused } from './answer-refused.ts'
import { handleOwnTask } from './ask-task.ts'
import type { Channel } from './channel.ts'
import type { About, Judge } from './evaluate.ts'
import { greetAgain } from './greet.ts'
import { stopping } from './hold.ts'
import { withDefinition } from './learn.ts'
import { recordOwnDenial } from './own-answers.ts'
import { forget, track } from './pending.ts'
import { passMessage, type PassOptions } from './pipeline.ts'
import { fitDefinition, isOwnTask, readRequest, refuseUnlisted } from './read-request.ts'
import { relayRequest } from './relay.ts'
import { answerServer, sendOnly } from './send.ts'
import { pendingOfClient, type ClientSession, type Pending } from './session.ts'
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
  /** When the token runs out that said so; absent where the gateway itself asks. */
  readonly goodUntil?: number | undefined
  /** Told when a request's turn has come. */
  readonly begun?: (() => void) | undefined
}

/** A request of the client: judged, perhaps held, sent, and answered on its channel. */
export async function handleRequest(rpc: Rpc<'request'>, from: From, channel: Channel, mirrored: Mirrored, rooms: Judge): Promise<void> {
  const { session, actor } = from
  const greets = greetAgain(from, rooms)
  if (greets !== undefined) await greets
  const read = await readRequest(rpc, from, rooms)
  if ('refused' in read) return channel.answer(read.refused)
  const { earlier } = read
  if (isOwnTask(read.request, rooms)) return handleOwnTask(read.request, from, channel, mirrored, rooms)
  const described = await withDefinition(read.request, from, rooms)
  if ('kind' in described) return channel.answer((await refuseUnlisted(read.request, described, from, rooms)).refused)
  const { request } = described
  const fit = await fitDefinition(request, earlier, mirrored, from, rooms)
  if ('refused' in fit) return channel.answer(fit.refused)
  if (request.call !== undefined) rooms.counters.add(session.counterKey, 'calls')
  const pending = track(request, channel, from, rooms, { earlier, mirror: fit.mirror })
  const about: About = { session, exchange: pending.exchange, actor, approval: earlier.approval }
  let endTurn: EndTurn | undefined
  try {
    pending.paused = true
    endTurn = await rooms.turns.take(session.caller, () => rooms.wire.print(request.envelope).length, pending.abort.signal)
    if (endTurn === undefined) return await answerUnbegun(request, pending, about, rooms)
    pending.paused = false
    from.begun?.()
    const passage = await passMessage(request, about, earlier.claim === undefined ? open : { closes: false, claim: earlier.claim }, rooms)
    if (passage.kind === 'forward') return await relayRequest(passage, pending, session, rooms)
    if (passage.kind === 'refused') return await answerRefused(request, passage.judged.decision, pending, rooms)
    endTurn() // what waits for a reviewer costs nobody anything
    await answerHeld(passage.judged.message, passage.judged.decision, pending, about, rooms)
  } finally {
    endTurn?.()
    forget(pending, session)
  }
}

/** Its answer is still to come. */
const open: PassOptions = { closes: false }

/** It was taken back, or the gateway stops, while it waited its turn. */
async function answerUnbegun(request: Request, pending: Pending, about: About, rooms: Judge): Promise<void> {
  if (pending.abort.signal.reason === stopping) throw new GatewayError('shutting_down')
  pending.channel.finish()
  await recordOwnDenial(request, 'cancelled', 'the caller took the call back', 'dropped', about, true, rooms)
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
  const about: About = { session, actor, exchange }
  const closes = cancels === undefined
  const passage = await passMessage(base, about, { closes }, rooms)
  if (passage.kind !== 'forward') return
  if (rpc.method === 'notifications/initialized' && session.greeting !== undefined) session.greeting.initialized = base
  if (cancels !== undefined) {
    cancels.cancelled = true
    if (!cancels.sent) return cancels.abort.abort()
    setTimeout(() => cancels.abort.abort(), answerAfterCancel).unref()
  }
  await sendOnly(passage, about, { closes, ...(cancels === undefined ? {} : { cancelledId: cancels.upstreamId }) }, rooms)
}

/** The client's reply to a request of the server. False where nobody asked. */
export async function handleReply(rpc: Rpc<'result' | 'error'>, { session, actor }: From, rooms: Judge): Promise<boolean> {
  const key = idKey(rpc.id ?? null)
  const asked = session.asked.get(key)
  if (asked === undefined) return false
  session.asked.delete(key)
  const { request, exchange } = asked
  const message: Result | ErrorAnswer = { direction: 'to_server', revision: session.revision, kind: rpc.kind, id: request.id, method: request.method, request, envelope: rpc.envelope, body: rpc.body }
  const about: About = { session, actor, exchange }
  const passage = await passMessage(message, about, { closes: false }, rooms).catch((cause: unknown) => {
    session.asked.set(key, asked) // told 503, the client may reply again
    throw cause
  })
  const refused = passage.kind === 'forward' ? await sendOnly(passage, about, { closes: false }, rooms) : passage
  if (refused !== undefined) await answerServer(request, refused.judged, about, rooms)
  return true
}
