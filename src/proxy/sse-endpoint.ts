import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../errors.ts'
import { callerOf } from '../model.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Door, Post } from '../wire/door.ts'
import type { HeadReading } from '../wire/head.ts'
import type { WireRefusal } from '../wire/refusal.ts'
import { readBody } from './body.ts'
import { HttpChannel } from './channel.ts'
import type { Caller, EndpointParts } from './endpoint.ts'
import type { Load } from './incoming.ts'
import { countBytes } from './relay.ts'
import { clientOf, createReplies, type Meant } from './replies.ts'
import type { ClientSession } from './session.ts'
import { endWaits } from './session-ends.ts'
import { createSseConnection, type SseConnection } from './sse-connection.ts'
import { createSseMessages } from './sse-messages.ts'
import { watchToken } from './token-watch.ts'

export interface SseEndpointParts extends Pick<EndpointParts, 'rooms' | 'sessions' | 'upstream' | 'resolve' | 'rejections' | 'incoming' | 'lacking' | 'isClosing' | 'isElsewhere'> {
  readonly door: {
    readonly readHead: (rawHeaders: readonly string[], method: 'MESSAGE' | 'GET') => HeadReading
    readonly readMessage: (post: Post) => Door
  }
  readonly limits: { readonly request: number; readonly depth: number; readonly sessions: number; readonly sessions_per_person: number }
  readonly sse: { readonly writeEvent: (event: { event?: string; data?: string; retry?: number }) => string; readonly comment: string }
}

const noStream: WireRefusal = { status: 404, rpc: { id: null, code: -32001, message: 'Session not found: open the stream again' } }

/**
 * `/mcp/<upstream>/sse`: HTTP+SSE of 2024-11-05 (basic/transports) in front of any server. The client's stream is its session: it opens
 * one with GET, is told where to post, and when it leaves, what runs is finished and recorded, and nothing new begins.
 */
export function createSseEndpoint(parts: SseEndpointParts): (request: IncomingMessage, response: ServerResponse, upstream: string, key: string | undefined) => Promise<void> {
  const { rooms, sessions } = parts
  const replies = createReplies(rooms, parts.rejections)
  const connections = new Map<string, SseConnection>()
  /** Whether the newest token that was shown for a stream is good. */
  const shown = new WeakMap<SseConnection, Caller['isGood']>()
  /** Called when its client has greeted, or has left. */
  const stopExpecting = new WeakMap<SseConnection, () => void>()
  const pass = createSseMessages({ rooms, sessions, replies, awaitGreeting })

  return async (request, response, name, key) => {
    try {
      // A client that first tries Streamable HTTP learns by 405 that it is not spoken here (2025-11-25 basic/transports, "Backwards Compatibility").
      const method = key === undefined ? 'GET' : 'POST'
      if (request.method !== method) return replies.reject(response, { status: 405, headers: { allow: method }, rpc: { id: null, code: -32000, message: `use ${method}` } })
      const upstream = parts.upstream(name)
      if (upstream === undefined) return replies.reject(response, { status: 404, rpc: { id: null, code: -32000, message: `no MCP server is called ${JSON.stringify(name)} here` } })
      const resolved = await parts.resolve(request.rawHeaders, name, request.url ?? '')
      if (!resolved.ok) return replies.challenge(response, resolved, name)
      const { caller } = resolved
      if (parts.isElsewhere?.(request, response, caller.actor) === true) return
      if (key === undefined) open(request, response, upstream, caller)
      else {
        const load = parts.incoming.open(callerOf(caller.actor))
        await post(request, response, upstream, caller, key, load).finally(() => load.end())
      }
    } catch (cause) {
      replies.fail(cause, response, null)
    }
  }

  function open(request: IncomingMessage, response: ServerResponse, upstream: Upstream, { actor, expiresAt, isGood }: Caller): void {
    if (parts.isClosing()) throw new GatewayError('shutting_down')
    const head = parts.door.readHead(request.rawHeaders, 'GET')
    if (!head.ok) return replies.reject(response, head.refusal)
    const caller = callerOf(actor)
    const own = [...connections.values()].filter((other) => other.caller === caller)
    if (own.length >= parts.limits.sessions_per_person || connections.size >= parts.limits.sessions) throw new GatewayError('capacity', { detail: `${own.length} open streams of one caller, ${connections.size} in all` })
    const key = rooms.ids.secret()
    const base = new HttpChannel({
      response, answers: 0, print: rooms.wire.print, comment: parts.sse.comment, unjudged: rooms.meters.unjudged,
      writeEvent: ({ data, retry }) => parts.sse.writeEvent({ event: 'message', ...(data === undefined ? {} : { data }), ...(retry === undefined ? {} : { retry }) }),
      released: (bytes) => {
        if (connection.session !== undefined) countBytes(connection.session, rooms)(bytes)
      },
    })
    const connection = createSseConnection({ caller, upstream: upstream.name }, base)
    connections.set(key, connection)
    shown.set(connection, isGood)
    watchToken(async () => (await shown.get(connection)?.()) ?? false, () => connection.listening.finish(), response)
    connection.lastFor(expiresAt - rooms.clock())
    awaitGreeting(connection, actor)
    response.once('close', () => {
      connections.delete(key)
      stopExpecting.get(connection)?.()
      void leave(connection).catch((cause: unknown) => replies.logFault(cause))
    })
    base.stream()
    response.write(parts.sse.writeEvent({ event: 'endpoint', data: `/mcp/${upstream.name}/sse/${key}` }))
  }

  function awaitGreeting(connection: SseConnection, actor: Caller['actor']): void {
    const { finish, cut, left } = connection.listening
    if (!left.aborted) stopExpecting.set(connection, sessions.expectGreeting({ actor, finish, cut }))
  }

  /** Without its stream a session can say nothing more; calls that were sent run on to their record, those that wait are let go. */
  async function leave(connection: SseConnection): Promise<void> {
    const { session } = connection
    if (session === undefined) return
    endWaits(session)
    await connection.settled()
    await sessions.end(session)
  }

  async function post(request: IncomingMessage, response: ServerResponse, upstream: Upstream, { actor, expiresAt, scopes, isGood }: Caller, key: string, load: Load): Promise<void> {
    const head = parts.door.readHead(request.rawHeaders, 'MESSAGE')
    const meant = { upstream: upstream.name, actor }
    if (!head.ok) return replies.turnAway(response, head.refusal, meant)
    const connection = connections.get(key)
    // The key is never authentication: it works for the caller and the server that it was made for.
    if (connection === undefined || connection.caller !== callerOf(actor) || connection.upstream !== upstream.name) return replies.reject(response, noStream)
    const body = await readBody(request, parts.limits.request, load)
    if (!body.ok) return replies.turnAway(response, { status: body.status, headers: { connection: 'close' }, rpc: { id: null, code: -32600, message: body.message } }, meant)
    // Its client may have left while the message was still arriving.
    if (!connections.has(key)) return replies.reject(response, noStream)
    const { session } = connection
    const door = parts.door.readMessage({ head: head.head, bytes: body.bytes, limits: parts.limits, ...(session === undefined ? {} : { session: { revision: session.revision } }) })
    if (!door.ok) return refuse(door.refusal, connection, response, meant)
    const lacking = parts.lacking(upstream.name, door.messages, scopes)
    if (lacking !== undefined) return replies.challenge(response, lacking, upstream.name)
    // A stream ends with the newest token that its caller has shown.
    shown.set(connection, isGood)
    connection.lastFor(expiresAt - rooms.clock())
    if (parts.isClosing() && door.messages.some(({ kind }) => kind === 'request')) throw new GatewayError('shutting_down')
    const opened = openSession(door, connection, upstream, actor)
    if (opened === undefined) return replies.reject(response, { status: 400, rpc: { id: null, code: -32000, message: 'Bad Request: send initialize first, and once' } })
    opened.actor = actor
    opened.lastUsed = rooms.clock()
    await pass(door.messages, connection, opened, { actor, expiresAt }, response)
  }

  /** A request that can be named is answered where its client listens for answers. */
  function refuse(refusal: Extract<Door, { ok: false }>['refusal'], connection: SseConnection, response: ServerResponse, meant: Meant): void {
    const { rpc } = refusal
    if (rpc === undefined || rpc.id === null) return replies.turnAway(response, refusal, meant)
    replies.note(response, refusal, meant)
    response.writeHead(202).end()
    connection.during(connection.channel.answer({ envelope: rooms.answers.error(rpc.id, rpc.code, rpc.message, rpc.data) }))
  }

  function openSession(door: Extract<Door, { ok: true }>, connection: SseConnection, upstream: Upstream, actor: Caller['actor']): ClientSession | undefined {
    const [first] = door.messages
    const greets = first?.kind === 'request' && first.method === 'initialize'
    if (!greets) return connection.session
    if (connection.session !== undefined) return undefined
    const session = sessions.openLegacy({ actor, upstream, revision: door.revision, client: clientOf(first.body['clientInfo']) })
    session.listening = connection.listening
    connection.session = session
    stopExpecting.get(connection)?.()
    return session
  }
}
