import type { Kysely } from 'kysely'
import type { ApprovalStore } from '../../approval/approval-store.ts'
import type { ApprovalId } from '../../model.ts'
import { findOpenApprovals, getApproval, listApprovals } from '../queries/approvals.ts'
import { approvalValues } from '../rows.ts'
import type { Tables } from '../schema.ts'
import type { WriteQueue } from './write-queue.ts'

export function createApprovalStore(queue: WriteQueue, db: Kysely<Tables>): ApprovalStore {
  return {
    async insert(row) {
      await queue.write(['insert_approval', ...approvalValues(row)], (row.sealed_params?.length ?? 0) + 2_000)
    },
    get: (id) => getApproval(db, id),
    list: (filter) => listApprovals(db, filter),
    findOpen: (key) => findOpenApprovals(db, key),
    async addAnswers(id, answers, next, at, seen) {
      const row = await getApproval(db, id)
      if (row === undefined || row.answers.length !== seen) return false
      const all = JSON.stringify([...row.answers, ...answers])
      return (await queue.write(['add_answers', id, all, answers.length, next, at, seen], all.length)) === true
    },
    async move(id, from, to, at) {
      return (await queue.write(['move_approval', id, from, to, at])) === true
    },
    async giveBack(id, sealed_params, at) {
      return (await queue.write(['give_back_approval', id, sealed_params, at], sealed_params.length)) === true
    },
    async takeLeg(id, leg) {
      return (await queue.write(['take_leg', id, leg])) === true
    },
    async expire(now) {
      return (await queue.write(['expire_approvals', now])) as readonly ApprovalId[]
    },
  }
}
