import type { Signal } from '../abort.ts'
import { GatewayError } from '../errors.ts'
import { exchangeAs, Uncredentialed, type Credential } from './credential.ts'
import { Outdated } from './exchange.ts'
import { credentialRefused, discard, isAboutGateway } from './http-server.ts'
import { createReplicas, type Replicas } from './replicas.ts'
import { startRun, type Run, type SseUpstreamOptions } from './sse-run.ts'
import { createStarts } from './starts.ts'
import type { Reply, Sent, Upstream, UpstreamLink } from './upstream.ts'

/** A server over HTTP+SSE (MCP 2024-11-05 basic/transports): everything that it says comes on one stream. */
export function createSseUpstream(options: SseUpstreamOptions): Upstream {
  const replicas = createReplicas(options.urls, options.tls)
  return {
    name: options.name,
    labels: options.labels,
    open: ({ actor }) => createLink(options, replicas, options.credentials.of(actor)),
    replicas: replicas.state,
    close: async () => replicas.close(),
  }
}

function createLink(options: SseUpstreamOptions, replicas: Replicas, credential: Credential): UpstreamLink {
  const connects = createStarts('the stream was lost')
  let run: Run | undefined
  let generation = 0
  let closed = false

  /** The next use of a connection that is gone opens another. */
  const running = (): Run => {
    if (closed) throw new GatewayError('upstream_unreachable', { detail: 'the session is closed' })
    if (run !== undefined) return run
    const now = performance.now()
    connects.check(now)
    connects.count(now)
    const started = startRun(options, replicas, credential, (gone) => {
      if (run === gone) run = undefined
    })
    started.opened.catch((cause: unknown) => {
      if (cause instanceof Uncredentialed) connects.uncount()
    })
    run = started
    generation += 1
    return started
  }

  /** By its 404 the server no longer knows the connection that its stream still seems to be. */
  const heed = (target: Run, unsent: Unsent): Sent => {
    if (unsent.kind === 'status' && unsent.status === 404) target.lose('the server no longer knows the session')
    return unsent
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
      const posting: Posting = { body: options.print(message, own), signal, mayBegin: isCurrent, headersTimeout: options.answerTimeout }
      const { id, progressToken } = own
      if (message.kind !== 'request' || id === undefined) {
        const unsent = await post(target, credential, posting)
        return unsent === undefined ? { kind: 'accepted' } : heed(target, unsent)
      }
      const expected = target.board.expect({ id, progressToken, subscribes: message.method === 'subscriptions/listen', signal })
      const posted = post(target, credential, posting).catch((fault: Error) => void expected.fail(fault))
      // Some servers accept a message only when they have answered it.
      const unsent = await Promise.race([posted, expected.touched])
      if (unsent === undefined) return { kind: 'stream', streams: false, arrivals: expected.items }
      expected.fail(new GatewayError('upstream_broken', { detail: `the message was refused (${unsent.kind === 'status' ? unsent.status : unsent.kind})` }))
      return heed(target, unsent)
    },
    listen: async ({ signal }): Promise<Reply> => ({ kind: 'stream', streams: true, arrivals: running().board.listen(signal) }),
    async close() {
      closed = true
      run?.lose('the session was closed')
    },
  }
}

/** Why a message was not taken. */
type Unsent = Extract<Sent, { kind: 'status' | 'outdated' | 'uncredentialed' }>

interface Posting {
  readonly body: string
  readonly signal: Signal
  readonly mayBegin: () => boolean
  readonly headersTimeout: number
}

/** Undefined where the server took it; what it has to say comes on the stream. */
async function post(run: Run, credential: Credential, posting: Posting): Promise<Unsent | undefined> {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'accept-encoding': 'identity' }
  try {
    const { replica, path } = await run.opened
    const answer = await exchangeAs(credential, replica.calls, replica.url, { method: 'POST', path, headers, ...posting })
    await discard(answer.body)
    const { status } = answer
    if (isAboutGateway(status)) throw credentialRefused(status)
    if (status < 300) return undefined
    return { kind: 'status', status }
  } catch (cause) {
    if (cause instanceof Outdated) return { kind: 'outdated' }
    if (cause instanceof Uncredentialed) return { kind: 'uncredentialed', need: cause.need }
    throw cause
  }
}
