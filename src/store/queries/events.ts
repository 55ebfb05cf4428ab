import type { ExpressionBuilder, Kysely } from 'kysely'
import type { SessionId } from '../../model.ts'
import type { EventRow, Page } from '../../record/record-store.ts'
import { pageLimit, printCursor, readCursor } from '../cursor.ts'
import { readEvent } from '../rows.ts'
import type { Tables } from '../schema.ts'

/** A page ends early rather than hold more text than this: a single event may have megabytes. */
const mostText = 8 * 1024 * 1024
/** In bytes, which the row says without its text being read. */
export const textOf = (e: ExpressionBuilder<Tables, 'event'>) => e(e.fn<number>('octet_length', ['event.message']), '+', e.fn<number>('octet_length', ['event.findings']))

export async function listEvents(
  db: Kysely<Tables>,
  id: SessionId,
  page: { readonly cursor?: string; readonly limit?: number },
): Promise<Page<EventRow>> {
  const limit = pageLimit(page.limit, 100, 1_000)
  const after = readCursor(page.cursor, 1)?.[0] ?? 0
  const session = await db.selectFrom('session').select('n').where('id', '=', id).executeTakeFirst()
  if (session === undefined) return { items: [], next_cursor: null }
  const ahead = await db
    .selectFrom('event_at')
    .innerJoin('event', 'event.n', 'event_at.event')
    .select((e) => ['event_at.event', 'event_at.seq', textOf(e).as('size')])
    .where('event_at.session', '=', session.n)
    .where('event_at.seq', '>', after)
    .orderBy('event_at.seq')
    .limit(limit + 1)
    .execute()
  const taken = withinText(ahead.slice(0, limit))
  const last = taken.at(-1)
  if (last === undefined) return { items: [], next_cursor: null }
  const rows = await db.selectFrom('event_whole').selectAll().where('n', 'in', taken.map(({ event }) => event)).orderBy('seq').execute()
  return { items: rows.map((row) => readEvent(id, row)), next_cursor: taken.length < ahead.length ? printCursor(last.seq) : null }
}

export function withinText<T extends { readonly size: number }>(events: readonly T[]): readonly T[] {
  let total = 0
  const end = events.findIndex((each, index) => (total += each.size) > mostText && index > 0)
  return end === -1 ? events : events.slice(0, end)
}
