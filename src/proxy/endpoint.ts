import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../errors.ts'
import { isObject } from '../exact-json.ts'
import { callerOf, type Json, type JsonObject, type KnownActor, type Request as McpRequest } from '../model.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Door, Post, WireRefusal } from '../wire/door.ts'
import type { HeadReading, Visit } from '../wire/head.ts'
import type { RpcMessage } from '../wire/rpc.ts'
import { handleNotification, handleReply, handleRequest, type From, type Mirrored } from './calls.ts'
import { HttpChannel, type ClientChannel } from './channel.ts'
import type { Judge } from './evaluate.ts'
import { readBody } from './body.ts'
import type { Incoming, Load } from './incoming.ts'
import { listen } from './listen.ts'
import type { StreamLog } from './outbox.ts'
import { countBytes } from './relay.ts'
import type { Rejections } from './rejections.ts'
import { clientOf, createReplies, recordUnasked, type Challenge } from './replies.ts'
import type { ClientSession } from './session.ts'
import type { Sessions } from './sessions.ts'
import { watchToken } from './token-watch.ts'

export interface Caller {
  readonly actor: KnownActor
  /** Milliseconds since the epoch; streams end then. */
  readonly expiresAt: number
  readonly scopes: readonly string[]
  /** Whether the token would still let its caller in. */
  readonly isGood: () => Promise<boolean>
}
export type Resolved = { readonly ok: true; readonly caller: Caller } | { readonly ok: false; readonly status: number; readonly headers: { readonly [name: string]: string }; readonly code: string; readonly message: string }

export interface EndpointParts {
  readonly rooms: Judge
  readonly sessions: Sessions
  readonly upstream: (name: string) => Upstream | undefined
  readonly resolve: (rawHeaders: readonly string[], upstream: string, url: string) => Promise<Resolved>
  readonly door: {
    readonly readHead: (rawHeaders: readonly string[], method: 'POST' | 'GET' | 'DELETE') => HeadReading
    readonly readVisit: (rawHeaders: readonly string[], method: 'GET' | 'DELETE') => Visit
    readonly readPost: (post: Post) => Door
    readonly mirrored: (rawHeaders: readonly string[]) => Mirrored
  }
  readonly limits: { readonly request: number; readonly depth: number }
  readonly sse: { readonly writeEvent: (event: { id?: string; data?: string; retry?: number }) => string; readonly comment: string }
  readonly rejections: Rejections
  readonly incoming: Incoming
  /** Why the tools that these messages call want more than the caller's token was given for. */
  readonly lacking: (upstream: string, messages: readonly RpcMessage[], scopes: readonly string[]) => Challenge | undefined
  readonly isClosing: () => boolean
  /** True where another process serves the caller: it is answering the request. Asked before anything of the body is read. */
  readonly isElsewhere?: (request: IncomingMessage, response: ServerResponse, actor: KnownActor) => boolean
}

/** `/mcp/<upstream>`: Streamable HTTP of every served revision. */
export function createEndpoint(parts: EndpointParts): (request: IncomingMessage, response: ServerResponse, upstream: string) => Promise<void> {
  const { rooms, sessions } = parts
  const replies = createReplies(rooms, parts.rejections)

  return async (request, response, name) => {
    try {
      const { method } = request
      if (parts.isClosing() && method !== 'POST') throw new GatewayError('shutting_down')
      if (method !== 'POST' && method !== 'GET' && method !== 'DELETE') return replies.reject(response, { status: 405, headers: { allow: 'GET, POST, DELETE' }, rpc: { id: null, code: -32000, message: 'use POST, GET or DELETE' } })
      const upstream = parts.upstream(name)
      if (upstream === undefined) return replies.reject(response, { status: 404, rpc: { id: null, code: -32000, message: `no MCP server is called ${JSON.stringify(name)} here` } })
      const resolved = await parts.resolve(request.rawHeaders, name, request.url ?? '')
      if (!resolved.ok) return replies.challenge(response, resolved, name)
      if (parts.isElsewhere?.(request, response, resolved.caller.actor) === true) return
      if (method === 'POST') {
        const load = parts.incoming.open(callerOf(resolved.caller.actor))
        try {
          return await post(request, response, upstream, resolved.caller, load)
        } finally {
          load.end()
        }
      }
      const visit = parts.door.readVisit(request.rawHeaders, method)
      if (!visit.ok) return replies.reject(response, visit.refusal)
      const session = visitedSession(visit.session, response, upstream, resolved.caller.actor)
      if (session === undefined) return
      if (method === 'GET') return await get(visit.lastEventId, response, session, resolved.caller)
      await sessions.end(session)
      response.writeHead(200).end()
    } catch (cause) {
      replies.fail(cause, response, null)
    }
  }

  async function post(request: IncomingMessage, response: ServerResponse, upstream: Upstream, caller: Caller, load: Load): Promise<void> {
    const { actor, scopes } = caller
    const head = parts.door.readHead(request.rawHeaders, 'POST')
    const meant = { upstream: upstream.name, actor }
    if (!head.ok) return replies.turnAway(response, head.refusal, meant)
    const body = await readBody(request, parts.limits.request, load)
    if (!body.ok) return replies.turnAway(response, { status: body.status, headers: { connection: 'close' }, rpc: { id: null, code: -32600, message: body.message } }, meant)
    // Only now: a session may end while a message is still arriving.
    const transport = head.head.get('mcp-session-id')
    const session = transport === undefined ? undefined : sessions.findLegacy(transport, actor, upstream.name)
    const door = parts.door.readPost({ head: head.head, bytes: body.bytes, limits: parts.limits, session })
    if (!door.ok) return replies.turnAway(response, door.refusal, meant)
    const { messages } = door
    const first = messages[0]
    if (first === undefined) return
    const lacking = parts.lacking(upstream.name, messages, scopes)
    if (lacking !== undefined) return replies.challenge(response, lacking, upstream.name)
    try {
      // What runs may still be answered by its client; nothing new begins.
      if (parts.isClosing() && messages.some(({ kind }) => kind === 'request')) throw new GatewayError('shutting_down')
      const opened = openFor(door, first, session, transport, upstream, actor)
      if ('refusal' in opened) return replies.reject(response, opened.refusal)
      const begun = messages.length === 1 && first.kind === 'request' ? () => load.end() : undefined
      await pass(messages, { session: opened.session, actor, goodUntil: caller.expiresAt, begun }, opened.fresh, request, response, caller)
    } catch (cause) {
      replies.fail(cause, response, first.kind === 'request' ? first.id : null)
    }
  }

  function openFor(door: Extract<Door, { ok: true }>, first: RpcMessage, found: ClientSession | undefined, transport: string | undefined, upstream: Upstream, actor: KnownActor): { session: ClientSession; fresh: boolean } | { refusal: WireRefusal } {
    const input = { actor, upstream, revision: door.revision }
    if (door.era === 'modern') return { session: sessions.modern({ ...input, client: clientOf(metaClient(first.body)) }), fresh: false }
    const id = first.kind === 'request' ? first.id : null
    if (first.kind === 'request' && first.method === 'initialize') {
      return { session: sessions.openLegacy({ ...input, client: clientOf(first.body['clientInfo']) }), fresh: true }
    }
    return found === undefined ? { refusal: noSession(transport, id) } : { session: found, fresh: false }
  }

  async function pass(messages: readonly RpcMessage[], from: From, fresh: boolean, request: IncomingMessage, response: ServerResponse, caller: Caller): Promise<void> {
    const { session } = from
    const requests = messages.filter((message) => message.kind === 'request')
    const mirrored = parts.door.mirrored(request.rawHeaders)
    const channel = channelFor(response, session, requests.length)
    if (requests.some(({ method }) => method === 'subscriptions/listen')) endWith(caller, () => channel.finish(), response)
    let unasked = false
    const faults: unknown[] = []
    const handle = async (message: RpcMessage): Promise<void> => {
      try {
        if (message.kind === 'request') await handleRequest(message, from, channel, mirrored, rooms)
        else if (message.kind === 'notification') await handleNotification(message, from, rooms)
        else if (!(await handleReply(message, from, rooms))) {
          unasked = true
          await recordUnasked(message, from, rooms)
        }
      } catch (fault) {
        if (message.kind === 'request') await replies.answerFault(fault, message.id, channel).catch((another: unknown) => faults.push(another))
        else faults.push(fault)
      }
    }
    for (const work of messages.map(handle)) await work
    // Where nothing else is answered, the fault is; in a batch the answers of the others are awaited.
    if (faults.length > 0 && requests.length === 0) throw faults[0]
    for (const fault of faults) replies.logFault(fault)
    if (requests.length === 0 && !response.headersSent) response.writeHead(unasked ? 400 : 202).end()
    if (session.closed || (fresh && session.greeting === undefined)) await sessions.end(session)
  }

  function channelFor(response: ServerResponse, session: ClientSession, answers: number, log?: StreamLog): ClientChannel {
    const resumes = session.era === 'legacy' && session.revision !== '2024-11-05'
    return new HttpChannel({
      response, answers, print: rooms.wire.print, writeEvent: parts.sse.writeEvent, comment: parts.sse.comment, unjudged: rooms.meters.unjudged, released: countBytes(session, rooms),
      log: resumes ? (channel) => log ?? session.outbox.open(channel, answers === 0) : undefined,
      primes: () => session.revision === '2025-11-25',
      headers: (streams) => (session.transport === undefined || (!streams && session.greeting === undefined) ? {} : { 'mcp-session-id': session.transport }),
    })
  }

  async function get(last: string | undefined, response: ServerResponse, session: ClientSession, caller: Caller): Promise<void> {
    const endsBy = (end: () => void) => endWith(caller, end, response)
    const refused = await listen({ session, actor: caller.actor, response, last, endsBy, open: (log) => channelFor(response, session, 0, log) }, rooms)
    if (refused !== undefined) replies.reject(response, refused)
  }

  /** A stream without an end of its own ends with the token that opened it. */
  function endWith({ expiresAt, isGood }: Caller, end: () => void, response: ServerResponse): void {
    const expiry = setTimeout(end, Math.min(Math.max(expiresAt - rooms.clock(), 0), 2 ** 31 - 1)).unref()
    response.once('close', () => clearTimeout(expiry))
    watchToken(isGood, end, response)
  }

  function visitedSession(transport: string | undefined, response: ServerResponse, upstream: Upstream, actor: KnownActor): ClientSession | undefined {
    const session = transport === undefined ? undefined : sessions.findLegacy(transport, actor, upstream.name)
    if (session === undefined) replies.reject(response, noSession(transport, null))
    return session
  }
}

// MCP 2025-11-25 basic/transports, "Session Management": 400 without an id, 404 for one that is gone; then the client greets again.
const noSession = (transport: string | undefined, id: McpRequest['id'] | null): WireRefusal =>
  transport === undefined
    ? { status: 400, rpc: { id, code: -32000, message: 'Bad Request: send initialize first, then the Mcp-Session-Id of its answer' } }
    : { status: 404, rpc: { id, code: -32001, message: 'Session not found: send initialize again' } }

const metaClient = (body: JsonObject): Json | undefined => {
  const meta = body['_meta']
  return isObject(meta) ? meta['io.modelcontextprotocol/clientInfo'] : undefined
}
