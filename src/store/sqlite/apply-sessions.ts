import type { DatabaseSync } from 'node:sqlite'
import { opRefused, type Op } from './ops.ts'

/** A session as its writer knows it. Its counters are written when they are folded. */
export interface OpenSession {
  readonly n: number
  readonly started_at: number
  /** Those by which it can be found already. */
  readonly terms: Set<string>
  events: number
  denied: number
  masked: number
  approvals: number
}
export interface SessionWrites {
  /** Throws what concerns one op alone where the session is unknown, or another writer's. */
  find(id: string): OpenSession
  /** False where it was there already. */
  put(op: Extract<Op, readonly ['put_session', ...unknown[]]>): boolean
  /** False where it had ended already. */
  end(id: string, at: number): boolean
  addTerm(session: OpenSession, term: string): void
  /** Whether more are in memory than should be. */
  isCrowded(): boolean
  /** Writes the counters of all that had events since. */
  fold(changed: Iterable<OpenSession>): void
}

const mostSessions = 5_000
const mostTerms = 200

export function createSessionWrites(db: DatabaseSync, writer: number): SessionWrites {
  const findSession = db.prepare('SELECT n, started_at, events, denied, masked, approvals, writer FROM session WHERE id = ?')
  const putSession = db.prepare('INSERT INTO session (id, started_at, actor, upstream, revision, client, writer) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING')
  const endSession = db.prepare('UPDATE session SET ended_at = ? WHERE id = ? AND ended_at IS NULL')
  const count = db.prepare('UPDATE session SET events = ?, denied = ?, masked = ?, approvals = ? WHERE n = ?')
  const putTerm = db.prepare('INSERT INTO session_term (term, started_at, session) VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
  const sessions = new Map<string, OpenSession>()

  function find(id: string): OpenSession {
    const known = sessions.get(id)
    if (known !== undefined) return known
    const row = findSession.get(id)
    if (row === undefined) throw Object.assign(new Error(`unknown session ${id}`), { code: opRefused })
    const { n, started_at, events, denied, masked, approvals, writer: whose } = row as Record<string, number>
    // Its counters are in that one's memory.
    if (whose !== writer) throw Object.assign(new Error(`the session ${id} is another writer's`), { code: opRefused })
    const found = { n: n!, started_at: started_at!, terms: new Set<string>(), events: events!, denied: denied!, masked: masked!, approvals: approvals! } // columns of the row
    sessions.set(id, found)
    return found
  }

  function addTerm(session: OpenSession, term: string): void {
    if (session.terms.has(term)) return
    if (session.terms.size >= mostTerms) session.terms.clear()
    putTerm.run(term, session.started_at, session.n)
    session.terms.add(term)
  }

  return {
    find,
    put([, id, started_at, actor, upstream, revision, client, terms]) {
      if (putSession.run(id, started_at, actor, upstream, revision, client, writer).changes === 0) return false
      const session = find(id)
      for (const term of terms) addTerm(session, term)
      return true
    },
    end: (id, at) => endSession.run(at, id).changes > 0,
    addTerm,
    isCrowded: () => sessions.size > mostSessions,
    fold(changed) {
      for (const session of changed) count.run(session.events, session.denied, session.masked, session.approvals, session.n)
      if (sessions.size > mostSessions) sessions.clear()
    },
  }
}
