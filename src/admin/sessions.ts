import { parseExactJson } from '../exact-json.ts'
import type { SessionId } from '../model.ts'
import type { EventRow, RecordStore, SessionSummary } from '../record/record-store.ts'
import { showActor } from './access.ts'
import type { EventView, SessionView } from './contract/session.ts'
import { defined } from './defined.ts'
import { type Handles, toTime } from './handle.ts'
import { hiddenIn } from './hidden.ts'
import { refuse } from './problem.ts'
import { createRecordedHandle } from './recorded.ts'

export type Sessions = Pick<RecordStore, 'listSessions' | 'getSession' | 'listEvents' | 'listRecorded'>

const isSessionId = (id: string): id is SessionId => /^ses_[\w-]{1,128}$/.test(id)
const unknown = refuse(404, 'unknown_session', 'no such session')

const showSession = (row: SessionSummary): SessionView => ({
  id: row.id,
  started_at: toTime(row.started_at),
  ended_at: row.ended_at === null ? null : toTime(row.ended_at),
  actor: showActor(row.actor),
  upstream: row.upstream,
  revision: row.revision,
  client: { ...row.client },
  events: row.events,
  denied: row.denied,
  masked: row.masked,
  approvals: row.approvals,
})

const showEvent = (row: EventRow): EventView => ({
  seq: row.seq,
  at: toTime(row.at),
  exchange: row.exchange,
  direction: row.direction,
  kind: row.kind,
  method: row.method,
  call: row.call,
  decision: { kind: row.decision.kind, reasons: row.decision.reasons.map((reason) => ({ ...reason })), bundle: row.bundle },
  outcome: row.outcome,
  ...hiddenIn(row),
  message: parseExactJson(row.message),
})

export function createSessionHandles(sessions: Sessions): Pick<Handles, 'listSessions' | 'getSession' | 'listEvents' | 'listRecorded'> {
  return {
    ...createRecordedHandle(sessions),
    async listSessions({ query }) {
      const { items, next_cursor } = await sessions.listSessions(defined(query))
      return { items: items.map(showSession), next_cursor }
    },
    async getSession({ id }) {
      const row = isSessionId(id) ? await sessions.getSession(id) : undefined
      return row === undefined ? unknown : showSession(row)
    },
    async listEvents({ id, query }) {
      if (!isSessionId(id) || (await sessions.getSession(id)) === undefined) return unknown
      const { items, next_cursor } = await sessions.listEvents(id, defined(query))
      return { items: items.map(showEvent), next_cursor }
    },
  }
}
