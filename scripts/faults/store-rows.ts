import { DatabaseSync } from 'node:sqlite'

/** One recorded message of a call, with the nonce that it carries or that its request carried. */
export interface StoredEvent {
  readonly n: number
  readonly exchange: string
  readonly direction: 'to_server' | 'to_client'
  readonly kind: string
  readonly method: string
  readonly outcome: string
  readonly message: string
  readonly closes: number
}
export interface Stored {
  readonly events: readonly StoredEvent[]
  /** What the store says of itself: empty is good. */
  readonly faults: readonly string[]
}

/** Reads a store that no gateway holds, or one that is in use: readers see what is committed. With `upstream`, only what went there. */
export function readStore(path: string, upstream: string | null = null): Stored {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const events = db.prepare('SELECT n, exchange, direction, kind, method, outcome, message, closes FROM event WHERE ?1 IS NULL OR session IN (SELECT n FROM session WHERE upstream = ?1) ORDER BY n').all(upstream) as unknown as StoredEvent[]
    const integrity = db.prepare('PRAGMA integrity_check').all().map((row) => String(row['integrity_check'])).filter((line) => line !== 'ok')
    const gaps = db.prepare('SELECT session FROM event GROUP BY session HAVING count(*) <> max(seq) OR min(seq) <> 1').all().map((row) => `session ${row['session']} has a gap in its numbers`)
    const counts = db.prepare('SELECT n FROM session_counted AS s WHERE events <> (SELECT count(*) FROM event WHERE event.session = s.n)').all().map((row) => `session ${row['n']} counts other events than it has`)
    const places = db.prepare('SELECT n FROM event AS e WHERE (SELECT count(*) FROM event_at AS p WHERE p.event = e.n AND p.session = e.session AND p.seq = e.seq) <> 1').all().map((row) => `event ${row['n']} is not where its session has it`)
    return { events, faults: [...integrity, ...gaps, ...counts, ...places] }
  } finally {
    db.close()
  }
}

/** Exchanges whose request is recorded as sent and whose end is not recorded. */
export function openExchanges(path: string): number {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return Number(db.prepare('SELECT count(*) AS open FROM open_exchange').get()?.['open'])
  } finally {
    db.close()
  }
}
