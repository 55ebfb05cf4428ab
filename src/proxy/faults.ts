import { errorTable, GatewayError } from '../errors.ts'
import type { About, Judge } from './evaluate.ts'
import { ownAnswer, recordOwnAnswer } from './own-answers.ts'
import type { ClientSession, Pending } from './session.ts'

/** An HTTP status of a server in place of an answer. */
export async function answerStatus(status: number, pending: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  const gone = status === 404 && session.link.hasSession
  if (gone) session.closed = true
  const detail = gone ? 'the server no longer knows the session' : `the server answered with HTTP ${status} and no message`
  const fault = new GatewayError(gone ? 'upstream_unreachable' : 'upstream_broken', { detail })
  // A 4xx stays what it is: clients of the newer era fall back by it (MCP 2026-07-28 basic/versioning), older ones greet again on 404;
  // of a server without sessions that would be said in vain.
  const misleads = status === 404 && !gone && session.greeting !== undefined
  const isRefusal = status >= 400 && status < 500
  await answerFault(fault, pending, session, rooms, { isRefusal, ...(isRefusal && !misleads ? { status } : {}) })
}

interface Said {
  /** The status to tell the client, in place of the fault's own. */
  readonly status?: number
  /** The server itself said that it did not take the request. */
  readonly isRefusal?: boolean
}

/** Ends a request that cannot be answered by its server. It is never sent again: whether it ran is then unknown. */
export async function answerFault(cause: unknown, pending: Pending, session: ClientSession, rooms: Judge, { status, isRefusal = false }: Said = {}): Promise<void> {
  if (pending.cancelled) return endCancelled(pending, session, rooms)
  const fault = cause instanceof GatewayError ? cause : new GatewayError('internal', { cause })
  const row = errorTable[fault.code]
  rooms.logger[fault.code === 'internal' ? 'error' : 'warn']('a request failed', {
    code: fault.code, detail: fault.detail, cause: fault.code === 'internal' ? String((cause as Error).stack) : undefined, upstream: session.upstream.name, session: session.id, exchange: pending.exchange,
  })
  const { request } = pending
  // The server has answered and the gateway cannot pass it on: whoever calls again should know that it ran.
  const withheld = pending.sent && (fault.code === 'record_unavailable' || fault.code === 'queue_full')
  const envelope = withheld
    ? rooms.answers.error(request.id, row.rpc, `${row.public}. The call was executed, but its answer is withheld.`, { executed: true, decision_id: pending.exchange })
    : rooms.answers.error(request.id, row.rpc, row.public)
  const answer = ownAnswer(request, envelope)
  const about: About = { session, exchange: pending.exchange, actor: pending.actor }
  const outcome = fault.code === 'upstream_unreachable' || isRefusal ? 'answered' : 'unknown'
  if (!pending.answered) {
    await recordOwnAnswer(answer, fault.code, fault.detail ?? row.public, outcome, about, true, rooms).catch((error: unknown) => {
      rooms.logger.error('a failed request could not be recorded as such', { exchange: pending.exchange, error: String(error) })
    })
  }
  pending.answered = true
  await pending.channel.answer({ envelope, status: status ?? row.status, ...(row.status === 503 ? { headers: { 'retry-after': '1' } } : {}) })
}

// MCP basic/utilities/cancellation: nobody waits for the answer any more; whether the server had done the work is not known.
async function endCancelled(pending: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  pending.answered = true
  pending.channel.finish()
  const { request } = pending
  const envelope = rooms.answers.error(request.id, -32800, 'cancelled')
  const answer = ownAnswer(request, envelope)
  await recordOwnAnswer(answer, 'cancelled', 'the caller took the call back', 'unknown', { session, exchange: pending.exchange, actor: pending.actor }, true, rooms)
}
