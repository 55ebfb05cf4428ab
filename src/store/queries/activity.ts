import { sql, type Kysely } from 'kysely'
import type { KnownActor } from '../../model.ts'
import type { Activity } from '../../record/record-store.ts'
import type { Tables } from '../schema.ts'

interface Counted {
  readonly session: number
  readonly minute: number
  readonly calls: number
  readonly denied: number
  readonly approvals: number
  readonly bytes_out: number
}

/** What callers did since then, by session and minute. Events lie in the order they came, so only those of that time are read. */
export async function recentActivity(db: Kysely<Tables>, since: number): Promise<readonly Activity[]> {
  const first = await firstSince(db, since)
  if (first === undefined) return []
  const counted = [...(await passedOf(db, first, since)), ...(await heldOf(db, first, since))]
  const ids = [...new Set(counted.map(({ session }) => session))]
  const sessions = new Map((await sessionsOf(db, ids)).map((row) => [row.n, row]))
  return counted.flatMap(({ session, ...counts }) => {
    const found = sessions.get(session)
    return found === undefined ? [] : [{ ...counts, actor: JSON.parse(found.actor) as KnownActor, upstream: found.upstream }] // written by this gateway
  })
}

/** Halves the range until the first event of that time is found: there is no index by time, which every commit would have to keep. */
export async function firstSince(db: Kysely<Tables>, since: number): Promise<number | undefined> {
  const ends = await db.selectFrom('event').select((e) => [e.fn.min<number | null>('n').as('low'), e.fn.max<number | null>('n').as('high')]).executeTakeFirst()
  if (ends?.low == null || ends.high == null) return undefined
  let low = Number(ends.low)
  let high = Number(ends.high) + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const found = await db.selectFrom('event').select(['n', 'at']).where('n', '>=', middle).orderBy('n').limit(1).executeTakeFirst()
    if (found === undefined || found.at >= since) high = middle
    else low = Number(found.n) + 1
  }
  return low
}

// Materialized, so that what is sorted are a few numbers of each event and not its message.
// A held call is recorded when it is held and again when it goes on; it is one call, counted below.
async function passedOf(db: Kysely<Tables>, first: number, since: number): Promise<readonly Counted[]> {
  const { rows } = await sql<Counted>`
    WITH held AS MATERIALIZED (SELECT DISTINCT exchange FROM event WHERE n >= ${first} AND outcome = 'held'), recent AS MATERIALIZED (
      SELECT session, at / 60000 AS minute,
        CASE WHEN direction = 'to_server' AND kind = 'request' AND call IS NOT NULL AND exchange NOT IN (SELECT exchange FROM held) THEN 1 ELSE 0 END AS call,
        CASE WHEN outcome = 'denied' OR (outcome = 'dropped' AND kind = 'notification' AND direction = 'to_server') THEN 1 ELSE 0 END AS refusal,
        CASE WHEN direction = 'to_client' AND outcome IN ('forwarded', 'answered') THEN octet_length(message) ELSE 0 END AS bytes
      FROM event WHERE n >= ${first} AND at >= ${since}
    )
    SELECT session, minute, sum(call) AS calls, sum(refusal) AS denied, 0 AS approvals, sum(bytes) AS bytes_out FROM recent GROUP BY session, minute`.execute(db)
  return rows
}

async function heldOf(db: Kysely<Tables>, first: number, since: number): Promise<readonly Counted[]> {
  const { rows } = await sql<Counted>`
    SELECT session, minute, count(*) AS calls, 0 AS denied, count(*) AS approvals, 0 AS bytes_out
    FROM (SELECT session, min(at) / 60000 AS minute FROM event WHERE n >= ${first} AND at >= ${since} AND outcome = 'held' GROUP BY session, exchange) AS each_held
    GROUP BY session, minute`.execute(db)
  return rows
}

const atOnce = 500
// What was turned away unread was no call of anybody.
async function sessionsOf(db: Kysely<Tables>, ids: readonly number[]): Promise<readonly { readonly n: number; readonly actor: string; readonly upstream: string }[]> {
  const found = []
  for (let at = 0; at < ids.length; at += atOnce) found.push(...(await db.selectFrom('session').select(['n', 'actor', 'upstream']).where('n', 'in', ids.slice(at, at + atOnce)).where('revision', '!=', 'none').execute()))
  return found
}
