import type { AccountId } from '../account.ts'
import type { Actor, ApprovalId, Clock, Person, Principal } from '../model.ts'
import type { Answer, ApprovalRow, ApprovalStore } from './approval-store.ts'
import type { Marks, Unmarked } from './marks.ts'
import { isOwnRequest, isPerson, isSamePerson, principalOf } from './person.ts'
import { answerable, areAllMet, standing } from './quorum.ts'

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

interface Given {
  readonly verdict: 'approve' | 'deny'
  readonly reason: string
}
export interface Answering {
  answer(id: ApprovalId, reviewer: Actor, given: Given): Promise<AnswerOutcome>
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

export type AccountOf = (who: Pick<Principal, 'issuer' | 'subject'>) => Promise<AccountId | undefined>

interface Parts {
  readonly store: ApprovalStore
  readonly now: Clock
  readonly get: (id: ApprovalId) => Promise<ApprovalRow | undefined>
  readonly redactText: (text: string) => string
  readonly tell: (row: ApprovalRow) => void
  readonly marks: Marks
  readonly accountOf: AccountOf
}

/** Who may answer, and what an answer does. */
export function createAnswering({ store, now, get, redactText, tell, marks, accountOf }: Parts): Answering {
  /** Of reviewers whose account has ended since: they are asked anew if they come back. */
  async function withdrawnFrom({ answers }: ApprovalRow, at: number): Promise<readonly Unmarked[]> {
    const ended = await Promise.all(standing(answers).map(async (answer) => (answer.account === undefined || (await accountOf(answer.reviewer)) === answer.account ? [] : [answer])))
    return ended.flat().map(({ account: _, mark: __, ...answer }): Unmarked => ({ ...answer, verdict: 'withdrawn', reason: 'the account of this reviewer has ended', at }))
  }

  async function answersBy(reviewer: Person, row: ApprovalRow, { verdict, reason }: Given, at: number): Promise<readonly Answer[] | AnswerRefusal> {
    const principal = principalOf(reviewer)
    const mine = answerable(row.requirements, reviewer.groups)
    const withdrawn = marks.mark(row, await withdrawnFrom(row, at))
    // Who has approved may still refuse while others have not answered; never approve twice.
    const before = standing([...row.answers, ...withdrawn])
    const hasAnswered = (index: number) => before.some((each) => each.index === index && isSamePerson(each.reviewer, principal))
    const places = verdict === 'deny' ? mine : mine.filter((index) => !hasAnswered(index))
    if (places.length === 0) return 'already_answered'
    const account = await accountOf(principal)
    const own = places.map((index): Unmarked => ({ requirement: row.requirements[index]!.rule, index, verdict, reviewer: principal, ...(account === undefined ? {} : { account }), reason, at }))
    return [...withdrawn, ...marks.mark({ id: row.id, answers: [...row.answers, ...withdrawn] }, own)]
  }

  return {
    async answer(id, reviewer, given) {
      const said = given.reason.trim()
      if (said.length > longestReason) return refuse('reason_too_long')
      for (let attempt = 0; attempt < attempts; attempt++) {
        const row = await get(id)
        if (row === undefined) return refuse('not_found')
        if (!isPerson(reviewer)) return refuse('not_a_person')
        const refusal = refusalOf(row, reviewer)
        if (refusal !== undefined) return refusal
        if (given.verdict === 'deny' && said === '') return refuse('reason_required')

        const at = now()
        const answers = await answersBy(reviewer, row, { ...given, reason: redactText(said) }, at)
        if (typeof answers === 'string') return refuse(answers)
        const next = given.verdict === 'deny' ? 'refused' : areAllMet(row.requirements, [...row.answers, ...answers]) ? 'granted' : 'pending'
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

function refusalOf(row: ApprovalRow, reviewer: Person): AnswerOutcome | undefined {
  if (isOwnRequest(principalOf(reviewer), row.requester)) return refuse('own_request')
  if (answerable(row.requirements, reviewer.groups).length === 0) return refuse('not_a_reviewer')
  return row.state === 'pending' ? undefined : refuse('not_pending', `the approval is ${row.state}, no longer pending`)
}
