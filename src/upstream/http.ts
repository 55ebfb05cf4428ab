import { GatewayError } from '../errors.ts'
import type { JsonObject, Message, Revision } from '../model.ts'
import { createPooledExchange } from './exchange-pooled.ts'
import { createProxiedExchange } from './exchange-proxied.ts'
import type { AnswerBody, ExchangeOutput } from './exchange.ts'
import type { Arrival, OwnIds, Reply, StreamMark, Upstream, UpstreamLink } from './upstream.ts'

export interface SseEventLike {
  readonly id?: string
  readonly data: string
  readonly retry?: number
}
export interface SseReader {
  push(chunk: Uint8Array): readonly SseEventLike[]
  end(): readonly SseEventLike[]
}

export interface HttpUpstreamOptions {
  readonly name: string
  readonly labels: { readonly [label: string]: string }
  readonly url: string
  /** The header that carries the gateway's credential. */
  readonly credential?: { readonly header: string; readonly value: string }
  readonly secrets: readonly string[]
  /** Bytes of one answer or event. */
  readonly maxAnswer: number
  readonly headersTimeout: number
  readonly print: (message: Message, own: OwnIds) => string
  readonly createSseReader: (options: { maxEvent: number }) => SseReader
}

/** A server over Streamable HTTP (MCP 2025-11-25 basic/transports, 2026-07-28 basic/transports/streamable-http). */
export function createHttpUpstream(options: HttpUpstreamOptions): Upstream {
  const calls = createPooledExchange(options.url)
  const streams = createProxiedExchange(options.url)
  const credential: Record<string, string> = options.credential === undefined ? {} : { [options.credential.header.toLowerCase()]: options.credential.value }

  const open = (): UpstreamLink => {
    let session: string | undefined
    let negotiated: string | undefined
    const legacyHeaders = (revision: Revision): Record<string, string> => ({
      ...(session === undefined ? {} : { 'mcp-session-id': session }),
      ...(revision === '2024-11-05' || revision === '2025-03-26' ? {} : { 'mcp-protocol-version': negotiated ?? revision }),
    })
    const revisionHeaders = (message: Message): Record<string, string> => {
      if (message.revision === '2026-07-28') return modernHeaders(message)
      return message.method === 'initialize' && message.kind === 'request' ? {} : legacyHeaders(message.revision)
    }

    return {
      generation: 0,
      get hasSession() {
        return session !== undefined
      },
      saysCancelled: false,
      async send(evaluated, { headers, signal, ...own }) {
        const { message } = evaluated
        const greets = message.kind === 'request' && message.method === 'initialize'
        if (greets) session = undefined
        const answer = await calls.exchange({
          method: 'POST',
          headers: {
            ...headers,
            ...revisionHeaders(message),
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            'accept-encoding': 'identity',
            ...credential,
          },
          body: options.print(message, own),
          signal,
          headersTimeout: options.headersTimeout,
        })
        if (greets) {
          session = single(answer.headers['mcp-session-id']) || undefined
          negotiated = undefined
        } else if (message.revision !== '2026-07-28') negotiated = message.revision
        return readReply(answer, options)
      },
      async listen({ signal, revision, from }) {
        const answer = await streams.exchange({
          method: 'GET',
          headers: {
            ...legacyHeaders(revision),
            accept: 'text/event-stream',
            'accept-encoding': 'identity',
            ...(from === undefined ? {} : { 'last-event-id': from }),
            ...credential,
          },
          signal,
          headersTimeout: options.headersTimeout,
        })
        return readReply(answer, options)
      },
      async close() {
        if (session === undefined) return
        const headers = { ...legacyHeaders('2025-11-25'), ...credential }
        session = undefined
        const signal = AbortSignal.timeout(2000)
        await streams.exchange({ method: 'DELETE', headers, signal, headersTimeout: 2000 }).then(
          ({ body }) => discard(body),
          () => undefined, // the server may be gone already; its session dies with it
        )
      },
    }
  }
  return {
    name: options.name, labels: options.labels, secrets: options.secrets, open,
    async close() {
      calls.close()
      streams.close()
    },
  }
}

const single = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value)

// Routing headers of MCP 2026-07-28, basic/transports/streamable-http, "Standard Headers".
function modernHeaders(message: Message): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': message.revision }
  if (message.kind !== 'request' && message.kind !== 'notification') return headers
  headers['mcp-method'] = message.method
  const name = routedName(message.method, message.body)
  if (name !== undefined) headers['mcp-name'] = headerValue(name)
  return headers
}

function routedName(method: string, params: JsonObject): string | undefined {
  const key = method === 'resources/read' ? 'uri' : method.startsWith('tasks/') ? 'taskId' : method === 'tools/call' || method === 'prompts/get' ? 'name' : undefined
  const value = key === undefined ? undefined : params[key]
  return typeof value === 'string' ? value : undefined
}

/** A header value as it is, or in the base64 sentinel form where it would not survive (same page, "Value Encoding"). */
export function headerValue(text: string): string {
  const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !/^=\?base64\?.*\?=$/i.test(text)
  return plain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`
}

async function readReply(answer: ExchangeOutput, options: HttpUpstreamOptions): Promise<Reply> {
  const { status, body } = answer
  const type = answer.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (status === 202 || status === 204) return await discard(body), { kind: 'accepted' }
  if (type === 'text/event-stream' && status === 200) return { kind: 'stream', streams: true, arrivals: readEvents(body, options) }
  if (status === 401 || status === 403) {
    await discard(body)
    throw new GatewayError('upstream_unreachable', { detail: `the server refused the gateway's own credential (${status})` })
  }
  if (type !== 'application/json') return await discard(body), { kind: 'status', status }
  const data = await body.whole(options.maxAnswer, options.headersTimeout)
  return data.length === 0 ? { kind: 'status', status } : { kind: 'json', status, arrival: { data } }
}

const mostDiscarded = 64 * 1024

/** Reads what nobody needs, so that its socket can be used again; what is long or slow costs the socket. */
async function discard(body: AnswerBody): Promise<void> {
  await body.whole(mostDiscarded, 1000).catch(() => undefined)
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
