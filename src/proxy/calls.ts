import type { Decision, ErrorAnswer, GrantedApproval, Json, JsonObject, KnownActor, Notification, Request, RequestId, Result } from '../model.ts'
import type { WireRefusal } from '../wire/refusal.ts'
import type { RpcMessage } from '../wire/rpc.ts'
import { createSilentChannel, type Channel } from './channel.ts'
import { recordJudged, type About, type Judge } from './evaluate.ts'
import { holdCall } from './hold.ts'
import { passMessage } from './pipeline.ts'
import { describedCall } from './question.ts'
import { isObject } from './receive.ts'
import { answerServer, forget, recordOwnAnswer, recordOwnDenial, relayRequest, sendOnly } from './relay.ts'
import { counterKey, idKey, pendingOfClient, type ClientSession, type Pending } from './session.ts'

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
  if ('refusal' in plain) return channel.answer({ envelope: plain.refusal, status: session.era === 'modern' ? 400 : 200 })
  const request = await withDefinition(plain.request, { session, actor }, rooms)
  const { call } = request
  const schema = call?.kind === 'tool' ? rooms.definitions.get(session.upstream.name, 'tool', call.name)?.inputSchema : undefined
  const mirrors = session.era === 'modern' && request.method === 'tools/call'
  const mismatch = mirrors ? mirrored.check(schema, call?.arguments ?? {}, request.id) : undefined
  if (mismatch?.rpc !== undefined) {
    rooms.meters.rejected('header_mismatch')
    return channel.answer({ envelope: rooms.answers.error(request.id, mismatch.rpc.code, mismatch.rpc.message), status: mismatch.status })
  }
  if (request.call !== undefined) rooms.counters.add(counterKey(session), 'calls')
  const pending = track(request, channel, { session, actor }, rooms, mirrors ? { mirror: (args) => mirrored.remake(schema, args) } : {})
  pending.approval = plain.approval
  const about: About = { session, exchange: pending.exchange, actor, approval: plain.approval }
  try {
    const passage = await passMessage(request, about, { closes: false }, rooms)
    if (passage.kind === 'forward') return await relayRequest(passage.evaluated, pending, session, rooms)
    if (passage.kind === 'refused') return await answerRefused(request, passage.judged.decision, pending, rooms)
    await answerHeld(passage.judged.message, passage.judged.decision, pending, about, rooms)
  } finally {
    forget(pending, session)
  }
}

async function answerHeld(request: Request, decision: Parameters<typeof holdCall>[1], pending: Pending, about: About, rooms: Judge): Promise<void> {
  const held = await holdCall(request, decision, pending, about, rooms)
  if (held.kind === 'forward') {
    pending.approval = held.approval
    await greetAgain(about, rooms) // the child may have been replaced while the call was held
    return relayRequest(held.passage.evaluated, pending, about.session, rooms)
  }
  const facts = (row: { id: `apr_${string}`; expires_at: number } | undefined) => ({
    decisionId: pending.exchange,
    executed: false,
    ...(row === undefined ? {} : { approval: { id: row.id, expiresAt: new Date(row.expires_at).toISOString() } }),
  })
  const answer = (envelope: JsonObject): ErrorAnswer | Result => answerMessage(request, envelope)
  if (held.kind === 'withdrawn') {
    pending.channel.finish()
    return recordOwnAnswer(answer({}), 'cancelled', 'the caller took the call back', 'dropped', about, true, rooms)
  }
  const envelope = held.kind === 'pending' ? rooms.answers.pending(request, held.decision, facts(held.approval)) : rooms.answers.refusal(request, held.decision, facts(held.approval))
  const message = answer(envelope)
  const judged = { message, scan: rooms.enforce.scan(message.body), decision: held.decision }
  await recordJudged(judged, 'answered', true, about, rooms)
  await pending.channel.answer({ envelope })
}

function answerMessage(request: Request, envelope: JsonObject): ErrorAnswer | Result {
  const kind = 'error' in envelope ? 'error' : 'result'
  return { direction: 'to_client', revision: request.revision, method: request.method, kind, id: request.id, request, envelope, body: (envelope[kind] ?? {}) as JsonObject }
}

/** Not allowed is answered as unknown; any other refusal says why. An unknown method is 404 in the newer era (2026-07-28 basic/transports, "Status Codes"). */
async function answerRefused(request: Request, decision: Decision, pending: Pending, rooms: Judge): Promise<void> {
  const isKnown = rooms.wire.methodOf(request.revision, 'to_server', 'request', request.method) !== undefined
  const isHidden = !isKnown || decision.reasons.some(({ rule }) => rule === 'sallyport/not_allowed')
  if (!isHidden) return pending.channel.answer({ envelope: rooms.answers.refusal(request, decision, { decisionId: pending.exchange, executed: false }) })
  const envelope = isKnown ? rooms.answers.unknown(request) : rooms.answers.unknownMethod(request)
  const { error } = envelope
  const isMethod = isObject(error) && error['code'] === -32601
  return pending.channel.answer({ envelope, status: isMethod && request.revision === '2026-07-28' ? 404 : 200 })
}

/** A child that was restarted has forgotten everything: it is greeted as the client greeted it, judged like any message. */
async function greetAgain(from: From, rooms: Judge): Promise<void> {
  const { session } = from
  await session.greets
  const generation = generationOf(session)
  if (session.greeting === undefined || generation === undefined || generation === session.greeted) return
  session.greeted = generation
  const greets = greetNow(session.greeting, from, rooms)
  session.greets = greets.catch(() => undefined) // those who wait meet the same fault when they send
  await greets
}

/** Undefined where no child can be started: the message is judged and recorded, and then fails. */
function generationOf(session: ClientSession): number | undefined {
  try {
    return session.link.generation
  } catch {
    return undefined
  }
}

async function greetNow(greeting: NonNullable<ClientSession['greeting']>, { session, actor }: From, rooms: Judge): Promise<void> {
  const pending = track(greeting.initialize, createSilentChannel(), { session, actor }, rooms, { internal: () => undefined })
  const passage = await passMessage(greeting.initialize, { session, actor, exchange: pending.exchange }, { closes: false }, rooms)
  if (passage.kind !== 'forward') return forget(pending, session)
  await relayRequest(passage.evaluated, pending, session, rooms)
  if (greeting.initialized === undefined) return
  const notice = await passMessage(greeting.initialized, { session, actor, exchange: rooms.ids.exchange() }, { closes: true }, rooms)
  if (notice.kind === 'forward') await sendOnly(notice.evaluated, session)
}

async function readRequest(rpc: Rpc<'request'>, { session, actor }: From, rooms: Judge): Promise<{ readonly request: Request; readonly approval?: GrantedApproval | undefined } | { readonly refusal: JsonObject }> {
  const base: Request = { direction: 'to_server', revision: session.revision, kind: 'request', id: rpc.id, method: rpc.method, envelope: rpc.envelope, body: rpc.body }
  const read = rooms.wire.callOf(rpc.method, rpc.body)
  // Of a method that the revision does not know, nothing is expected: it is answered as unknown.
  if (read.kind === 'problem' && rooms.wire.methodOf(base.revision, 'to_server', 'request', rpc.method) !== undefined) {
    rooms.meters.rejected('bad_params')
    await recordOwnDenial(base, 'bad_params', read.message, 'answered', { session, actor, exchange: rooms.ids.exchange() }, true, rooms)
    return { refusal: rooms.answers.error(rpc.id, -32602, read.message) }
  }
  const task = rpc.method.startsWith('tasks/') ? session.tasks.get(String(rpc.body['taskId'])) : undefined
  if (task?.request.call !== undefined) return { request: { ...base, call: task.request.call }, approval: task.approval }
  if (read.kind !== 'call') return { request: base }
  return { request: { ...base, call: { ...read.call, annotations: {} } } }
}

const listing = { tool: 'tools/list', prompt: 'prompts/list', resource: 'resources/list', template: 'resources/templates/list' } as const
const using = new Set(['tools/call', 'prompts/get', 'resources/read', 'resources/subscribe', 'completion/complete'])

/** What was never seen is listed first: by its annotations it must be as known to a call as to a list. */
async function withDefinition(request: Request, { session, actor }: From, rooms: Judge): Promise<Request> {
  const { call } = request
  if (call === undefined) return request
  const { name } = session.upstream
  if (using.has(request.method) && rooms.definitions.get(name, call.kind, call.name) === undefined) {
    const method = listing[call.template ? 'template' : call.kind]
    // A new tool is worth another look; of a template's resources there is no end.
    if (rooms.definitions.mayList(name, call.kind === 'tool' ? call.name : method)) await learn(method, request, { session, actor }, rooms)
  }
  return { ...request, call: describedCall(request, name, rooms) ?? call }
}

const maxPages = 50

async function learn(method: string, because: Request, { session, actor }: From, rooms: Judge): Promise<void> {
  let cursor: string | undefined
  for (let page = 0; page < maxPages; page += 1) {
    const meta = session.era === 'modern' ? { _meta: because.body['_meta'] ?? {} } : {}
    const params: JsonObject = { ...(cursor === undefined ? {} : { cursor }), ...meta }
    const id = rooms.ids.secret()
    const envelope: JsonObject = { jsonrpc: '2.0', id, method, params }
    const request: Request = { direction: 'to_server', revision: session.revision, kind: 'request', id, method, envelope, body: params }
    const next: { cursor: string | undefined } = { cursor: undefined }
    const pending = track(request, createSilentChannel(), { session, actor }, rooms, { internal: (answer) => (next.cursor = answer) })
    const passage = await passMessage(request, { session, actor, exchange: pending.exchange }, { closes: false }, rooms)
    if (passage.kind !== 'forward') return forget(pending, session)
    await relayRequest(passage.evaluated, pending, session, rooms)
    if (next.cursor === undefined) return
    cursor = next.cursor
  }
}

interface TrackOptions {
  readonly mirror?: Pending['mirror']
  readonly internal?: (nextCursor: string | undefined) => void
}

function track(request: Request, channel: Channel, { session, actor }: From, rooms: Judge, options: TrackOptions): Pending {
  const abort = new AbortController()
  const pending: Pending = {
    request,
    exchange: rooms.ids.exchange(),
    actor,
    upstreamId: rooms.ids.secret(),
    upstreamToken: rooms.wire.progressTokenOf(request.body) === undefined ? undefined : rooms.ids.secret(),
    abort,
    startedAt: performance.now(),
    approval: undefined,
    sent: false,
    answered: false,
    cancelled: false,
    resumable: false,
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

async function tellCancelled(params: JsonObject, pending: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  const envelope = { jsonrpc: '2.0', method: 'notifications/cancelled', params }
  const message: Notification = { direction: 'to_server', revision: session.revision, kind: 'notification', method: 'notifications/cancelled', envelope, body: params }
  const passage = await passMessage(message, { session, actor: pending.actor, exchange: pending.exchange }, { closes: false }, rooms)
  if (passage.kind === 'forward') await sendOnly(passage.evaluated, session, { cancelledId: pending.upstreamId })
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
