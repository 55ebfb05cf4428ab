import type { Approvals } from '../approval/approval.ts'
import type { AnswerRefusal } from '../approval/answering.ts'
import type { Answer, ApprovalRow } from '../approval/approval-store.ts'
import { callerOf, type ApprovalId } from '../model.ts'
import { type Caller, showActor } from './access.ts'
import type { ApprovalView } from './contract/approval.ts'
import { type Asked, type Handles, toTime } from './handle.ts'
import type { operations } from './contract/index.ts'
import { type Refused, refuse } from './problem.ts'
import { defined } from './defined.ts'

/** Who may answer is the desk's to say, whatever role let the caller in. */
export type ApprovalDesk = Pick<Approvals, 'list' | 'get' | 'answer'>

const isApprovalId = (id: string): id is ApprovalId => /^apr_[\w-]{1,128}$/.test(id)
const unknown = refuse(404, 'unknown_approval', 'no such approval')

const seesAll = (caller: Caller) => caller.roles.includes('reviewer') || caller.roles.includes('auditor')
const isOwn = (caller: Caller, row: ApprovalRow) => callerOf(row.requester) === callerOf(caller.actor)

const showAnswer = (answer: Answer): ApprovalView['requirements'][number]['answers'][number] => ({
  verdict: answer.verdict,
  reviewer: {
    issuer: answer.reviewer.issuer,
    subject: answer.reviewer.subject,
    ...(answer.reviewer.email === undefined ? {} : { email: answer.reviewer.email }),
  },
  reason: answer.reason,
  at: toTime(answer.at),
})

const showApproval = (row: ApprovalRow): ApprovalView => ({
  id: row.id,
  state: row.state,
  requester: showActor(row.requester),
  upstream: row.upstream,
  session: row.session,
  call: { kind: row.call.kind, name: row.call.name, arguments: { ...row.call.arguments }, others: { ...row.call.others } },
  reasons: row.reasons.map((reason) => ({ ...reason })),
  risk: row.risk,
  requirements: row.requirements.map(({ rule, code, reviewers, quorum }, index) => ({
    rule,
    code,
    reviewers,
    quorum,
    answers: row.answers.filter((answer) => answer.index === index).map(showAnswer),
  })),
  created_at: toTime(row.created_at),
  expires_at: toTime(row.expires_at),
  decided_at: row.decided_at === null ? null : toTime(row.decided_at),
  digest: row.digest,
})

const statuses = {
  not_found: 404,
  not_pending: 409,
  not_a_person: 403,
  not_a_reviewer: 403,
  own_request: 403,
  already_answered: 409,
  reason_required: 400,
  reason_too_long: 400,
  busy: 503,
} as const satisfies Record<AnswerRefusal, number>

const pagesPerAnswer = 20

export function createApprovalHandles(desk: ApprovalDesk): Pick<Handles, 'listApprovals' | 'getApproval' | 'approve' | 'deny'> {
  async function answer(caller: Caller, id: string, verdict: 'approve' | 'deny', reason: string): Promise<ApprovalView | Refused> {
    if (!isApprovalId(id)) return unknown
    const given = await desk.answer(id, caller.actor, { verdict, reason })
    return given.ok ? showApproval(given.approval) : refuse(statuses[given.code], given.code, given.message)
  }

  /** Agents have the approvals of others under one name: pages are read on until one has something, a bounded number of them. */
  async function listOwn({ caller, query }: Asked<(typeof operations)['listApprovals']>) {
    const own: ApprovalRow[] = []
    let cursor: string | null | undefined = query.cursor
    for (let pages = 0; pages < pagesPerAnswer && own.length === 0; pages++) {
      const page: Awaited<ReturnType<ApprovalDesk['list']>> = await desk.list(defined({ ...query, requester: caller.actor, cursor: cursor ?? undefined }))
      own.push(...page.items.filter((row) => isOwn(caller, row)))
      cursor = page.next_cursor
      if (cursor === null) break
    }
    return { items: own.map(showApproval), next_cursor: cursor ?? null }
  }

  return {
    async listApprovals(asked) {
      if (!seesAll(asked.caller)) return listOwn(asked)
      const { items, next_cursor } = await desk.list(defined(asked.query))
      return { items: items.map(showApproval), next_cursor }
    },
    async getApproval({ caller, id }) {
      const row = isApprovalId(id) ? await desk.get(id) : undefined
      // Somebody else's approval is not there at all: a 403 would say that it exists.
      return row !== undefined && (seesAll(caller) || isOwn(caller, row)) ? showApproval(row) : unknown
    },
    approve: ({ caller, id, body }) => answer(caller, id, 'approve', body.reason ?? ''),
    deny: ({ caller, id, body }) => answer(caller, id, 'deny', body.reason),
  }
}
