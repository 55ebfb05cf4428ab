import { setTimeout as pause } from 'node:timers/promises'
import { toPlatform } from '../abort.ts'
import { GatewayError } from '../errors.ts'
import type { Arrival, StreamMark } from '../upstream/upstream.ts'
import type { Judge } from './evaluate.ts'
import { passStream, type Where } from './relay.ts'
import type { ClientSession, Pending } from './session.ts'
import { gaveUp } from './silence.ts'

type Arrivals = AsyncIterable<Arrival | StreamMark>

const usualRetry = 1000
/** How often a server may be asked for the rest of a stream without sending anything of it. */
const mostInVain = 5

/**
 * Reads the stream of a request to its answer. A server may end the connection before that, or lose it, and be asked for the rest
 * (MCP 2025-11-25 basic/transports, "Sending Messages to the Server"); where it ended it, the client's is ended too, to come back.
 */
export async function readOn(first: Arrivals, where: Where & { readonly pending: Pending }, session: ClientSession, rooms: Judge): Promise<void> {
  const { pending } = where
  let arrivals = first
  for (let inVain = 0; ; ) {
    const before = pending.heard
    const end = { cut: false }
    await passStream(untilCut(arrivals, pending, end), where, session, rooms)
    if (pending.answered) return
    const fault = gaveUp(pending)
    if (fault !== undefined) throw fault
    if (pending.heard === undefined) throw new GatewayError('upstream_broken', { detail: 'the stream ended without an answer' })
    inVain = pending.heard === before ? inVain + 1 : 0
    if (inVain > mostInVain) throw new GatewayError('upstream_broken', { detail: 'the server goes on with a stream and sends nothing of it' })
    if (!end.cut) await leaveClient(pending)
    pending.detached = true
    arrivals = await resumeAt(pending, session)
  }
}

async function leaveClient({ channel, retry }: Pending): Promise<void> {
  if (retry === undefined) await channel.retry(usualRetry)
  channel.pause()
}

async function resumeAt({ heard, retry, abort }: Pending, session: ClientSession): Promise<Arrivals> {
  await pause(retry ?? usualRetry, undefined, { signal: toPlatform(abort), ref: false })
  const reply = await session.link.listen({ signal: abort.signal, revision: session.revision, ...(heard === undefined ? {} : { from: heard }) })
  if (reply.kind !== 'stream') throw new GatewayError('upstream_broken', { detail: 'the server does not go on with a stream that it ended' })
  return reply.arrivals
}

/** A connection that was lost is an end where the server can be asked for the rest. */
async function* untilCut(arrivals: Arrivals, pending: Pending, end: { cut: boolean }): AsyncGenerator<Arrival | StreamMark> {
  try {
    yield* arrivals
  } catch (cause) {
    if (pending.heard === undefined || pending.abort.signal.aborted) throw cause
    end.cut = true
  }
}
