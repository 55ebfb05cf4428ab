import type { ErrorAnswer, ExchangeId, Json, JsonObject, Message, Notification, Request, RequestId, Result } from '../model.ts'
import type { Judge } from './evaluate.ts'
import { idKey, type ClientSession, type Pending } from './session.ts'

/** One message of a server, told apart: what it is, to whose request it belongs, under whose ids. */
export type Inbound =
  | { readonly kind: 'answer'; readonly message: Result | ErrorAnswer; readonly owner: Pending }
  | { readonly kind: 'request'; readonly message: Request; readonly exchange: ExchangeId }
  | { readonly kind: 'notification'; readonly message: Notification; readonly owner: Pending | undefined; readonly exchange: ExchangeId | undefined }
  /** Nothing that the protocol allows here: recorded, dropped, and the stream is not read on. */
  | { readonly kind: 'stray'; readonly message: Message; readonly detail: string }
  | { readonly kind: 'broken'; readonly detail: string }

const subscriptionKey = 'io.modelcontextprotocol/subscriptionId'

/** Where a message came: `own` is the request whose stream it is; on a channel that all share, nothing tells whose it is but what it says. */
export interface Source {
  readonly own: Pending | undefined
  readonly shared: boolean
}

/** What a client has not answered yet; a server that asks for more than this is not listened to. */
const mostAsked = 100

/** Reads what a server sent; ids and tokens are the client's again. */
export function receive(bytes: Uint8Array, session: ClientSession, { own, shared }: Source, rooms: Judge): Inbound {
  const current = own

  const parsed = rooms.wire.readAnswer(bytes)
  if (!parsed.ok) return { kind: 'broken', detail: parsed.problem.message }
  const rpc = rooms.wire.readRpc(rooms.enforce.withoutCredentials(session.upstream.name, parsed.value))
  if (rpc.kind === 'problem') return { kind: 'broken', detail: rpc.message }
  const base = { direction: 'to_client', revision: session.revision } as const

  if (rpc.kind === 'result' || rpc.kind === 'error') {
    const named = typeof rpc.id === 'string' ? session.pending.get(rpc.id) : undefined
    const owner = rpc.id === null && !shared ? current : named
    // An answer belongs on the stream of its request, or on one that was resumed (MCP 2025-11-25 basic/transports).
    const isElsewhere = owner !== current && !(current === undefined && owner?.resumable === true)
    if (owner === undefined || isElsewhere || (owner.answered && !owner.resumable)) {
      const request = current?.request ?? unaskedRequest(session)
      return { kind: 'stray', message: { ...base, kind: rpc.kind, id: request.id, method: request.method, request, envelope: rpc.envelope, body: rpc.body }, detail: 'an answer that nobody waits for' }
    }
    const { request } = owner
    const served = request.method === 'server/discover' ? rooms.wire.onlyServed(rpc.envelope) : rpc.envelope
    const envelope = rpc.id === null ? served : replace(served, 'id', request.id)
    const restored = rpc.kind === 'result' ? restoreSubscription(envelope, 'result', owner) : envelope
    const body = rpc.kind === 'result' ? objectAt(restored, 'result') : rpc.body
    return { kind: 'answer', owner, message: { ...base, kind: rpc.kind, id: request.id, method: request.method, request, envelope: restored, body } }
  }
  if (rpc.kind === 'request') {
    const message: Request = { ...base, kind: 'request', id: rpc.id, method: rpc.method, envelope: rpc.envelope, body: rpc.body }
    // MCP 2026-07-28 basic/transports/streamable-http: servers send no requests.
    if (session.era === 'modern') return { kind: 'stray', message, detail: 'a request, which servers of this revision must not send' }
    const before = session.asked.get(idKey(rpc.id))
    const isRepeated = before !== undefined && current?.detached === true && before.exchange === current.exchange // redelivered on a resumed stream
    if (before !== undefined && !isRepeated) return { kind: 'stray', message, detail: 'a request under an id that is still in use' }
    if (before === undefined && session.asked.size >= mostAsked) return { kind: 'stray', message, detail: 'one request more than a client can be asked at once' }
    return { kind: 'request', message, exchange: current?.exchange ?? rooms.ids.exchange() }
  }
  const message: Notification = { ...base, kind: 'notification', method: rpc.method, envelope: rpc.envelope, body: rpc.body }
  return receiveNotification(ofTask(message, session), session, { own, shared })
}

// What is told of a task is judged as the call that made it.
function ofTask(message: Notification, session: ClientSession): Notification {
  const id = message.method.startsWith('notifications/tasks') ? message.body['taskId'] : undefined
  const call = typeof id === 'string' ? session.tasks.get(id)?.request.call : undefined
  return call === undefined ? message : { ...message, call }
}

function receiveNotification(message: Notification, session: ClientSession, { own, shared }: Source): Inbound {
  if (message.method === 'notifications/progress') {
    const owner = [...session.pending.values()].find(({ upstreamToken }) => upstreamToken !== undefined && upstreamToken === message.body['progressToken'])
    const token = owner === undefined ? undefined : clientToken(owner.request)
    if (owner === undefined || token === undefined || (own !== undefined && owner !== own)) return { kind: 'stray', message, detail: 'progress under a token that was not given' }
    return { kind: 'notification', message: withParam(message, 'progressToken', token), owner, exchange: owner.exchange }
  }
  if (message.method === 'notifications/cancelled') {
    const id = message.body['requestId']
    if (id !== undefined && session.asked.has(idKey(id))) return { kind: 'notification', message, owner: undefined, exchange: session.asked.get(idKey(id))?.exchange }
    const listen = typeof id === 'string' ? session.pending.get(id) : undefined
    if (listen === undefined || (own !== undefined && listen !== own)) return { kind: 'stray', message, detail: 'a cancellation of a request that is not open' }
    return { kind: 'notification', message: withParam(message, 'requestId', listen.request.id as Json), owner: listen, exchange: listen.exchange }
  }
  const subscription = metaOf(message.body)?.[subscriptionKey]
  const owner = (typeof subscription === 'string' ? session.pending.get(subscription) : undefined) ?? (shared ? undefined : own)
  if (own !== undefined && owner !== undefined && owner !== own) return { kind: 'stray', message, detail: 'news of another subscription' }
  const envelope = owner === undefined ? message.envelope : restoreSubscription(message.envelope, 'params', owner)
  return { kind: 'notification', message: { ...message, envelope, body: objectAt(envelope, 'params') }, owner, exchange: owner?.exchange ?? own?.exchange }
}

/** The progress token the client gave with a request (MCP basic/utilities/progress). */
export const clientToken = (request: Request): Json | undefined => metaOf(request.body)?.['progressToken']

const metaOf = (body: JsonObject): JsonObject | undefined => {
  const meta = body['_meta']
  return isObject(meta) ? meta : undefined
}

// MCP 2026-07-28 basic/patterns/subscriptions: the subscription id is the JSON-RPC id of the listen request.
function restoreSubscription(envelope: JsonObject, member: 'params' | 'result', owner: Pending): JsonObject {
  const body = objectAt(envelope, member)
  const meta = metaOf(body)
  if (meta?.[subscriptionKey] !== owner.upstreamId) return envelope
  return replace(envelope, member, replace(body, '_meta', replace(meta, subscriptionKey, owner.request.id as Json)))
}

const withParam = (message: Notification, key: string, value: Json): Notification => {
  const body = replace(message.body, key, value)
  return { ...message, body, envelope: replace(message.envelope, 'params', body) }
}

export const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value)

const objectAt = (envelope: JsonObject, key: string): JsonObject => {
  const value = envelope[key]
  return isObject(value) ? value : {}
}

/** A copy with one member replaced, in its place. */
export const replace = (object: JsonObject, key: string, value: Json): JsonObject => Object.fromEntries(Object.entries(object).map(([name, old]) => [name, name === key ? value : old]))

/** Stands for the request in the record of an answer that nobody asked for. */
const unaskedRequest = (session: ClientSession): Request => ({
  direction: 'to_server',
  kind: 'request',
  id: 0 satisfies RequestId,
  method: 'unknown',
  revision: session.revision,
  envelope: {},
  body: {},
})
