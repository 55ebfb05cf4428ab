import type { Kysely } from 'kysely'
import type { ApprovalRow, ApprovalState, OpenKey } from '../../approval/approval-store.ts'
import type { Page } from '../../record/record-store.ts'
import { pageLimit, printCursor, readCursor } from '../cursor.ts'
import { readApproval } from '../rows.ts'
import type { Tables } from '../schema.ts'

export async function getApproval(db: Kysely<Tables>, id: string): Promise<ApprovalRow | undefined> {
  const row = await db.selectFrom('approval').selectAll().where('id', '=', id).executeTakeFirst()
  return row && readApproval(row)
}

export async function listApprovals(
  db: Kysely<Tables>,
  filter: { readonly state?: ApprovalState; readonly cursor?: string; readonly limit?: number },
): Promise<Page<ApprovalRow>> {
  const limit = pageLimit(filter.limit, 50, 200)
  const before = readCursor(filter.cursor, 1)?.[0]
  const rows = await db
    .selectFrom('approval')
    .selectAll()
    .$if(filter.state !== undefined, (query) => query.where('state', '=', filter.state!))
    .$if(before !== undefined, (query) => query.where('n', '<', before!))
    .orderBy('n', 'desc')
    .limit(limit + 1)
    .execute()
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { items: page.map(readApproval), next_cursor: last !== undefined && rows.length > limit ? printCursor(last.n) : null }
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
