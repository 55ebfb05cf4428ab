import { GatewayError } from '../errors.ts'
import type { JsonObject, KnownActor, Message } from '../model.ts'
import { exchangeAs, faultOfNeed, Uncredentialed } from './credential.ts'
import { createRest, inTurns } from './event-stream.ts'
import { Outdated, type AnswerBody, type ExchangeInput, type ExchangeOutput } from './exchange.ts'
import { credentialRefused, discard, isAboutGateway, mediaTypeOf, type HttpServer, type SseEventLike } from './http-server.ts'
import { createHttpSession } from './http-session.ts'
import { costOf } from './noise.ts'
import { createReplicas, type Replica, type Replicas } from './replicas.ts'
import type { Arrival, Reply, Sent, StreamMark, Upstream, UpstreamLink } from './upstream.ts'

export interface HttpUpstreamOptions extends HttpServer {
  readonly headersTimeout: number
  /** MCP 2026-07-28 basic/transports/streamable-http, "Value Encoding". */
  readonly encodeHeader: (text: string) => string
}

/** A server over Streamable HTTP (MCP 2025-11-25 basic/transports, 2026-07-28 basic/transports/streamable-http). */
export function createHttpUpstream(options: HttpUpstreamOptions): Upstream {
  const replicas = createReplicas(options.urls, options.tls)
  return {
    name: options.name, labels: options.labels,
    open: ({ actor }) => openLink(actor, replicas, options),
    replicas: replicas.state,
    close: async () => replicas.close(),
  }
}

function openLink(actor: KnownActor, replicas: Replicas, options: HttpUpstreamOptions): UpstreamLink {
  const credential = options.credentials.of(actor)
  const session = createHttpSession(replicas)
  const call = ({ calls, url }: Replica, input: ExchangeInput) => exchangeAs(credential, calls, url, input)
  const stream = ({ streams, url }: Replica, input: ExchangeInput) => exchangeAs(credential, streams, url, input)
  const headersOf = (message: Message, greets: boolean): Record<string, string> => {
    if (message.revision === '2026-07-28') return modernHeaders(message, options.encodeHeader)
    return greets ? {} : session.headers(message.revision)
  }
  return {
    get generation() {
      return session.generation
    },
    get hasSession() {
      return session.isOpen
    },
    saysCancelled: false,
    get secrets() {
      return credential.secrets()
    },
    async send({ message }, sending) {
      const { signal } = sending
      const greets = message.kind === 'request' && message.method === 'initialize'
      const input = {
        method: 'POST',
        headers: { ...posted, ...headersOf(message, greets), ...sending.headers },
        body: options.print(message, sending),
        mayBegin: sending.isCurrent,
        signal,
        headersTimeout: options.headersTimeout,
      } as const
      const attempt = (replica: Replica) => call(replica, input)
      let answer: ExchangeOutput
      try {
        answer = await (greets ? session.greet(attempt, signal) : message.revision === '2026-07-28' ? replicas.first('calls', signal, attempt) : session.atHome(attempt, signal))
      } catch (cause) {
        return unlessUnsent(cause)
      }
      if (greets) session.greeted(single(answer.headers['mcp-session-id']) || undefined)
      else if (message.revision !== '2026-07-28') session.speaks(message.revision)
      return await readReply(answer, options)
    },
    async listen({ signal, revision, from }) {
      const headers = { ...session.headers(revision), accept: 'text/event-stream', 'accept-encoding': 'identity', ...(from === undefined ? {} : { 'last-event-id': from }) }
      const { headersTimeout } = options
      const attempt = (replica: Replica) => stream(replica, { method: 'GET', headers, signal, headersTimeout })
      return readReply(await session.atHome(attempt, signal).catch((cause: unknown) => Promise.reject(faultOfNeed(cause))), options)
    },
    async close() {
      const headers = session.headers('2025-11-25')
      const last = session.leave()
      if (last === undefined) return
      const signal = AbortSignal.timeout(2000)
      await stream(last, { method: 'DELETE', headers, signal, headersTimeout: 2000 }).then(
        ({ body }) => discard(body),
        () => undefined, // the server may be gone already; its session dies with it
      )
    },
  }
}

const posted = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'accept-encoding': 'identity' } as const

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
  if (isAboutGateway(status)) {
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
    const rest = createRest()
    for await (const chunk of inTurns(body)) {
      for (const event of reader.push(chunk)) {
        if (event.data === '') rest.spend(costOf(0))
        yield* arrivalsOf(event)
      }
      rest.spend(reader.takeSkipped())
      await rest.over()
    }
    for (const event of reader.end()) yield* arrivalsOf(event)
  } catch (cause) {
    throw cause instanceof GatewayError ? cause : new GatewayError('upstream_broken', { cause })
  } finally {
    body.destroy()
  }
}

/** No server takes a longer one back in a header. */
const longestId = 4096

/** The id by which the rest can be asked for: a copy, since a part of a text keeps all of it. */
const idOf = ({ id }: SseEventLike) => (id === undefined || id.length > longestId ? {} : { event_id: Buffer.from(id).toString() })

function* arrivalsOf(event: SseEventLike): Generator<Arrival | StreamMark> {
  const id = idOf(event)
  const retry = event.retry === undefined ? {} : { retry: event.retry }
  if (event.data === '' && event.id !== undefined) yield { mark: 'priming', ...id, ...retry }
  else if (event.retry !== undefined) yield { mark: 'retry', ...retry }
  if (event.data !== '') yield { data: Buffer.from(event.data), ...id }
}
