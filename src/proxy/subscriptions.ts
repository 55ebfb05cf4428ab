import type { Notification } from '../model.ts'
import { judge, recordJudged, type About, type Judge } from './evaluate.ts'
import { ownAnswer } from './own-answers.ts'
import { tellCancelled } from './pending.ts'
import type { ClientSession, Pending } from './session.ts'

const acknowledges = 'notifications/subscriptions/acknowledged'

/** MCP 2026-07-28 basic/patterns/subscriptions: the acknowledgement is the first message of a subscription. */
export function isTooEarly(message: Notification, owner: Pending | undefined): boolean {
  if (owner?.request.method !== 'subscriptions/listen' || owner.acknowledged) return false
  owner.acknowledged = message.method === acknowledges
  return !owner.acknowledged
}

/** True where a subscription was judged by another bundle than the one now active. */
export const isOutdated = (owner: Pending | undefined, { policy }: Judge): owner is Pending => owner?.request.method === 'subscriptions/listen' && owner.judgedBy !== policy.active()

/** A subscription that may not be had any more ends, and its client is told why. */
export async function endIfRefused(owner: Pending, session: ClientSession, rooms: Judge): Promise<void> {
  const { request } = owner
  if (request.method !== 'subscriptions/listen' || owner.answered) return
  owner.judgedBy = rooms.policy.active()
  const about: About = { session, exchange: owner.exchange, actor: owner.actor, approval: owner.approval }
  const { decision } = await judge(request, about, rooms)
  if (decision.kind === 'allow' || decision.kind === 'mask') return
  const envelope = rooms.answers.refusal(request, decision, { decisionId: owner.exchange, executed: false })
  const message = ownAnswer(request, envelope)
  await recordJudged({ message, scan: rooms.enforce.scan(message.body), decision }, 'denied', true, about, rooms)
  owner.answered = true
  if (session.link.saysCancelled) await tellCancelled({ requestId: request.id as never, reason: 'the subscription is not allowed any more', _meta: request.body['_meta'] ?? {} }, owner, session, rooms)
  await owner.channel.answer({ envelope })
}
