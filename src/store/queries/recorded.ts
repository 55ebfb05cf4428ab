import type { Kysely } from 'kysely'
import type { SessionId } from '../../model.ts'
import type { Page, RecordedEvent, RecordedFilter, RecordedPart } from '../../record/record-store.ts'
import { pageLimit, printCursor, readCursor } from '../cursor.ts'
import { readEvent, readSession } from '../rows.ts'
import type { Tables } from '../schema.ts'
import { firstSince } from './activity.ts'
import { textOf, withinText } from './events.ts'

/** Events of all sessions that policies decided, in the order in which they were recorded, each with its session. */
export async function listRecorded(db: Kysely<Tables>, filter: RecordedFilter): Promise<Page<RecordedEvent>> {
  const { items, last, more } = await readPart(db, filter)
  return { items, next_cursor: more && last !== undefined ? printCursor(last) : null }
}

/** The same for whoever comes back for what is recorded later: rows are numbered in the order in which they become visible. */
export async function followRecorded(db: Kysely<Tables>, filter: RecordedFilter): Promise<RecordedPart> {
  const { items, last, more } = await readPart(db, filter)
  return { items, more, reached: last === undefined ? (filter.cursor ?? null) : printCursor(last) }
}

async function readPart(db: Kysely<Tables>, { from, to, cursor, limit }: RecordedFilter): Promise<{ readonly items: readonly RecordedEvent[]; readonly last: number | undefined; readonly more: boolean }> {
  const most = pageLimit(limit, 500, 1_000)
  const after = readCursor(cursor, 1)?.[0]
  const first = after === undefined ? await firstSince(db, from) : after + 1
  if (first === undefined) return { items: [], last: undefined, more: false }
  const ahead = await db
    .selectFrom('event')
    .select((e) => ['n', textOf(e).as('size')])
    .where('n', '>=', first).where('at', '>=', from).where('at', '<=', to)
    .orderBy('n')
    .limit(most + 1)
    .execute()
  const taken = withinText(ahead.slice(0, most))
  const last = taken.at(-1)
  if (last === undefined) return { items: [], last: undefined, more: false }
  const rows = await db.selectFrom('event_whole').selectAll().where('n', '>=', first).where('n', '<=', last.n).where('at', '>=', from).where('at', '<=', to).where('basis', 'is not', null).orderBy('n').execute()
  const ids = [...new Set(rows.map(({ session }) => session))]
  const sessions = new Map((await db.selectFrom('session_counted').selectAll().where('n', 'in', ids).execute()).map((row) => [row.n, readSession(row)]))
  const items = rows.flatMap((row): RecordedEvent[] => {
    const session = sessions.get(row.session)
    return session === undefined ? [] : [{ session, event: readEvent(session.id as SessionId, row) }]
  })
  return { items, last: last.n, more: taken.length < ahead.length }
}
