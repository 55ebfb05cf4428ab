import { callerOf, type ApprovalId } from '../model.ts'
import type { ApprovalRow } from './approval-store.ts'

/** One call of one caller. */
export type CallKey = string
export const callKey = (digest: string, requester: Parameters<typeof callerOf>[0]): CallKey => JSON.stringify([digest, callerOf(requester)])

export interface Unheard {
  opened(row: ApprovalRow): void
  of(key: CallKey): ApprovalId | undefined
  /** The requester has learnt how it ended. */
  heard(row: ApprovalRow): void
}

const most = 10_000

/** Whoever was told to call again learns of a refusal by that call, instead of asking the reviewers anew. */
export function createUnheard(): Unheard {
  const newest = new Map<CallKey, ApprovalId>()
  const keyOf = ({ digest, requester }: ApprovalRow) => callKey(digest, requester)
  return {
    opened(row) {
      newest.set(keyOf(row), row.id)
      for (const oldest of newest.keys()) if (newest.size > most) newest.delete(oldest)
    },
    of: (key) => newest.get(key),
    heard(row) {
      const key = keyOf(row)
      if (newest.get(key) === row.id) newest.delete(key)
    },
  }
}
