import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { decisionTerm } from '../terms.ts'
import type { Decision } from '../../model.ts'
import { createApprovalWrites } from './apply-approvals.ts'
import type { EventOp, Op } from './ops.ts'

interface OpenSession {
  readonly n: number
  readonly started_at: number
  readonly terms: Set<string>
  events: number
  denied: number
  masked: number
  approvals: number
}

export interface Applier {
  /** Inside a transaction. What it throws concerns this op alone unless SQLite itself failed. */
  apply(op: Op): unknown
  /** Before the commit: writes the counters that the batch changed, which op was the last, and how many of the batch were refused. */
  flush(op: number, faults: number): void
}

/** The `code` of an error that concerns one op and was met before it wrote anything. */
export const opRefused = 'OP_REFUSED'
const mostSessions = 5_000
const mostTerms = 200

/** Applies ops through prepared statements. One applier belongs to one connection; after a rollback both are thrown away. */
export function createApplier(db: DatabaseSync, run: string, writer: number | undefined): Applier {
  const sql = prepareAll(db)
  const approvals = createApprovalWrites(db)
  const sessions = new Map<string, OpenSession>()
  const changed = new Set<OpenSession>()
  const named = new Set<string>()
  const own = writer ?? 0
  let wrote = false

  function sessionOf(id: string): OpenSession {
    const known = sessions.get(id)
    if (known !== undefined) return known
    const row = sql.findSession.get(id)
    if (row === undefined) throw Object.assign(new Error(`unknown session ${id}`), { code: opRefused })
    const { n, started_at, events, denied, masked, approvals: held } = row as Record<string, number>
    const found = { n: n!, started_at: started_at!, terms: new Set<string>(), events: events!, denied: denied!, masked: masked!, approvals: held! }
    sessions.set(id, found)
    return found
  }

  function addTerm(session: OpenSession, term: string): void {
    if (session.terms.has(term)) return
    if (session.terms.size >= mostTerms) session.terms.clear()
    sql.addTerm.run(term, session.started_at, session.n)
    session.terms.add(term)
  }

  function append(op: EventOp): undefined {
    const [, id, at, exchange, direction, kind, method, call, decisionKind, decision, bundle, outcome, findings, message, closes, callTerm, basis] = op
    const session = sessionOf(id)
    wrote = true
    const { lastInsertRowid: n } = sql.addEvent.run(
      session.n, session.events + 1, at, exchange, direction, kind, method, call, decision, bundle, outcome, findings, message, closes, basis,
    )
    session.events += 1
    if (!named.has(bundle)) {
      sql.nameBundle.run(bundle)
      named.add(bundle)
    }
    if (decisionKind === 'deny') session.denied += 1
    else if (decisionKind === 'mask') session.masked += 1
    else if (decisionKind === 'require_approval') session.approvals += 1
    changed.add(session)
    addTerm(session, decisionTerm(decisionKind as Decision['kind']))
    if (callTerm !== null) addTerm(session, callTerm)
    if (closes === 1) sql.closeExchange.run(exchange)
    else if (kind === 'request' && outcome === 'forwarded') sql.openExchange.run(exchange, n, direction, own)
    return undefined
  }

  function apply(op: Op): unknown {
    switch (op[0]) {
      case 'event':
        return append(op)
      case 'put_session': {
        const [, id, started_at, actor, upstream, revision, client, terms] = op
        if (sql.putSession.run(id, started_at, actor, upstream, revision, client, own).changes === 0) return undefined
        wrote = true
        const session = sessionOf(id)
        for (const term of terms) addTerm(session, term)
        return undefined
      }
      case 'end_session':
        wrote = sql.endSession.run(op[2], op[1]).changes > 0 || wrote
        return undefined
      case 'close_interrupted': {
        wrote = true
        return closeInterrupted(db, op[1], writer)
      }
      default: {
        const result = approvals.apply(op)
        wrote ||= result !== false && !(Array.isArray(result) && result.length === 0)
        return result
      }
    }
  }

  return {
    apply,
    flush(op, faults) {
      for (const session of changed) sql.count.run(session.events, session.denied, session.masked, session.approvals, session.n)
      changed.clear()
      if (sessions.size > mostSessions) sessions.clear()
      // A batch that changed nothing touches no disk.
      if (wrote) sql.mark.run(own, run, op, faults)
      wrote = false
    },
  }
}

function prepareAll(db: DatabaseSync) {
  return {
    findSession: db.prepare('SELECT n, started_at, events, denied, masked, approvals FROM session WHERE id = ?'),
    putSession: db.prepare('INSERT INTO session (id, started_at, actor, upstream, revision, client, writer) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING'),
    endSession: db.prepare('UPDATE session SET ended_at = ? WHERE id = ? AND ended_at IS NULL'),
    count: db.prepare('UPDATE session SET events = ?, denied = ?, masked = ?, approvals = ? WHERE n = ?'),
    addTerm: db.prepare('INSERT INTO session_term (term, started_at, session) VALUES (?, ?, ?) ON CONFLICT DO NOTHING'),
    addEvent: db.prepare(
      `INSERT INTO event (session, seq, at, exchange, direction, kind, method, call, decision, bundle, outcome, findings, message, closes, basis)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    // What the server asks while it works shares the exchange; only the request that began it can be left unknown.
    openExchange: db.prepare(
      `INSERT INTO open_exchange (exchange, event, direction, writer) VALUES (?, ?, ?, ?)
       ON CONFLICT (exchange) DO UPDATE SET event = excluded.event WHERE direction = excluded.direction`,
    ),
    nameBundle: db.prepare('INSERT INTO judging_bundle (bundle) VALUES (?) ON CONFLICT DO NOTHING'),
    closeExchange: db.prepare('DELETE FROM open_exchange WHERE exchange = ?'),
    mark: db.prepare(
      `INSERT INTO writer_mark (writer, run, op, faults) VALUES (?, ?, ?, ?)
       ON CONFLICT (writer) DO UPDATE SET run = excluded.run, op = excluded.op, faults = excluded.faults`,
    ),
  } satisfies Record<string, StatementSync>
}

/** What a writer that is gone left open: its requests in flight are unknown, its sessions ended. Of every writer where none is named. */
export function closeInterrupted(db: DatabaseSync, at: number, writer: number | undefined): number {
  const whose = { writer: writer ?? null }
  const { changes } = db.prepare(`UPDATE event SET outcome = 'unknown' WHERE n IN (SELECT event FROM open_exchange WHERE :writer IS NULL OR writer = :writer)`).run(whose)
  db.prepare('DELETE FROM open_exchange WHERE :writer IS NULL OR writer = :writer').run(whose)
  db.prepare('UPDATE session SET ended_at = max(:at, started_at) WHERE ended_at IS NULL AND (:writer IS NULL OR writer = :writer)').run({ ...whose, at })
  return Number(changes)
}
