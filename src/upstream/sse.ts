import { GatewayError } from '../errors.ts'
import type { KnownActor, Logger } from '../model.ts'
import { exchangeAs, Uncredentialed } from './credential.ts'
import { Outdated, type AnswerBody } from './exchange.ts'
import { credentialRefused, discard, mediaTypeOf, type HttpServer, type SseEventLike, type SseReader } from './http-server.ts'
import { createFlow } from './queue.ts'
import { createReplicas, type Replica } from './replicas.ts'
import { createSwitchboard, type ReadAddress, type Switchboard } from './switchboard.ts'
import type { Reply, Sent, Upstream, UpstreamLink } from './upstream.ts'

export interface SseUpstreamOptions extends HttpServer {
  /** Milliseconds until the server's response heads, its endpoint, and the first message about a request. */
  readonly answerTimeout: number
  readonly readAddress: ReadAddress
  readonly logger: Logger
}

/** One connection from its stream's opening to its loss. */
interface Run {
  readonly board: Switchboard
  readonly abort: AbortController
  /** Where its messages are sent. Rejects where the connection failed. */
  readonly opened: Promise<{ readonly replica: Replica; readonly path: string }>
  /** True once a client's greeting was sent on it: the server knows nothing of another connection's. */
  greeted: boolean
}

/** The HTTP status by which the server refused a message, or why it was not sent. */
type Unsent = number | 'outdated' | Uncredentialed

const connectWindow = 60_000
const mostConnects = 5
/** Bytes that no reader has taken yet: past the first the stream is not read. */
const unread = { high: 1024 * 1024, low: 256 * 1024 }

/** A server over HTTP+SSE (MCP 2024-11-05 basic/transports): everything that it says comes on one stream. */
export function createSseUpstream(options: SseUpstreamOptions): Upstream {
  const replicas = createReplicas(options.urls, options.tls)

  const open = ({ actor }: { readonly actor: KnownActor }): UpstreamLink => {
    const credential = options.credentials.of(actor)
    let run: Run | undefined
    let generation = 0
    let closed = false
    let connects: number[] = []

    const openStream = async (replica: Replica, signal: AbortSignal) => {
      const headers = { accept: 'text/event-stream', 'accept-encoding': 'identity' }
      const answer = await exchangeAs(credential, replica.streams, replica.url, { method: 'GET', headers, signal, headersTimeout: options.answerTimeout })
      if (answer.status === 200 && mediaTypeOf(answer) === 'text/event-stream') return { replica, body: answer.body }
      answer.body.destroy()
      throw new GatewayError('upstream_broken', { detail: `the server answered ${answer.status} instead of a stream of events` })
    }
    /** The next use opens another connection. */
    const detach = (gone: Run) => {
      if (run === gone) run = undefined
      gone.abort.abort()
      gone.board.endListening()
    }
    /** What was asked on a lost connection stays unanswered: nothing is sent twice. */
    const lose = (lost: Run, detail: string) => {
      detach(lost)
      lost.board.fail('upstream_broken', detail)
    }
    const running = (): Run => {
      if (closed) throw new GatewayError('upstream_unreachable', { detail: 'the session is closed' })
      if (run !== undefined) return run
      const now = performance.now()
      connects = connects.filter((at) => now - at < connectWindow)
      if (connects.length >= mostConnects) throw new GatewayError('upstream_unreachable', { detail: `the stream was lost ${mostConnects} times within a minute` })
      connects.push(now)
      const abort = new AbortController()
      const tap = createTap()
      const board = createSwitchboard({
        readAddress: options.readAddress, answerTimeout: options.answerTimeout, flow: createFlow(tap, unread),
        unreadable: ({ length }) => options.logger.warn('a server sent what is no message', { upstream: options.name, bytes: length }),
      })
      const endpoint = Promise.withResolvers<string>()
      const connect = async () => {
        const { replica, body } = await replicas.first('sessions', abort.signal, (replica) => openStream(replica, abort.signal))
        const reader = options.createSseReader({ maxEvent: options.maxAnswer })
        const ended = read(body, (event) => take(event, endpoint.resolve, board), tap, reader).then(() => 'the server ended its stream', detailOf)
        void ended.then((detail) => endpoint.reject(new GatewayError('upstream_broken', { detail })))
        const path = endpointPath(await inTime(endpoint.promise, options.answerTimeout), replica.url)
        void ended.then((detail) => lose(started, detail))
        replica.homes += 1
        abort.signal.addEventListener('abort', () => (replica.homes -= 1), { once: true })
        return { replica, path }
      }
      const opened = connect().catch((cause: unknown): never => {
        detach(started)
        // Whatever went wrong, no message was sent; of a caller without a credential, not even the server has heard.
        if (cause instanceof Uncredentialed) connects.pop()
        throw cause instanceof Uncredentialed ? cause : new GatewayError('upstream_unreachable', { cause, detail: detailOf(cause) })
      })
      opened.catch(() => undefined) // told to those who wait for it
      const started: Run = { board, abort, opened, greeted: false }
      run = started
      generation += 1
      return started
    }

    const post = (target: Run, body: string, signal: AbortSignal, mayBegin: () => boolean): Promise<Unsent | undefined> =>
      postNow(target, body, signal, mayBegin).catch((cause: unknown) => {
        if (cause instanceof Uncredentialed) return cause
        throw cause
      })
    const postNow = async (target: Run, body: string, signal: AbortSignal, mayBegin: () => boolean): Promise<Unsent | undefined> => {
      const { replica, path } = await target.opened
      const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'accept-encoding': 'identity' }
      const answer = await exchangeAs(credential, replica.calls, replica.url, { method: 'POST', path, headers, body, mayBegin, signal, headersTimeout: options.answerTimeout }).catch((cause: unknown) => {
        if (cause instanceof Outdated) return undefined
        throw cause
      })
      if (answer === undefined) return 'outdated'
      await discard(answer.body)
      if (answer.status === 401 || answer.status === 403) throw credentialRefused(answer.status)
      return answer.status < 300 ? undefined : answer.status
    }
    /** By its 404 the server no longer knows the connection that its stream still seems to be. */
    const refused = (target: Run, status: Unsent): Sent => {
      if (status === 'outdated') return { kind: 'outdated' }
      if (status instanceof Uncredentialed) return { kind: 'uncredentialed', need: status.need }
      if (status === 404) lose(target, 'the server no longer knows the session')
      return { kind: 'status', status }
    }

    return {
      saysCancelled: true,
      hasSession: false,
      get secrets() {
        return credential.secrets()
      },
      get generation() {
        if (run === undefined && !closed) running()
        return generation
      },
      async send(evaluated, { signal, isCurrent, ...own }): Promise<Sent> {
        if (signal.aborted) throw new GatewayError('upstream_unreachable', { detail: 'aborted before it was sent' })
        const { message } = evaluated
        const target = running()
        const greets = message.kind === 'request' && message.method === 'initialize'
        if (greets) target.greeted = true
        else if (message.revision !== '2026-07-28' && !target.greeted) throw new GatewayError('upstream_unreachable', { detail: 'the connection is new, and the server was not greeted on it' })
        const body = options.print(message, own)
        const { id, progressToken } = own
        if (message.kind !== 'request' || id === undefined) {
          const status = await post(target, body, signal, isCurrent)
          return status === undefined ? { kind: 'accepted' } : refused(target, status)
        }
        const expected = target.board.expect({ id, progressToken, signal })
        const posted = post(target, body, signal, isCurrent).catch((fault: Error) => void expected.fail(fault))
        // Some servers accept a message only when they have answered it.
        const status = await Promise.race([posted, expected.touched])
        if (status === undefined) return { kind: 'stream', streams: false, arrivals: expected.items }
        expected.fail(new GatewayError('upstream_broken', { detail: `the message was refused (${String(status)})` }))
        return refused(target, status)
      },
      listen: async ({ signal }): Promise<Reply> => ({ kind: 'stream', streams: true, arrivals: running().board.listen(signal) }),
      async close() {
        closed = true
        if (run !== undefined) lose(run, 'the session was closed')
      },
    }
  }

  return { name: options.name, labels: options.labels, open, replicas: replicas.state, close: async () => replicas.close() }
}

function take({ event, data }: SseEventLike, tell: (endpoint: string) => void, board: Switchboard): void {
  if (event === 'endpoint') tell(data)
  else if ((event === undefined || event === 'message') && data !== '') board.deliver(Buffer.from(data))
}

/** The endpoint may be on the server's own origin and nowhere else: whoever names it could else send the credential where it likes. */
function endpointPath(endpoint: string, base: string): string {
  const found = URL.parse(endpoint, base)
  if (found === null || found.origin !== new URL(base).origin || found.username !== '' || found.password !== '') {
    throw new GatewayError('upstream_broken', { detail: 'the server named an endpoint of another origin than its own' })
  }
  return `${found.pathname}${found.search}`
}

interface Tap {
  pause(): void
  resume(): void
  /** Resolves at once, or when it is resumed. */
  opened(): Promise<void> | undefined
}

function createTap(): Tap {
  let waiting: PromiseWithResolvers<void> | undefined
  return {
    pause() {
      waiting ??= Promise.withResolvers<void>()
    },
    resume() {
      waiting?.resolve()
      waiting = undefined
    },
    opened: () => waiting?.promise,
  }
}

async function read(body: AnswerBody, each: (event: SseEventLike) => void, tap: Tap, reader: SseReader): Promise<void> {
  for await (const chunk of body) {
    for (const event of reader.push(chunk)) each(event)
    await tap.opened()
  }
  for (const event of reader.end()) each(event)
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
