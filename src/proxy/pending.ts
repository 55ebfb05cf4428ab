import { Abort } from '../abort.ts'
import type { ErrorAnswer, Json, JsonObject, Notification, Request, Result } from '../model.ts'
import type { From } from './calls.ts'
import type { Channel } from './channel.ts'
import type { About, Judge } from './evaluate.ts'
import type { Earlier } from './legs.ts'
import { passMessage } from './pipeline.ts'
import { sendOnly } from './send.ts'
import type { ClientSession, Pending } from './session.ts'

export interface TrackOptions {
  readonly earlier?: Earlier
  readonly mirror?: Pending['mirror'] | undefined
  readonly internal?: (answer: Result | ErrorAnswer) => void
  readonly isTask?: boolean
}

export function track(request: Request, channel: Channel, { session, actor, goodUntil }: From, rooms: Judge, options: TrackOptions): Pending {
  const abort = new Abort()
  const pending: Pending = {
    request,
    exchange: rooms.ids.exchange(),
    actor,
    goodUntil,
    upstreamId: rooms.ids.secret(),
    upstreamToken: rooms.wire.progressTokenOf(request.body) === undefined ? undefined : rooms.ids.secret(),
    abort,
    startedAt: performance.now(),
    approval: options.earlier?.approval,
    leg: options.earlier?.leg ?? 0,
    waits: options.earlier?.waits,
    isTask: options.isTask === true,
    paused: false,
    sent: false,
    answered: false,
    judgedBy: undefined,
    acknowledged: false,
    hears: undefined,
    giveBack: undefined,
    cancelled: false,
    heard: undefined,
    retry: undefined,
    detached: false,
    internal: options.internal,
    mirror: options.mirror,
    channel,
  }
  session.pending.set(pending.upstreamId, pending)
  if (session.era === 'modern' && options.internal === undefined) cancelWithClient(pending, session, rooms)
  return pending
}

// MCP 2026-07-28 basic/patterns/cancellation: closing the response stream is the cancellation; on stdio it has to be said.
function cancelWithClient(pending: Pending, session: ClientSession, rooms: Judge): void {
  const cancel = () => {
    if (pending.answered || pending.abort.signal.aborted) return
    pending.cancelled = true
    pending.abort.abort()
    const params: JsonObject = { requestId: pending.request.id as Json, reason: 'the client closed its stream', _meta: pending.request.body['_meta'] ?? {} }
    if (pending.sent && session.link.saysCancelled) void tellCancelled(params, pending, session, rooms).catch((error: unknown) => rooms.logger.warn('a cancellation was not passed on', { error: String(error) }))
  }
  pending.channel.left.addEventListener('abort', cancel, { once: true })
  if (pending.channel.left.aborted) cancel()
}

export async function tellCancelled(params: JsonObject, pending: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  const envelope = { jsonrpc: '2.0', method: 'notifications/cancelled', params }
  const message: Notification = { direction: 'to_server', revision: session.revision, kind: 'notification', method: 'notifications/cancelled', envelope, body: params }
  const about: About = { session, actor: pending.actor, exchange: pending.exchange }
  const passage = await passMessage(message, about, { closes: false }, rooms)
  if (passage.kind === 'forward') await sendOnly(passage, about, { closes: false, cancelledId: pending.upstreamId }, rooms)
}

export function forget(pending: Pending, session: ClientSession): void {
  session.pending.delete(pending.upstreamId)
}
