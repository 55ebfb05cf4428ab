import { GatewayError } from '../errors.ts'
import type { JsonObject, KnownActor, Message, Revision } from '../model.ts'
import { exchangeAs, faultOfNeed, Uncredentialed } from './credential.ts'
import { Outdated, type AnswerBody, type ExchangeInput, type ExchangeOutput } from './exchange.ts'
import { credentialRefused, discard, mediaTypeOf, type HttpServer, type SseEventLike } from './http-server.ts'
import { createReplicas, isRefusal, type Replica } from './replicas.ts'
import type { Arrival, Reply, Sent, StreamMark, Upstream, UpstreamLink } from './upstream.ts'

export interface HttpUpstreamOptions extends HttpServer {
  readonly headersTimeout: number
  /** MCP 2026-07-28 basic/transports/streamable-http, "Value Encoding". */
  readonly encodeHeader: (text: string) => string
}

/** A server over Streamable HTTP (MCP 2025-11-25 basic/transports, 2026-07-28 basic/transports/streamable-http). */
export function createHttpUpstream(options: HttpUpstreamOptions): Upstream {
  const replicas = createReplicas(options.urls, options.tls)

  const open = ({ actor }: { readonly actor: KnownActor }): UpstreamLink => {
    const credential = options.credentials.of(actor)
    const call = ({ calls, url }: Replica, input: ExchangeInput) => exchangeAs(credential, calls, url, input)
    const stream = ({ streams, url }: Replica, input: ExchangeInput) => exchangeAs(credential, streams, url, input)
    let session: string | undefined
    let negotiated: string | undefined
    let generation = 0
    // A session of the older era lives where it was made.
    let home: Replica | undefined
    const settle = (replica: Replica | undefined) => {
      if (home !== undefined) home.homes -= 1
      if (replica !== undefined) replica.homes += 1
      home = replica
    }
    const legacyHeaders = (revision: Revision): Record<string, string> => ({
      ...(session === undefined ? {} : { 'mcp-session-id': session }),
      ...(revision === '2024-11-05' || revision === '2025-03-26' ? {} : { 'mcp-protocol-version': negotiated ?? revision }),
    })
    const revisionHeaders = (message: Message): Record<string, string> => {
      if (message.revision === '2026-07-28') return modernHeaders(message, options.encodeHeader)
      return message.method === 'initialize' && message.kind === 'request' ? {} : legacyHeaders(message.revision)
    }

    const greet = (attempt: (replica: Replica) => Promise<ExchangeOutput>, signal: AbortSignal) =>
      replicas.first('sessions', signal, async (replica) => {
        const output = await attempt(replica)
        settle(replica)
        return output
      })
    /** Where the session's own replica is gone, so is the session: it is greeted at another one before it is used again. */
    const atHome = async (attempt: (replica: Replica) => Promise<ExchangeOutput>, signal: AbortSignal) => {
      const only = replicas.all.length === 1 ? replicas.all[0] : home
      if (only === undefined) throw new GatewayError('upstream_unreachable', { detail: 'no replica was greeted for this session' })
      try {
        return await attempt(only)
      } catch (cause) {
        if (replicas.all.length === 1 || !isRefusal(cause) || signal.aborted) throw cause
        if (session === undefined) return greet(attempt, signal) // a server that keeps no session is the same everywhere
        settle(undefined)
        session = undefined
        generation += 1
        throw cause
      }
    }

    return {
      get generation() {
        return generation
      },
      get hasSession() {
        return session !== undefined
      },
      saysCancelled: false,
      get secrets() {
        return credential.secrets()
      },
      async send(evaluated, sending) {
        const { message } = evaluated
        const { signal } = sending
        const greets = message.kind === 'request' && message.method === 'initialize'
        if (greets) session = undefined
        const input = {
          method: 'POST',
          headers: {
            ...sending.headers,
            ...revisionHeaders(message),
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            'accept-encoding': 'identity',
          },
          body: options.print(message, sending),
          mayBegin: sending.isCurrent,
          signal,
          headersTimeout: options.headersTimeout,
        } as const
        const attempt = (replica: Replica) => call(replica, input)
        const answer = await (greets ? greet(attempt, signal) : message.revision === '2026-07-28' ? replicas.first('calls', signal, attempt) : atHome(attempt, signal)).catch(unlessUnsent)
        if ('kind' in answer) return answer
        if (greets) {
          session = single(answer.headers['mcp-session-id']) || undefined
          negotiated = undefined
        } else if (message.revision !== '2026-07-28') negotiated = message.revision
        return readReply(answer, options)
      },
      async listen({ signal, revision, from }) {
        const headers = {
          ...legacyHeaders(revision),
          accept: 'text/event-stream',
          'accept-encoding': 'identity',
          ...(from === undefined ? {} : { 'last-event-id': from }),
        }
        const { headersTimeout } = options
        const attempt = (replica: Replica) => stream(replica, { method: 'GET', headers, signal, headersTimeout })
        return readReply(await atHome(attempt, signal).catch((cause: unknown) => Promise.reject(faultOfNeed(cause))), options)
      },
      async close() {
        const last = home
        settle(undefined)
        if (session === undefined || last === undefined) return
        const headers = legacyHeaders('2025-11-25')
        session = undefined
        const signal = AbortSignal.timeout(2000)
        await stream(last, { method: 'DELETE', headers, signal, headersTimeout: 2000 }).then(
          ({ body }) => discard(body),
          () => undefined, // the server may be gone already; its session dies with it
        )
      },
    }
  }
  return {
    name: options.name, labels: options.labels, open,
    replicas: replicas.state,
    close: async () => replicas.close(),
  }
}

const unlessUnsent = (cause: unknown): Extract<Sent, { kind: 'outdated' | 'uncredentialed' }> => {
  if (cause instanceof Outdated) return { kind: 'outdated' }
  if (cause instanceof Uncredentialed) return { kind: 'uncredentialed', need: cause.need }
  throw cause
}

const single = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value)

// Routing headers of MCP 2026-07-28, basic/transports/streamable-http, "Standard Headers".
function modernHeaders(message: Message, encodeHeader: (text: string) => string): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': message.revision }
  if (message.kind !== 'request' && message.kind !== 'notification') return headers
  headers['mcp-method'] = message.method
  const name = routedName(message.method, message.body)
  if (name !== undefined) headers['mcp-name'] = encodeHeader(name)
  return headers
}

function routedName(method: string, params: JsonObject): string | undefined {
  const key = method === 'resources/read' ? 'uri' : method.startsWith('tasks/') ? 'taskId' : method === 'tools/call' || method === 'prompts/get' ? 'name' : undefined
  const value = key === undefined ? undefined : params[key]
  return typeof value === 'string' ? value : undefined
}

async function readReply(answer: ExchangeOutput, options: HttpUpstreamOptions): Promise<Reply> {
  const { status, body } = answer
  const type = mediaTypeOf(answer)
  if (status === 202 || status === 204) return await discard(body), { kind: 'accepted' }
  if (type === 'text/event-stream' && status === 200) return { kind: 'stream', streams: true, arrivals: readEvents(body, options) }
  if (status === 401 || status === 403) {
    await discard(body)
    throw credentialRefused(status)
  }
  if (type !== 'application/json') return await discard(body), { kind: 'status', status }
  const data = await body.whole(options.maxAnswer, options.headersTimeout)
  return data.length === 0 ? { kind: 'status', status } : { kind: 'json', status, arrival: { data } }
}

async function* readEvents(body: AnswerBody, options: HttpUpstreamOptions): AsyncGenerator<Arrival | StreamMark> {
  const reader = options.createSseReader({ maxEvent: options.maxAnswer })
  try {
    for await (const chunk of body) for (const event of reader.push(chunk)) yield* arrivalsOf(event)
    for (const event of reader.end()) yield* arrivalsOf(event)
  } catch (cause) {
    throw cause instanceof GatewayError ? cause : new GatewayError('upstream_broken', { cause })
  } finally {
    body.destroy()
  }
}

function* arrivalsOf(event: SseEventLike): Generator<Arrival | StreamMark> {
  const id = event.id === undefined ? {} : { event_id: event.id }
  const retry = event.retry === undefined ? {} : { retry: event.retry }
  if (event.data === '' && event.id !== undefined) yield { mark: 'priming', ...id, ...retry }
  else if (event.retry !== undefined) yield { mark: 'retry', ...retry }
  if (event.data !== '') yield { data: Buffer.from(event.data), ...id }
}
