import { isObject } from '../exact-json.ts'
import { idKey, type ErrorAnswer, type ExchangeId, type Json, type JsonObject, type Message, type Notification, type Request, type RequestId, type Result } from '../model.ts'
import type { Judge } from './evaluate.ts'
import type { ClientSession, Pending } from './session.ts'

/** One message of a server, told apart: what it is, to whose request it belongs, under whose ids. */
export type Inbound =
  | { readonly kind: 'answer'; readonly message: Result | ErrorAnswer; readonly owner: Pending }
  | { readonly kind: 'request'; readonly message: Request; readonly exchange: ExchangeId }
  | { readonly kind: 'notification'; readonly message: Notification; readonly owner: Pending | undefined; readonly exchange: ExchangeId | undefined }
  /** Nothing that the protocol allows here: recorded, dropped, and the stream is not read on. */
  | { readonly kind: 'stray'; readonly message: Message; readonly detail: string }
  | { readonly kind: 'broken'; readonly detail: string }

/** Several messages in one (2025-03-26 basic/index, "Batching"): each is a message of its own. */
export interface Batch {
  readonly kind: 'batch'
  readonly values: readonly Json[]
}

/** Where a message came: `own` is the request whose stream it is; on a channel that all share, nothing tells whose it is but what it says. */
export interface Source {
  readonly own: Pending | undefined
  readonly shared: boolean
}

/** What a client has not answered yet; a server that asks for more than this is not listened to. */
const mostAsked = 100

/** Reads what a server sent; ids and tokens are the client's again. */
export function receive(bytes: Uint8Array, session: ClientSession, source: Source, rooms: Judge): Inbound | Batch {
  const parsed = rooms.wire.readAnswer(bytes)
  if (!parsed.ok) return { kind: 'broken', detail: parsed.problem.message }
  if (Array.isArray(parsed.value) && session.revision === '2025-03-26') return { kind: 'batch', values: parsed.value as readonly Json[] }
  return receiveValue(parsed.value, session, source, rooms)
}

export function receiveValue(value: Json, session: ClientSession, { own, shared }: Source, rooms: Judge): Inbound {
  const current = own
  const cleaned = rooms.enforce.withoutCredentials(session.link.secrets, value)
  if (cleaned?.removed !== false) {
    rooms.meters.credentialEchoed(session.upstream.name)
    rooms.logger.error('a server sent the gateway\'s own credential back', { upstream: session.upstream.name, session: session.id, exchange: current?.exchange })
  }
  if (cleaned === undefined) return { kind: 'broken', detail: 'a message full of the gateway\'s own credential' }
  const rpc = rooms.wire.readRpc(withoutOwnNames(cleaned.value))
  if (rpc.kind === 'problem') return { kind: 'broken', detail: rpc.message }
  const { revision } = session
  const base = cleaned.removed ? ({ direction: 'to_client', revision, hadCredential: true } as const) : ({ direction: 'to_client', revision } as const)

  if (rpc.kind === 'result' || rpc.kind === 'error') {
    const named = typeof rpc.id === 'string' ? session.pending.get(rpc.id) : undefined
    const owner = rpc.id === null && !shared ? current : named
    // An answer belongs on the stream of its request (MCP 2025-11-25 basic/transports).
    if (owner === undefined || owner !== current || owner.answered) {
      const request = current?.request ?? unaskedRequest(session)
      return { kind: 'stray', message: { ...base, kind: rpc.kind, id: request.id, method: request.method, request, envelope: rpc.envelope, body: rpc.body }, detail: 'an answer that nobody waits for' }
    }
    const { request } = owner
    const served = request.method === 'server/discover' ? discovered(rpc.envelope, request, rooms) : request.method === 'initialize' ? rooms.wire.declaresChanges(rpc.envelope) : rpc.envelope
    const envelope = rpc.id === null ? served : rooms.wire.withId(served, request.id)
    const restored = rpc.kind === 'result' ? ownTasks(restoreSubscription(envelope, rpc.body, owner, rooms), request, session) : envelope
    const body = rpc.kind === 'result' ? objectAt(restored, 'result') : rpc.body
    return { kind: 'answer', owner, message: { ...base, kind: rpc.kind, id: request.id, method: request.method, request, envelope: restored, body } }
  }
  if (rpc.kind === 'request') {
    const message: Request = { ...base, kind: 'request', id: rpc.id, method: rpc.method, envelope: rpc.envelope, body: rpc.body }
    // MCP 2026-07-28 basic/transports/streamable-http: servers send no requests.
    if (session.era === 'modern') return { kind: 'stray', message, detail: 'a request, which servers of this revision must not send' }
    const before = session.asked.get(idKey(rpc.id))
    if (before !== undefined) return { kind: 'stray', message, detail: 'a request under an id that is still in use' }
    if (session.asked.size >= mostAsked) return { kind: 'stray', message, detail: 'one request more than a client can be asked at once' }
    return { kind: 'request', message, exchange: current?.exchange ?? rooms.ids.exchange() }
  }
  const message: Notification = { ...base, kind: 'notification', method: rpc.method, envelope: rpc.envelope, body: rpc.body }
  return receiveNotification(ofTask(message, session), session, { own, shared }, rooms)
}

/** What the gateway itself says in `_meta` begins so. */
const ownPrefix = 'sallyport/'
/** Under which it tells of a decision in an error's `data`. */
const ownCode = -33001

/** No server speaks in the gateway's name: of a decision or an approval only the gateway tells. */
function withoutOwnNames(value: Json): Json {
  if (!isObject(value)) return value
  const { error } = value
  if (isObject(error) && error['data'] !== undefined && error['code'] === ownCode) {
    const { data: _, ...others } = error
    return { ...value, error: others }
  }
  for (const part of ['result', 'params']) {
    const body = value[part]
    const meta = isObject(body) ? body['_meta'] : undefined
    if (!isObject(body) || !isObject(meta) || !Object.keys(meta).some((name) => name.startsWith(ownPrefix))) continue
    const others = Object.fromEntries(Object.entries(meta).filter(([name]) => !name.startsWith(ownPrefix)))
    return { ...value, [part]: { ...body, _meta: others } }
  }
  return value
}

function discovered(envelope: JsonObject, { body }: Request, { wire }: Judge): JsonObject {
  const served = wire.onlyServed(envelope)
  return wire.declaresTasks(body) ? wire.offersTasks(served) : served
}

// What is told of a task is judged as the call that made it.
function ofTask(message: Notification, session: ClientSession): Notification {
  const id = message.method.startsWith('notifications/tasks') ? message.body['taskId'] : undefined
  const call = typeof id === 'string' ? session.tasks.get(id)?.request.call : undefined
  return call === undefined ? message : { ...message, call }
}

function receiveNotification(message: Notification, session: ClientSession, { own, shared }: Source, { wire }: Judge): Inbound {
  if (message.method === 'notifications/progress') {
    const owner = [...session.pending.values()].find(({ upstreamToken }) => upstreamToken !== undefined && upstreamToken === message.body['progressToken'])
    const token = owner === undefined ? undefined : wire.progressTokenOf(owner.request.body)
    if (owner === undefined || token === undefined || (own !== undefined && owner !== own)) return { kind: 'stray', message, detail: 'progress under a token that was not given' }
    return { kind: 'notification', message: withParams(message, wire.withProgressToken(message.envelope, token)), owner, exchange: owner.exchange }
  }
  if (message.method === 'notifications/cancelled') {
    const id = message.body['requestId']
    if (id !== undefined && session.asked.has(idKey(id))) return { kind: 'notification', message, owner: undefined, exchange: session.asked.get(idKey(id))?.exchange }
    const listen = typeof id === 'string' ? session.pending.get(id) : undefined
    if (listen === undefined || (own !== undefined && listen !== own)) return { kind: 'stray', message, detail: 'a cancellation of a request that is not open' }
    return { kind: 'notification', message: withParams(message, wire.withRequestId(message.envelope, listen.request.id)), owner: listen, exchange: listen.exchange }
  }
  const subscription = wire.subscriptionIdOf(message.body)
  const owner = (typeof subscription === 'string' ? session.pending.get(subscription) : undefined) ?? (shared ? undefined : own)
  if (own !== undefined && owner !== undefined && owner !== own) return { kind: 'stray', message, detail: 'news of another subscription' }
  const restored = owner === undefined ? message : withParams(message, grantedToo(restoreSubscription(message.envelope, message.body, owner, { wire }), owner, { wire }))
  return { kind: 'notification', message: restored, owner, exchange: owner?.exchange ?? own?.exchange }
}

// MCP 2026-07-28 basic/patterns/subscriptions: the subscription id is the JSON-RPC id of the listen request.
const restoreSubscription = (envelope: JsonObject, body: JsonObject, owner: Pending, { wire }: Pick<Judge, 'wire'>): JsonObject =>
  wire.subscriptionIdOf(body) === owner.upstreamId ? wire.withSubscriptionId(envelope, owner.request.id) : envelope

// The gateway itself tells that a list has changed when another policy shows another part of it.
const grantedToo = (envelope: JsonObject, { request }: Pending, { wire }: Pick<Judge, 'wire'>): JsonObject =>
  request.method === 'subscriptions/listen' && envelope['method'] === 'notifications/subscriptions/acknowledged' ? wire.grantsChanges(envelope, request.body) : envelope

// A server that tells its callers apart by their credential takes all of the gateway's for one.
function ownTasks(envelope: JsonObject, request: Request, session: ClientSession): JsonObject {
  const result = objectAt(envelope, 'result')
  const { tasks } = result
  if (request.method !== 'tasks/list' || tasks === undefined) return envelope
  const isOwn = (task: Json) => isObject(task) && typeof task['taskId'] === 'string' && session.tasks.has(task['taskId'])
  return { ...envelope, result: { ...result, tasks: Array.isArray(tasks) ? tasks.filter(isOwn) : [] } }
}

const withParams = (message: Notification, envelope: JsonObject): Notification => ({ ...message, envelope, body: objectAt(envelope, 'params') })

const objectAt = (envelope: JsonObject, key: string): JsonObject => {
  const value = envelope[key]
  return isObject(value) ? value : {}
}

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
