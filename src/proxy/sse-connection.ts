import { setTimeout as pause } from 'node:timers/promises'
import { toPlatform } from '../abort.ts'
import type { Channel, ClientChannel } from './channel.ts'
import type { Judge } from './evaluate.ts'
import { passStream } from './relay.ts'
import type { ClientSession } from './session.ts'

/** The stream of one client of HTTP+SSE (MCP 2024-11-05 basic/transports), on which everything comes back to it. */
export interface SseConnection {
  readonly caller: string
  readonly upstream: string
  /** Opened by the client's greeting. */
  session: ClientSession | undefined
  /** For one request: the stream goes on after it. */
  readonly channel: Channel
  /** For what no request asked for; finished, it ends the stream when what runs has been answered. */
  readonly listening: ClientChannel
  /** The stream lasts for at least so many milliseconds more, if the client stays. */
  lastFor(ms: number): void
  /** Work that may still have something to say on the stream. It tells its faults itself. */
  during(work: Promise<unknown>): void
  /** Resolves when nothing runs any more. */
  settled(): Promise<void>
}

export function createSseConnection({ caller, upstream }: Pick<SseConnection, 'caller' | 'upstream'>, base: ClientChannel): SseConnection {
  const running = new Set<Promise<unknown>>()
  let until = 0
  let expiry: NodeJS.Timeout | undefined
  base.left.addEventListener('abort', () => clearTimeout(expiry), { once: true })

  const settled = async () => {
    while (running.size > 0) await Promise.allSettled(running)
  }
  const finish = () => void settled().then(() => base.finish())
  const { left } = base
  const shared: Pick<Channel, 'left' | 'release' | 'answer' | 'notify' | 'stream' | 'retry' | 'prime' | 'pause'> = {
    left,
    release: (evaluated, of, status) => base.release(evaluated, of, status),
    answer: (own) => base.answer(own),
    notify: (envelope) => base.notify(envelope),
    stream: () => undefined,
    retry: async () => undefined,
    prime: async () => undefined,
    pause: () => false,
  }
  return {
    caller, upstream, settled,
    session: undefined,
    channel: {
      ...shared,
      get reaches() {
        return base.reaches
      },
      get streams() {
        return base.streams
      },
      finish: () => undefined,
      cut: () => base.cut(),
    },
    listening: {
      ...shared,
      get reaches() {
        return base.reaches
      },
      get streams() {
        return base.streams
      },
      get isOpen() {
        return base.isOpen
      },
      get isOver() {
        return base.isOver
      },
      finish,
      cut: () => base.cut(),
      resume: (response, seq, again) => base.resume(response, seq, again),
    },
    lastFor(ms) {
      const end = performance.now() + ms
      if (end <= until || left.aborted) return
      until = end
      clearTimeout(expiry)
      expiry = setTimeout(finish, Math.min(ms, 2 ** 31 - 1)).unref()
    },
    during(work) {
      running.add(work)
      void work.finally(() => running.delete(work)).catch(() => undefined)
    },
  }
}

const firstPause = 1000
const longestPause = 30_000

/** The client opened its one stream at the beginning: what its server says unasked is listened to for it, as long as it stays. */
export async function hearUnasked(session: ClientSession, { listening }: SseConnection, rooms: Judge): Promise<void> {
  const signal = toPlatform(listening.left)
  for (let wait = firstPause; !signal.aborted && !session.closed; wait = Math.min(wait * 2, longestPause)) {
    const since = rooms.clock()
    try {
      const reply = await session.link.listen({ signal, revision: session.revision, ...(session.heard === undefined ? {} : { from: session.heard }) })
      if (reply.kind !== 'stream') return // many servers offer none
      await passStream(reply.arrivals, { pending: undefined, channel: listening }, session, rooms)
    } catch (cause) {
      if (!signal.aborted) rooms.logger.warn('a stream of a server broke', { upstream: session.upstream.name, session: session.id, cause: String(cause) })
    }
    if (rooms.clock() - since > longestPause) wait = firstPause
    await pause(wait, undefined, { signal, ref: false }).catch(() => undefined)
  }
}
