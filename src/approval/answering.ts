import type { Actor, ApprovalId, Clock } from '../model.ts'
import type { Answer, ApprovalRow, ApprovalStore } from './approval-store.ts'
import { isOwnRequest, isPerson, isSamePerson, principalOf } from './person.ts'
import { answerable, areAllMet } from './quorum.ts'

export type AnswerRefusal =
  | 'not_found'
  | 'not_pending'
  | 'not_a_person'
  | 'not_a_reviewer'
  | 'own_request'
  | 'already_answered'
  | 'reason_required'
  | 'reason_too_long'
  | 'busy'

export type AnswerOutcome =
  | { readonly ok: true; readonly approval: ApprovalRow }
  | { readonly ok: false; readonly code: AnswerRefusal; readonly message: string }

export interface Answering {
  answer(id: ApprovalId, reviewer: Actor, given: { readonly verdict: 'approve' | 'deny'; readonly reason: string }): Promise<AnswerOutcome>
}

const messages: Readonly<Record<AnswerRefusal, string>> = {
  not_found: 'no such approval',
  not_pending: 'the approval is no longer pending',
  not_a_person: 'only a person may answer an approval',
  not_a_reviewer: 'none of your groups is among the reviewers of this approval',
  own_request: 'nobody may answer what they, or somebody they act for, asked',
  already_answered: 'you have answered this approval already',
  reason_required: 'a refusal needs a reason',
  reason_too_long: 'expected a reason of at most 2000 characters',
  busy: 'others are answering at this moment; try again',
}
const longestReason = 2_000
const attempts = 20

const refuse = (code: AnswerRefusal, message = messages[code]): AnswerOutcome => ({ ok: false, code, message })

interface Parts {
  readonly store: ApprovalStore
  readonly now: Clock
  readonly get: (id: ApprovalId) => Promise<ApprovalRow | undefined>
  readonly redactText: (text: string) => string
  readonly tell: (row: ApprovalRow) => void
}

/** Who may answer, and what an answer does. */
export function createAnswering({ store, now, get, redactText, tell }: Parts): Answering {
  return {
    async answer(id, reviewer, { verdict, reason }) {
      const said = reason.trim()
      if (said.length > longestReason) return refuse('reason_too_long')
      for (let attempt = 0; attempt < attempts; attempt++) {
        const row = await get(id)
        if (row === undefined) return refuse('not_found')
        if (!isPerson(reviewer)) return refuse('not_a_person')
        const principal = principalOf(reviewer)
        if (isOwnRequest(principal, row.requester)) return refuse('own_request')
        const mine = answerable(row.requirements, reviewer.groups)
        if (mine.length === 0) return refuse('not_a_reviewer')
        if (row.state !== 'pending') return refuse('not_pending', `the approval is ${row.state}, no longer pending`)
        if (verdict === 'deny' && said === '') return refuse('reason_required')
        // Who has approved may still refuse while others have not answered; never approve twice.
        const hasAnswered = (index: number) => row.answers.some((each) => each.index === index && isSamePerson(each.reviewer, principal))
        const places = verdict === 'deny' ? mine : mine.filter((index) => !hasAnswered(index))
        if (places.length === 0) return refuse('already_answered')

        const at = now()
        const kept = redactText(said)
        const answers = places.map((index): Answer => ({ requirement: row.requirements[index]!.rule, index, verdict, reviewer: principal, reason: kept, at }))
        const next = verdict === 'deny' ? 'refused' : areAllMet(row.requirements, [...row.answers, ...answers]) ? 'granted' : 'pending'
        if (!(await store.addAnswers(id, answers, next, at, row.answers.length))) continue
        const approval = await get(id)
        if (approval === undefined) return refuse('not_found')
        tell(approval)
        return { ok: true, approval }
      }
      return refuse('busy')
    },
  }
}
