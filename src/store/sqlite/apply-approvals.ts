import type { DatabaseSync } from 'node:sqlite'
import { approvalColumns } from '../rows.ts'
import type { Op } from './ops.ts'

type ApprovalOp = Extract<Op, readonly ['insert_approval' | 'add_answers' | 'move_approval' | 'give_back_approval' | 'take_leg' | 'expire_approvals', ...unknown[]]>

/** Every change of an approval is one conditional update: of any number of callers, one sees it change. */
export function createApprovalWrites(db: DatabaseSync): { apply(op: ApprovalOp): unknown } {
  const insert = db.prepare(`INSERT INTO approval (${approvalColumns.join(', ')}) VALUES (${approvalColumns.map(() => '?').join(', ')})`)
  const addAnswers = db.prepare(
    `UPDATE approval SET answers = :answers, answer_count = answer_count + :count, state = :next,
       decided_at = CASE WHEN :next = 'pending' THEN NULL ELSE :at END,
       ended_at = CASE WHEN :next = 'refused' THEN :at ELSE NULL END,
       sealed_params = CASE WHEN :next = 'refused' THEN NULL ELSE sealed_params END
     WHERE id = :id AND state = 'pending' AND expires_at > :at AND answer_count = :seen`,
  )
  const move = db.prepare(
    `UPDATE approval SET state = :to,
       decided_at = coalesce(decided_at, :at),
       ended_at = CASE WHEN :to = 'granted' THEN NULL ELSE :at END,
       sealed_params = CASE WHEN :to = 'granted' THEN sealed_params ELSE NULL END
     WHERE id = :id AND state = :from AND (:to NOT IN ('granted', 'executed') OR expires_at > :at)`,
  )
  const giveBack = db.prepare(
    `UPDATE approval SET state = 'granted', ended_at = NULL, sealed_params = :sealed
     WHERE id = :id AND state = 'executed' AND legs = 0 AND expires_at > :at`,
  )
  const takeLeg = db.prepare(`UPDATE approval SET legs = legs + 1 WHERE id = :id AND state = 'executed' AND legs = :leg`)
  const expire = db.prepare(
    `UPDATE approval SET state = 'expired', decided_at = coalesce(decided_at, :now), ended_at = :now, sealed_params = NULL
     WHERE state IN ('pending', 'granted') AND expires_at <= :now RETURNING id`,
  )

  return {
    apply(op) {
      switch (op[0]) {
        case 'insert_approval': {
          const [, ...values] = op
          insert.run(...values)
          return undefined
        }
        case 'add_answers': {
          const [, id, answers, count, next, at, seen] = op
          return addAnswers.run({ id, answers, count, next, at, seen }).changes === 1
        }
        case 'move_approval': {
          const [, id, from, to, at] = op
          return move.run({ id, from, to, at }).changes === 1
        }
        case 'give_back_approval': {
          const [, id, sealed, at] = op
          return giveBack.run({ id, sealed, at }).changes === 1
        }
        case 'take_leg': {
          const [, id, leg] = op
          return takeLeg.run({ id, leg }).changes === 1
        }
        case 'expire_approvals':
          return expire.all({ now: op[1] }).map((row) => row['id'])
      }
    },
  }
}
