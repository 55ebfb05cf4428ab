import { sql, type Kysely } from 'kysely'
import type { ApprovalFilter, ApprovalRow, ApprovalState, OpenKey } from '../../approval/approval-store.ts'
import type { Page } from '../../record/record-store.ts'
import { pageLimit, printCursor, readCursor } from '../cursor.ts'
import { readApproval } from '../rows.ts'
import type { Tables } from '../schema.ts'
import { withinText } from './events.ts'

export async function getApproval(db: Kysely<Tables>, id: string): Promise<ApprovalRow | undefined> {
  const row = await db.selectFrom('approval').selectAll().where('id', '=', id).executeTakeFirst()
  return row && readApproval(row)
}

export async function listApprovals(db: Kysely<Tables>, { state, requester, cursor, limit: wanted }: ApprovalFilter): Promise<Page<ApprovalRow>> {
  const limit = pageLimit(wanted, 50, 200)
  const before = readCursor(cursor, 1)?.[0]
  const ahead = await db
    .selectFrom('approval')
    .select((e) => ['n', e(e.fn<number>('octet_length', ['call']), '+', e.fn.coalesce(e.fn<number>('octet_length', ['sealed_params']), e.lit(0))).as('size')])
    // By the plus SQLite looks for the requester rather than through everybody's of that state.
    .$if(state !== undefined, (query) => query.where(requester === undefined ? 'state' : sql<ApprovalState>`+state`, '=', state!))
    .$if(requester !== undefined, (query) => query.where('issuer', '=', requester!.issuer).where('subject', '=', requester!.subject))
    .$if(before !== undefined, (query) => query.where('n', '<', before!))
    .orderBy('n', 'desc')
    .limit(limit + 1)
    .execute()
  const taken = withinText(ahead.slice(0, limit))
  const last = taken.at(-1)
  if (last === undefined) return { items: [], next_cursor: null }
  const rows = await db.selectFrom('approval').selectAll().where('n', 'in', taken.map(({ n }) => n)).orderBy('n', 'desc').execute()
  return { items: rows.map(readApproval), next_cursor: taken.length < ahead.length ? printCursor(last.n) : null }
}

export async function findOpenApprovals(db: Kysely<Tables>, key: OpenKey): Promise<readonly ApprovalRow[]> {
  const rows = await db
    .selectFrom('approval')
    .selectAll()
    .where('digest', '=', key.digest)
    .where('issuer', '=', key.issuer)
    .where('subject', '=', key.subject)
    .where('upstream', '=', key.upstream)
    .where('state', 'in', ['pending', 'granted'])
    .orderBy('n', 'desc')
    .execute()
  return rows.map(readApproval)
}
