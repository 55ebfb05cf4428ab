import { errorTable } from '../errors.ts'
import type { Decision, Json, Notification } from '../model.ts'
import { judge, recordJudged, type About, type Judge } from './evaluate.ts'
import { ownAnswer, recordOwnAnswer } from './own-answers.ts'
import { tellCancelled } from './pending.ts'
import type { ClientSession, Pending } from './session.ts'

const acknowledges = 'notifications/subscriptions/acknowledged'

/** MCP 2026-07-28 basic/patterns/subscriptions: the acknowledgement is the first message of a subscription. */
export function isTooEarly(message: Notification, owner: Pending | undefined): boolean {
  if (owner?.request.method !== 'subscriptions/listen' || owner.acknowledged) return false
  owner.acknowledged = message.method === acknowledges
  return !owner.acknowledged
}

/** What the acknowledgement grants is kept as it is told to the client. */
export function noteGranted(message: Notification, owner: Pending, { wire, policy }: Judge): void {
  if (message.method === acknowledges) owner.hears = { lists: wire.changesGranted(message.body), told: policy.active() }
}

/** True where a subscription was judged by another bundle than the one now active. */
export const isOutdated = (owner: Pending | undefined, { policy }: Judge): owner is Pending => owner?.request.method === 'subscriptions/listen' && owner.judgedBy !== policy.active()

/** Why the gateway itself stops to read what a server still says: the client has been told. */
export const clientWasTold = new Error('its client was told that it has ended')

/** A subscription that may not be had any more ends, and its client is told why; so does a call that its caller may not make any more. */
export async function endIfRefused(owner: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  const { request } = owner
  const isCall = request.method !== 'subscriptions/listen'
  if (owner.answered || owner.internal !== undefined || (isCall && owner.judgedBy === rooms.policy.active())) return
  owner.judgedBy = rooms.policy.active()
  const about: About = { session, exchange: owner.exchange, actor: owner.actor, approval: owner.approval }
  const { decision } = await judge(request, about, rooms)
  // Whether a call that runs may be asked is past; whether anything of it may be told is not.
  if (owner.answered || decision.kind === 'allow' || decision.kind === 'mask' || (isCall && !isUnknown(decision))) return
  const envelope = rooms.answers.refusal(request, decision, { decisionId: owner.exchange, executed: isCall })
  const message = ownAnswer(request, envelope)
  await recordJudged({ message, scan: rooms.enforce.scan(message.body), decision }, 'denied', true, about, rooms)
  if (owner.answered) return
  owner.answered = true
  const reason = isCall ? 'the call is not allowed any more' : 'the subscription is not allowed any more'
  // To an older server a stream that is not read on does not say it (MCP 2025-11-25 basic/transports).
  if (session.link.saysCancelled || session.era === 'legacy') await tellCancelled({ requestId: request.id as Json, reason, ...(request.body['_meta'] === undefined ? {} : { _meta: request.body['_meta'] }) }, owner, session, rooms)
  await owner.channel.answer({ envelope })
  owner.abort.abort(clientWasTold)
}

/** The gateway stops: a subscription ends as its server would end it, which tells its client to open another. */
export async function endStopped(owner: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  const { request, acknowledged } = owner
  const { rpc, public: why, status } = errorTable.shutting_down
  const envelope = acknowledged ? rooms.wire.withSubscriptionId({ jsonrpc: '2.0', id: request.id, result: { resultType: 'complete' } }, request.id) : rooms.answers.error(request.id, rpc, why)
  const about: About = { session, exchange: owner.exchange, actor: owner.actor, approval: owner.approval }
  await recordOwnAnswer(ownAnswer(request, envelope), 'shutting_down', why, 'answered', about, true, rooms)
  if (owner.answered) return
  owner.answered = true
  await owner.channel.answer({ envelope, status })
  owner.abort.abort(clientWasTold)
}

const isUnknown = ({ reasons }: Decision): boolean => reasons.some(({ rule }) => rule === 'sallyport/not_allowed')
