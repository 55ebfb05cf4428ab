import type { ApprovalRow } from '../approval/approval-store.ts'
import type { Decision, JsonObject, Request } from '../model.ts'
import { recordJudged, type About, type Judge } from './evaluate.ts'
import { holdCall, type Held } from './hold.ts'
import { holderOf } from './legs.ts'
import { ownAnswer, recordOwnAnswer } from './own-answers.ts'
import { relayRequest } from './relay.ts'
import type { RefusalFacts } from './rooms.ts'
import { answerWithTask } from './run-task.ts'
import type { Pending } from './session.ts'

/** Clients of the newer era come back by themselves, but the Go SDKs give up at the third answer that only asks them to: after two, the caller is told to call again. */
const mostRounds = 2

/** Waits for the reviewers as long as the client can, and answers: with the server's answer, or with what became of the wait. */
export async function answerHeld(request: Request, decision: Parameters<typeof holdCall>[1], pending: Pending, about: About, rooms: Judge): Promise<void> {
  if (await answerWithTask(request, decision, pending, about, rooms)) return
  const held = await holdCall(request, decision, pending, about, rooms)
  if (held.kind === 'forward') return runApproved(held, pending, about, rooms)
  if (held.kind === 'withdrawn') {
    pending.channel.finish()
    return recordOwnAnswer(ownAnswer(request, {}), 'cancelled', 'the caller took the call back', 'dropped', about, true, rooms)
  }
  await answerOwn(request, envelopeFor(held, request, about, rooms), held.decision, pending, about, rooms)
}

export async function runApproved(held: Extract<Held, { kind: 'forward' }>, pending: Pending, about: About, rooms: Judge): Promise<void> {
  pending.approval = held.approval
  pending.leg = 0
  pending.giveBack = held.giveBack
  return relayRequest(held.passage, pending, about.session, rooms)
}

/** Records what the gateway itself answers a held call, and gives it. */
export async function answerOwn(request: Request, envelope: JsonObject, decision: Decision, pending: Pending, about: About, rooms: Judge): Promise<void> {
  const message = ownAnswer(request, envelope)
  await recordJudged({ message, scan: rooms.enforce.scan(message.body), decision }, 'answered', true, about, rooms)
  pending.answered = true
  await pending.channel.answer({ envelope })
}

function envelopeFor(held: Extract<Held, { kind: 'pending' | 'refused' }>, request: Request, about: About, rooms: Judge): JsonObject {
  const facts = factsOf(held.approval, about)
  if (held.kind === 'refused') return rooms.answers.refusal(request, held.decision, facts)
  if (request.revision !== '2026-07-28' || held.round > mostRounds) return rooms.answers.pending(request, held.decision, facts)
  const { approvals } = rooms
  const { id, expires_at } = held.approval
  const digest = approvals.digest(about.session.upstream.name, request.method, request.body)
  const state = approvals.tickets.write({ kind: 'wait', approval: id, digest, round: held.round }, holderOf(about.actor, about.session, request.method), expires_at)
  return rooms.answers.waiting(request, held.decision, facts, state)
}

export const factsOf = (row: ApprovalRow | undefined, about: About): RefusalFacts => ({
  decisionId: about.exchange,
  executed: false,
  ...(row === undefined ? {} : { approval: { id: row.id, expiresAt: new Date(row.expires_at).toISOString() } }),
})
