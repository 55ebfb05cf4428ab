import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { KnownActor } from '../model.ts'
import type { WireRefusal } from '../wire/refusal.ts'
import type { ClientChannel } from './channel.ts'
import type { Judge } from './evaluate.ts'
import type { Resumed, StreamLog } from './outbox.ts'
import { tellOwed } from './notices.ts'
import { passStream } from './relay.ts'
import { judgeAgain } from './replay.ts'
import type { ClientSession } from './session.ts'

export interface Listener {
  readonly session: ClientSession
  readonly actor: KnownActor
  readonly response: ServerResponse
  /** The `Last-Event-ID` that the client came with. */
  readonly last: string | undefined
  /** A channel to the response; the log of a stream that goes on. */
  readonly open: (log?: StreamLog) => ClientChannel
  /** Called with what ends the response when its token expires. */
  readonly endsBy: (end: () => void) => void
}

/** What has to be told in place of a stream; nothing where there was one. */
type Listened = WireRefusal | undefined

const refusal = (status: number, message: string, headers?: WireRefusal['headers']): WireRefusal => ({ status, rpc: { id: null, code: -32000, message }, ...(headers === undefined ? {} : { headers }) })

/** The stream of what no request asked for, or the rest of a stream that was cut (MCP 2025-11-25 basic/transports, "Listening", "Resumability"). */
export async function listen(listener: Listener, rooms: Judge): Promise<Listened> {
  const { session, response, actor, last, endsBy } = listener
  const resumed = last === undefined ? undefined : session.outbox.find(last)
  if (last !== undefined && resumed === undefined) return refusal(400, 'that Last-Event-ID is not known, or no longer')
  if (resumed?.listens === false) return void (await tellRest(listener, resumed, rooms))
  const { listening } = session
  if (listening?.isOpen === true && resumed?.channel !== listening) return refusal(409, 'this session has an open stream already')
  // Its client was lost a moment ago, and the server's stream is still read.
  if (listening !== undefined) {
    endsBy(() => listening.cut())
    await listening.resume(response, resumed?.seq ?? Number.MAX_SAFE_INTEGER, (said) => judgeAgain(said, session, actor, rooms))
    return void (await tellOwed(session, rooms))
  }
  return hearServer(listener, resumed, rooms)
}

/** The rest of a stream of answers. Of one that is over, on a channel of its own: whoever comes back once more meanwhile goes on with that. */
async function tellRest({ session, response, actor, open, endsBy }: Listener, resumed: Resumed, rooms: Judge): Promise<void> {
  const isOver = resumed.channel === undefined
  const channel = resumed.channel ?? open(resumed.log)
  if (isOver) resumed.moveTo(channel)
  endsBy(() => void channel.pause())
  try {
    await channel.resume(response, resumed.seq, (said) => judgeAgain(said, session, actor, rooms))
  } finally {
    if (isOver) channel.finish()
  }
}

async function hearServer({ session, response, actor, open, endsBy }: Listener, resumed: Resumed | undefined, rooms: Judge): Promise<Listened> {
  const channel = open(resumed?.log)
  const abort = new AbortController()
  channel.left.addEventListener('abort', () => abort.abort(), { once: true })
  session.listening = channel
  endsBy(() => channel.cut())
  try {
    const from = resumed === undefined ? undefined : session.heard
    const reply = await session.link.listen({ signal: abort.signal, revision: session.revision, ...(from === undefined ? {} : { from }) })
    const refused = reply.kind === 'stream' ? undefined : refusedBy(reply, session)
    if (refused !== undefined && !isOwnStream(refused, session)) return refused
    if (resumed === undefined) channel.stream()
    else {
      resumed.moveTo(channel)
      await channel.resume(response, resumed.seq, (said) => judgeAgain(said, session, actor, rooms))
    }
    await tellOwed(session, rooms)
    if (reply.kind === 'stream') await passStream(reply.arrivals, { pending: undefined, channel }, session, rooms)
    else if (!abort.signal.aborted) await once(abort.signal, 'abort')
    return undefined
  } catch (cause) {
    if (abort.signal.aborted) return undefined
    if (!response.headersSent) throw cause
    rooms.logger.warn('a stream of a server broke', { upstream: session.upstream.name, session: session.id, cause: String(cause) })
    return undefined
  } finally {
    abort.abort()
    // Where no stream was begun, whoever asked for it is told something else.
    if (response.headersSent && !channel.pause()) channel.finish()
    if (session.listening === channel) session.listening = undefined
  }
}

/** Where the server offers no stream, the gateway's own news still have one: its greeting announced them. */
const isOwnStream = ({ status }: WireRefusal, { hears }: ClientSession): boolean => status === 405 && hears !== undefined && hears.lists.length > 0

function refusedBy(reply: { readonly kind: 'status' | 'json'; readonly status: number } | { readonly kind: 'accepted' }, session: ClientSession): WireRefusal {
  if (reply.kind === 'accepted') return refusal(405, 'the server offers no stream', { allow: 'POST, DELETE' })
  // Something else in place of a stream, such as a page for people, is none.
  const told = reply.status < 400 ? 405 : reply.status
  if (told === 404 && session.link.hasSession) session.closed = true
  // To the client a 404 would mean that the gateway's session is gone; of a server without sessions it means that there is no stream.
  const status = told === 404 && !session.closed ? 405 : told
  return status === 405 ? refusal(405, 'the server offers no stream', { allow: 'POST, DELETE' }) : refusal(status, 'the server refused the stream')
}
