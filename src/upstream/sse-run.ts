import type { Signal } from '../abort.ts'
import { GatewayError } from '../errors.ts'
import type { Logger } from '../model.ts'
import { exchangeAs, Uncredentialed, type Credential } from './credential.ts'
import { createTap, endpointPath, readEvents } from './event-stream.ts'
import { mediaTypeOf, type HttpServer, type SseEventLike } from './http-server.ts'
import { costOf, createTally } from './noise.ts'
import { createFlow } from './queue.ts'
import type { Replica, Replicas } from './replicas.ts'
import { createSwitchboard, type ReadAddress, type Switchboard } from './switchboard.ts'

export interface SseUpstreamOptions extends HttpServer {
  /** Milliseconds until the server's response heads, its endpoint, and the first message about a request. */
  readonly answerTimeout: number
  readonly readAddress: ReadAddress
  readonly logger: Logger
}

/** One connection from its stream's opening to its loss. */
export interface Run {
  readonly board: Switchboard
  /** Where its messages are sent. Rejects where the connection failed. */
  readonly opened: Promise<Endpoint>
  /** True once a client's greeting was sent on it: the server knows nothing of another connection's. */
  greeted: boolean
  /** What was asked on it stays unanswered: nothing is sent twice. */
  lose(detail: string): void
}
export interface Endpoint {
  readonly replica: Replica
  readonly path: string
}

/** Bytes that no reader has taken yet: past the first the stream is not read. */
const unread = { high: 1024 * 1024, low: 256 * 1024 }

/** Connects at once; `gone` is told of the connection that it is no more. */
export function startRun(options: SseUpstreamOptions, replicas: Replicas, credential: Credential, gone: (run: Run) => void): Run {
  const abort = new AbortController()
  const tap = createTap()
  const board = createSwitchboard({
    readAddress: options.readAddress, answerTimeout: options.answerTimeout, flow: createFlow(tap, unread),
    unreadable: createTally((messages, bytes) => options.logger.warn('a server sent what is no message', { upstream: options.name, messages, bytes })),
  })
  const leave = () => {
    gone(run)
    abort.abort()
    board.endListening()
  }
  const lose = (detail: string) => {
    leave()
    board.fail('upstream_broken', detail)
  }
  const connect = async (): Promise<Endpoint> => {
    const { replica, body } = await replicas.first('sessions', abort.signal, (replica) => openStream(replica, options, credential, abort.signal))
    const endpoint = Promise.withResolvers<string>()
    const reader = options.createSseReader({ maxEvent: options.maxAnswer })
    const ended = readEvents(body, (event) => take(event, endpoint.resolve, board), tap, reader).then(() => 'the server ended its stream', detailOf)
    void ended.then((detail) => endpoint.reject(new GatewayError('upstream_broken', { detail })))
    const path = endpointPath(await inTime(endpoint.promise, options.answerTimeout), replica.url)
    void ended.then(lose)
    replica.homes += 1
    abort.signal.addEventListener('abort', () => (replica.homes -= 1), { once: true })
    return { replica, path }
  }
  const opened = connect().catch((cause: unknown): never => {
    leave()
    // Whatever went wrong, no message was sent; of a caller without a credential, not even the server has heard.
    throw cause instanceof Uncredentialed ? cause : new GatewayError('upstream_unreachable', { cause, detail: detailOf(cause) })
  })
  opened.catch(() => undefined) // told to those who wait for it
  const run: Run = { board, opened, greeted: false, lose }
  return run
}

async function openStream(replica: Replica, { answerTimeout }: SseUpstreamOptions, credential: Credential, signal: Signal) {
  const headers = { accept: 'text/event-stream', 'accept-encoding': 'identity' }
  const answer = await exchangeAs(credential, replica.streams, replica.url, { method: 'GET', headers, signal, headersTimeout: answerTimeout })
  if (answer.status === 200 && mediaTypeOf(answer) === 'text/event-stream') return { replica, body: answer.body }
  answer.body.destroy()
  throw new GatewayError('upstream_broken', { detail: `the server answered ${answer.status} instead of a stream of events` })
}

/** Answers what the event cost without being of use to anybody. */
function take({ event, data }: SseEventLike, tell: (endpoint: string) => void, board: Switchboard): number {
  if ((event === undefined || event === 'message') && data !== '') return board.deliver(Buffer.from(data))
  if (event === 'endpoint') tell(data)
  return costOf(data.length)
}

async function inTime<T>(promise: Promise<T>, limit: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new GatewayError('upstream_timeout', { detail: 'the server did not name its endpoint' })), limit).unref()
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

const detailOf = (cause: unknown): string => (cause instanceof GatewayError ? (cause.detail ?? cause.code) : String((cause as { message?: unknown }).message ?? cause))
