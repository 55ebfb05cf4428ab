import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import type { Page, SessionFilter, SessionSummary } from '../../record/record-store.ts'
import { pageLimit, printCursor, readCursor } from '../cursor.ts'
import { readSession } from '../rows.ts'
import type { Tables } from '../schema.ts'
import { wantedTerms } from '../terms.ts'

interface Candidate {
  readonly n: number
  readonly started_at: number
  readonly fits: number
}
type Key = readonly [started_at: number, n: number]

/** Looked at in one go; between two goes other work of the process gets its turn. */
const chunk = 1_000

/** Newest first. Each further term is one look into an index, so a rare combination costs a walk along the rarest term, in chunks. */
export async function listSessions(db: Kysely<Tables>, filter: SessionFilter): Promise<Page<SessionSummary>> {
  const limit = pageLimit(filter.limit, 50, 200)
  const terms = wantedTerms(filter)
  const found: Candidate[] = []
  let after = readCursor(filter.cursor, 2) as Key | undefined
  for (;;) {
    const size = terms.length > 1 ? chunk : limit + 1
    const candidates = await walk(db, terms, filter, after, size)
    found.push(...candidates.filter((each) => each.fits === 1))
    const last = candidates.at(-1)
    if (found.length > limit || last === undefined || candidates.length < size) break
    after = [last.started_at, last.n]
    await new Promise(setImmediate)
  }
  const page = found.slice(0, limit)
  const end = found.length > limit ? page.at(-1) : undefined
  return { items: await rowsOf(db, page), next_cursor: end === undefined ? null : printCursor(end.started_at, end.n) }
}

async function walk(db: Kysely<Tables>, terms: readonly string[], filter: SessionFilter, after: Key | undefined, size: number): Promise<readonly Candidate[]> {
  const [first, ...others] = terms
  const table = first === undefined ? sql`session` : sql`session_term`
  const n = first === undefined ? sql`n` : sql`session`
  const bounds = [
    first !== undefined && sql`term = ${first}`,
    after !== undefined && sql`(started_at, ${n}) < (${after[0]}, ${after[1]})`,
    filter.from !== undefined && sql`started_at >= ${filter.from}`,
    filter.to !== undefined && sql`started_at <= ${filter.to}`,
  ].filter((each) => each !== false)
  const where = bounds.length === 0 ? sql`` : sql`WHERE ${sql.join(bounds, sql` AND `)}`
  const holds = others.map((term) => sql`EXISTS (SELECT 1 FROM session_term AS u WHERE u.term = ${term} AND u.started_at = c.started_at AND u.session = c.n)`)
  const fits = holds.length === 0 ? sql`1` : sql`CASE WHEN ${sql.join(holds, sql` AND `)} THEN 1 ELSE 0 END`
  const { rows } = await sql<Candidate>`
    SELECT c.n, c.started_at, ${fits} AS fits
    FROM (SELECT ${n} AS n, started_at FROM ${table} ${where} ORDER BY started_at DESC, ${n} DESC LIMIT ${size}) AS c
    ORDER BY c.started_at DESC, c.n DESC`.execute(db)
  return rows
}

async function rowsOf(db: Kysely<Tables>, page: readonly Candidate[]): Promise<readonly SessionSummary[]> {
  if (page.length === 0) return []
  const ids = page.map((each) => each.n)
  const rows = await db.selectFrom('session_counted').selectAll().where('n', 'in', ids).orderBy('started_at', 'desc').orderBy('n', 'desc').execute()
  return rows.map(readSession)
}

export async function getSession(db: Kysely<Tables>, id: string): Promise<SessionSummary | undefined> {
  const row = await db.selectFrom('session_counted').selectAll().where('id', '=', id).executeTakeFirst()
  return row && readSession(row)
}
