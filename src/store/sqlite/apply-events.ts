import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Decision } from '../../model.ts'
import { decisionTerm } from '../terms.ts'
import type { OpenSession, SessionWrites } from './apply-sessions.ts'
import { createUnfolded, opensExchange } from './fold.ts'
import type { EventOp, SharedText } from './ops.ts'

export interface EventWrites {
  append(session: OpenSession, op: EventOp): void
  /** The oldest event that is not folded; null where there is none. */
  firstUnfolded(): number | null
  /** Whether so much is unfolded that it is time for `fold`. */
  isFoldDue(): boolean
  fold(): void
}

const mostDecisions = 1_000
/** Readers look through what is unfolded one by one. */
const mostUnfolded = 1_000

export function createEventWrites(db: DatabaseSync, sessions: SessionWrites, writer: number): EventWrites {
  const addEvent = db.prepare(
    `INSERT INTO event (session, seq, at, exchange, direction, kind, method, call, decision, bundle, outcome, findings, message, closes, basis)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const nameBundle = db.prepare('INSERT INTO judging_bundle (bundle) VALUES (?) ON CONFLICT DO NOTHING')
  const markFolded = db.prepare('UPDATE writer_mark SET unfolded_from = NULL WHERE writer = ?')
  const numberOf = createDecisionNumbers(db)
  const unfolded = createUnfolded(db, writer)
  const changed = new Set<OpenSession>()
  const named = new Set<string>()

  return {
    append(session, [, , at, exchange, direction, kind, method, call, decisionKind, decision, bundle, outcome, findings, message, closes, callTerm, basis]) {
      const { lastInsertRowid: n } = addEvent.run(
        session.n, session.events + 1, at, exchange, direction, kind, method, call, typeof decision === 'object' ? numberOf(decision, decisionKind) : decision, bundle, outcome, findings, message, closes, basis,
      )
      session.events += 1
      unfolded.add({ n: Number(n), exchange, direction, opens: opensExchange(kind, outcome, closes === 1), closes: closes === 1 })
      if (!named.has(bundle)) {
        nameBundle.run(bundle)
        named.add(bundle)
      }
      if (decisionKind === 'deny') session.denied += 1
      else if (decisionKind === 'mask') session.masked += 1
      else if (decisionKind === 'require_approval') session.approvals += 1
      changed.add(session)
      sessions.addTerm(session, decisionTerm(decisionKind as Decision['kind'])) // the recorder's own word
      if (callTerm !== null) sessions.addTerm(session, callTerm)
    },
    firstUnfolded: unfolded.first,
    isFoldDue: () => unfolded.count() >= mostUnfolded || sessions.isCrowded(),
    fold() {
      sessions.fold(changed)
      changed.clear()
      unfolded.fold()
      markFolded.run(writer)
    },
  }
}

/** What an event's row holds in place of a decision that many have. */
function createDecisionNumbers(db: DatabaseSync): (decision: SharedText, kind: string) => string {
  const add = db.prepare('INSERT INTO decision (digest, kind, text) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING')
  const find = db.prepare('SELECT n FROM decision WHERE digest = ?')
  const numbers = new Map<string, string>()
  return ({ shared }, kind) => {
    const known = numbers.get(shared)
    if (known !== undefined) return known
    const digest = createHash('sha256').update(shared).digest()
    add.run(digest, kind, shared)
    const number = String(find.get(digest)?.['n'])
    if (numbers.size >= mostDecisions) numbers.clear()
    numbers.set(shared, number)
    return number
  }
}
