import type { ApprovalRow } from '../approval/approval-store.ts'
import type { Holder } from '../approval/tickets.ts'
import { callerOf, type ErrorAnswer, type GrantedApproval, type JsonObject, type KnownActor, type Request, type Result } from '../model.ts'
import type { Judge } from './evaluate.ts'
import { withEnvelope, type Claim } from './pipeline.ts'
import type { ClientSession, Pending } from './session.ts'

/** What a request brings back of an earlier answer (MCP 2026-07-28 basic/patterns/mrtr). */
export interface Earlier {
  /** Covers the call to its final result. */
  readonly approval?: GrantedApproval
  /** How many legs of the approved call went before this one. */
  readonly leg?: number
  /** Of the tool as it was approved: SHA-256, or null where none was known. */
  readonly definition?: string | null
  /** Lets this leg pass once. */
  readonly claim?: Claim
  /** The approval that the call waits for, and how often it was told to wait. */
  readonly waits?: { readonly approval: ApprovalRow; readonly round: number }
}
export type LegReading = { readonly request: Request; readonly earlier: Earlier } | { readonly refused: { readonly code: string; readonly detail: string } }

const legLifetime = 3_600_000
const whenExpired = 'the requestState has expired: send the request again without it'
const nothing: Earlier = {}

export const holderOf = (actor: KnownActor, session: ClientSession, method: string): Holder => ({ caller: callerOf(actor), upstream: session.upstream.name, method })

/** A request's own state is taken off it, and what the server gave is put back; any other request is left as it is. */
export async function takeLeg(request: Request, actor: KnownActor, session: ClientSession, rooms: Judge): Promise<LegReading> {
  const given = request.body['requestState']
  const { approvals } = rooms
  if (typeof given !== 'string' || !approvals.tickets.isOwn(given)) return { request, earlier: nothing }
  const read = approvals.tickets.read(given, holderOf(actor, session, request.method))
  if (read.kind === 'broken') return refuse('bad_state', 'the requestState was changed, or given to another caller or for another method')
  if (read.kind === 'expired') return refuse('state_expired', whenExpired)
  const { ticket } = read
  if (ticket.kind === 'task' || ticket.digest !== approvals.digest(session.upstream.name, request.method, request.body)) {
    return refuse('bad_state', 'the requestState was given for another request: only inputResponses may be added to the one it was given for')
  }
  const row = await approvals.get(ticket.approval)
  if (row === undefined) return refuse('bad_state', 'the requestState belongs to an approval that is not known here')

  if (ticket.kind === 'wait') {
    const waits = { approval: row, round: ticket.round }
    // What the server had said before the wait is in the stored call: its own state, and the replies to it.
    return { request: withoutState(request, approvals.params(row, request.body)), earlier: { waits } }
  }
  if (row.state !== 'executed') return refuse('bad_state', `the requestState belongs to an approval that is ${row.state}`)
  // What an executed approval's row says of it is bound to nothing any more. An earlier version did not put it into the ticket.
  if (ticket.grant === undefined) return refuse('state_expired', whenExpired)
  const { requestState: _own, ...rest } = request.body
  const restored = withParams(request, ticket.state === undefined ? rest : { ...rest, requestState: ticket.state })
  // A leg that is not sent after all stays taken: what it may have told the server is not told twice.
  const claim: Claim = { take: () => approvals.takeLeg(row.id, ticket.leg), giveBack: async () => undefined }
  return { request: restored, earlier: { approval: ticket.grant, leg: ticket.leg + 1, claim, definition: ticket.definition } }
}

/**
 * One approval covers a call to its final result: where the server asks for input, the client is given a state of the gateway's own
 * around the server's, good for one next leg.
 */
export function keepLeg(message: Result | ErrorAnswer, owner: Pending, session: ClientSession, rooms: Judge): Result | ErrorAnswer {
  const { approval, request, actor } = owner
  if (message.kind !== 'result' || approval === undefined || message.body['resultType'] !== 'input_required') return message
  const { requestState: state } = message.body
  const { approvals } = rooms
  const ticket = approvals.tickets.write({
    kind: 'leg', approval: approval.id, grant: approval, leg: owner.leg, definition: request.call?.definition_sha256 ?? null,
    digest: approvals.digest(session.upstream.name, request.method, request.body), ...(typeof state === 'string' ? { state } : {}),
  }, holderOf(actor, session, request.method), rooms.clock() + legLifetime)
  return withEnvelope(message, { ...message.envelope, result: { ...message.body, requestState: ticket } })
}

const refuse = (code: string, detail: string): LegReading => ({ refused: { code, detail } })

const withParams = (request: Request, params: JsonObject): Request => withEnvelope(request, { ...request.envelope, params })

function withoutState(request: Request, stored: JsonObject | undefined): Request {
  if (stored !== undefined) return withParams(request, stored)
  const { requestState: _own, ...rest } = request.body
  return withParams(request, rest)
}
