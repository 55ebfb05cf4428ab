import { createHash } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { decisionTerm } from '../terms.ts'
import type { Decision } from '../../model.ts'
import { createApprovalWrites } from './apply-approvals.ts'
import { createKeptWrites, isKeptOp } from './apply-kept.ts'
import { createUnfolded, foldLeftOver, opensExchange } from './fold.ts'
import type { EventOp, Op, SharedText } from './ops.ts'

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
  /** Before the commit: writes which op was the last, and how many of the batch were refused. */
  flush(op: number, faults: number): void
  /** Whether so much is unfolded that it is time for `fold`. */
  isFoldDue(): boolean
  /** Inside a transaction of its own, after a commit: brings up to date what events say beside themselves. */
  fold(): void
}

/** The `code` of an error that concerns one op and was met before it wrote anything. */
export const opRefused = 'OP_REFUSED'
const mostSessions = 5_000
const mostTerms = 200
const mostDecisions = 1_000
/** Readers look through what is unfolded one by one. */
const mostUnfolded = 1_000

/** Applies ops through prepared statements. One applier belongs to one connection; after a rollback both are thrown away. */
export function createApplier(db: DatabaseSync, run: string, writer: number | undefined): Applier {
  const sql = prepareAll(db)
  const approvals = createApprovalWrites(db)
  const kept = createKeptWrites(db)
  const sessions = new Map<string, OpenSession>()
  const changed = new Set<OpenSession>()
  const named = new Set<string>()
  const decisions = new Map<string, string>()
  const own = writer ?? 0
  const unfolded = createUnfolded(db, own)
  let wrote = false

  function sessionOf(id: string): OpenSession {
    const known = sessions.get(id)
    if (known !== undefined) return known
    const row = sql.findSession.get(id)
    if (row === undefined) throw Object.assign(new Error(`unknown session ${id}`), { code: opRefused })
    const { n, started_at, events, denied, masked, approvals: held, writer: whose } = row as Record<string, number>
    // Its counters are in that one's memory.
    if (whose !== own) throw Object.assign(new Error(`the session ${id} is another writer's`), { code: opRefused })
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

  /** What the event's row holds in place of it. */
  function numberOf({ shared }: SharedText, kind: string): string {
    const known = decisions.get(shared)
    if (known !== undefined) return known
    const digest = createHash('sha256').update(shared).digest()
    sql.addDecision.run(digest, kind, shared)
    const number = String(sql.findDecision.get(digest)?.['n'])
    if (decisions.size >= mostDecisions) decisions.clear()
    decisions.set(shared, number)
    return number
  }

  function append(op: EventOp): undefined {
    const [, id, at, exchange, direction, kind, method, call, decisionKind, decision, bundle, outcome, findings, message, closes, callTerm, basis] = op
    const session = sessionOf(id)
    wrote = true
    const { lastInsertRowid: n } = sql.addEvent.run(
      session.n, session.events + 1, at, exchange, direction, kind, method, call, typeof decision === 'object' ? numberOf(decision, decisionKind) : decision, bundle, outcome, findings, message, closes, basis,
    )
    session.events += 1
    unfolded.add({ n: Number(n), exchange, direction, opens: opensExchange(kind, outcome, closes === 1), closes: closes === 1 })
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
        fold()
        return closeInterrupted(db, op[1], writer)
      }
      default: {
        const result = isKeptOp(op) ? kept.apply(op) : approvals.apply(op)
        wrote ||= result !== false && !(Array.isArray(result) && result.length === 0)
        return result
      }
    }
  }

  function fold(): void {
    for (const session of changed) sql.count.run(session.events, session.denied, session.masked, session.approvals, session.n)
    changed.clear()
    if (sessions.size > mostSessions) sessions.clear()
    unfolded.fold()
    sql.markFolded.run(own)
  }

  return {
    apply,
    flush(op, faults) {
      // A batch that changed nothing touches no disk.
      if (wrote) sql.mark.run(own, run, op, faults, unfolded.first())
      wrote = false
    },
    isFoldDue: () => unfolded.count() >= mostUnfolded || sessions.size > mostSessions,
    fold,
  }
}

function prepareAll(db: DatabaseSync) {
  return {
    findSession: db.prepare('SELECT n, started_at, events, denied, masked, approvals, writer FROM session WHERE id = ?'),
    putSession: db.prepare('INSERT INTO session (id, started_at, actor, upstream, revision, client, writer) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING'),
    endSession: db.prepare('UPDATE session SET ended_at = ? WHERE id = ? AND ended_at IS NULL'),
    count: db.prepare('UPDATE session SET events = ?, denied = ?, masked = ?, approvals = ? WHERE n = ?'),
    addTerm: db.prepare('INSERT INTO session_term (term, started_at, session) VALUES (?, ?, ?) ON CONFLICT DO NOTHING'),
    addEvent: db.prepare(
      `INSERT INTO event (session, seq, at, exchange, direction, kind, method, call, decision, bundle, outcome, findings, message, closes, basis)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    addDecision: db.prepare('INSERT INTO decision (digest, kind, text) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING'),
    findDecision: db.prepare('SELECT n FROM decision WHERE digest = ?'),
    nameBundle: db.prepare('INSERT INTO judging_bundle (bundle) VALUES (?) ON CONFLICT DO NOTHING'),
    mark: db.prepare(
      `INSERT INTO writer_mark (writer, run, op, faults, unfolded_from) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (writer) DO UPDATE SET run = excluded.run, op = excluded.op, faults = excluded.faults, unfolded_from = excluded.unfolded_from`,
    ),
    markFolded: db.prepare('UPDATE writer_mark SET unfolded_from = NULL WHERE writer = ?'),
  } satisfies Record<string, StatementSync>
}

/** What a writer that is gone left open: its requests in flight are unknown, its sessions ended. Of every writer where none is named. */
export function closeInterrupted(db: DatabaseSync, at: number, writer: number | undefined): number {
  foldLeftOver(db, writer)
  const whose = { writer: writer ?? null }
  const { changes } = db.prepare(`UPDATE event SET outcome = 'unknown' WHERE n IN (SELECT event FROM open_exchange WHERE :writer IS NULL OR writer = :writer)`).run(whose)
  db.prepare('DELETE FROM open_exchange WHERE :writer IS NULL OR writer = :writer').run(whose)
  db.prepare('UPDATE session SET ended_at = max(:at, started_at) WHERE ended_at IS NULL AND (:writer IS NULL OR writer = :writer)').run({ ...whose, at })
  return Number(changes)
}
