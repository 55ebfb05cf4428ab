import { createSealing } from '../sealing.ts'
import type { Answer, ApprovalRow } from './approval-store.ts'
import { areAllMet } from './quorum.ts'

export type Unmarked = Omit<Answer, 'mark'>

export interface Marks {
  /** Each is marked as what follows the answers that the approval has. */
  mark(row: Pick<ApprovalRow, 'id' | 'answers'>, answers: readonly Unmarked[]): readonly Answer[]
  /** Whether its reviewers have given these answers here, and no others; of one that is granted, that they are a yes. */
  areTrue(row: ApprovalRow): boolean
}

/** By the store's key, which is not in the store: whoever can write to it can take answers away, and give none. */
export function createMarks(key: Uint8Array): Marks {
  const { digest } = createSealing(key, { seal: 'approval answers', digest: 'approval answer' })
  const markOf = (id: string, before: Answer | undefined, { requirement, index, verdict, reviewer, account, reason, at }: Unmarked): string =>
    digest(JSON.stringify([id, before?.mark ?? null, requirement, index, verdict, reviewer, account ?? null, reason, at]))

  return {
    mark({ id, answers }, more) {
      const marked = [...answers]
      for (const answer of more) marked.push({ ...answer, mark: markOf(id, marked.at(-1), answer) })
      return marked.slice(answers.length)
    },
    areTrue: ({ id, state, answers, requirements }) =>
      answers.every((answer, at) => answer.verdict !== 'deny' && answer.mark === markOf(id, answers[at - 1], answer)) && (state === 'pending' || areAllMet(requirements, answers)),
  }
}
