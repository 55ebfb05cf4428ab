import type { DatabaseSync } from 'node:sqlite'

/** What an event says of its exchange. */
export interface ExchangeStep {
  readonly n: number
  readonly exchange: string
  readonly direction: string
  readonly opens: boolean
  readonly closes: boolean
}

/** What the newest events say beside themselves, until it is folded into the tables: after a crash it is told from them again. */
export interface Unfolded {
  /** The oldest of them; null where there is none. */
  first(): number | null
  count(): number
  add(step: ExchangeStep): void
  /** Inside a transaction. The writer's mark is the caller's to set. */
  fold(): void
}

export const opensExchange = (kind: string, outcome: string, closes: boolean): boolean => !closes && kind === 'request' && outcome === 'forwarded'

export function createUnfolded(db: DatabaseSync, writer: number): Unfolded {
  const place = preparePlacing(db)
  const { open, close } = prepareExchanges(db)
  /** Exchanges that the newest events open, and directions of those that are open in the table. */
  const opened = new Map<string, ExchangeStep>()
  const kept = new Map(db.prepare('SELECT exchange, direction FROM open_exchange WHERE writer = ?').all(writer).map(({ exchange, direction }) => [String(exchange), String(direction)]))
  const closed = new Set<string>()
  let first: number | null = null
  let count = 0

  return {
    first: () => first,
    count: () => count,
    add(step) {
      first ??= step.n
      count += 1
      const { exchange, direction } = step
      if (step.closes) {
        opened.delete(exchange)
        if (kept.delete(exchange)) closed.add(exchange)
      } else if (step.opens && (opened.get(exchange)?.direction ?? kept.get(exchange) ?? direction) === direction) opened.set(exchange, step)
    },
    fold() {
      if (first === null) return
      place.run(first, writer)
      for (const exchange of closed) close.run(exchange)
      for (const { n, exchange, direction } of opened.values()) {
        open.run(exchange, n, direction, writer)
        kept.set(exchange, direction)
      }
      opened.clear()
      closed.clear()
      first = null
      count = 0
    },
  }
}

/** Folds what writers that are gone did not: of every writer where none is named. Inside a transaction. */
export function foldLeftOver(db: DatabaseSync, writer: number | undefined): void {
  const marks = db.prepare('SELECT writer, unfolded_from AS first FROM writer_mark WHERE unfolded_from IS NOT NULL AND (:writer IS NULL OR writer = :writer)')
  const left = marks.all({ writer: writer ?? null }) as unknown as readonly { readonly writer: number; readonly first: number }[]
  if (left.length === 0) return
  const place = preparePlacing(db)
  const { open, close } = prepareExchanges(db)
  const counted = db.prepare(
    `UPDATE session SET events = session.events + u.events, denied = session.denied + u.denied, masked = session.masked + u.masked, approvals = session.approvals + u.approvals
     FROM (SELECT * FROM unfolded_count WHERE writer = ?) AS u WHERE session.n = u.session`,
  )
  const steps = db.prepare('SELECT n, exchange, direction, kind, outcome, closes FROM unfolded WHERE writer = ? ORDER BY n')
  const folded = db.prepare('UPDATE writer_mark SET unfolded_from = NULL WHERE writer = ?')
  for (const mark of left) {
    for (const { n, exchange, direction, kind, outcome, closes } of steps.all(mark.writer) as unknown as readonly UnfoldedRow[]) {
      if (closes === 1) close.run(exchange)
      else if (opensExchange(kind, outcome, false)) open.run(exchange, n, direction, mark.writer)
    }
    counted.run(mark.writer)
    place.run(mark.first, mark.writer)
    folded.run(mark.writer)
  }
}

interface UnfoldedRow {
  readonly n: number
  readonly exchange: string
  readonly direction: string
  readonly kind: string
  readonly outcome: string
  readonly closes: number
}

const preparePlacing = (db: DatabaseSync) =>
  db.prepare(
    `INSERT INTO event_place (session, seq, event)
     SELECT e.session, e.seq, e.n FROM event AS e CROSS JOIN session AS s ON s.n = e.session WHERE e.n >= ? AND s.writer = ? ORDER BY e.session, e.seq`,
  )

const prepareExchanges = (db: DatabaseSync) => ({
  // What the server asks while it works shares the exchange; only the request that began it can be left unknown.
  open: db.prepare(
    `INSERT INTO open_exchange (exchange, event, direction, writer) VALUES (?, ?, ?, ?)
     ON CONFLICT (exchange) DO UPDATE SET event = excluded.event WHERE direction = excluded.direction`,
  ),
  close: db.prepare('DELETE FROM open_exchange WHERE exchange = ?'),
})
