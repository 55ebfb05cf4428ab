import type { Kysely } from 'kysely'
import type { RecordStore } from '../../record/record-store.ts'
import { listEvents } from '../queries/events.ts'
import { getSession, listSessions } from '../queries/sessions.ts'
import type { Tables } from '../schema.ts'
import { callTerm, openingTerms } from '../terms.ts'
import type { WriteQueue } from './write-queue.ts'

/** What a row weighs beside its texts. */
const overhead = 300

export function createRecordStore(queue: WriteQueue, db: Kysely<Tables>): RecordStore {
  return {
    async putSession({ id, started_at, actor, upstream, revision, client }) {
      const printed = JSON.stringify(actor)
      await queue.write(['put_session', id, started_at, printed, upstream, revision, JSON.stringify(client), openingTerms(actor, upstream)], printed.length + overhead)
    },
    async endSession(id, at) {
      await queue.write(['end_session', id, at])
    },
    append(event) {
      const decision = JSON.stringify(event.decision)
      const findings = event.findings.length === 0 ? '[]' : JSON.stringify(event.findings)
      const size = event.message.length + decision.length + findings.length + overhead
      return queue.write(
        [
          'event', event.session, event.at, event.exchange, event.direction, event.kind, event.method, event.call, event.decision.kind, decision,
          event.bundle, event.outcome, findings, event.message, event.closes ? 1 : 0, event.call === null ? null : callTerm(event.call),
        ],
        size,
      ) as Promise<void>
    },
    async closeInterrupted(at) {
      return Number(await queue.write(['close_interrupted', at]))
    },
    listSessions: (filter) => listSessions(db, filter),
    getSession: (id) => getSession(db, id),
    listEvents: (id, page) => listEvents(db, id, page),
  }
}
