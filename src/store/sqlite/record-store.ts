import type { Kysely } from 'kysely'
import type { Decision } from '../../model.ts'
import type { NewEvent, RecordStore } from '../../record/record-store.ts'
import { recentActivity } from '../queries/activity.ts'
import { listEvents } from '../queries/events.ts'
import { listRecorded } from '../queries/recorded.ts'
import { getSession, listSessions } from '../queries/sessions.ts'
import type { Tables } from '../schema.ts'
import { callTerm, openingTerms } from '../terms.ts'
import type { SharedText } from './ops.ts'
import type { WriteQueue } from './write-queue.ts'

/** What a row weighs beside its texts. */
const overhead = 300

export function createRecordStore(queue: WriteQueue, db: Kysely<Tables>): RecordStore {
  /** Most events carry the very decision that one before them carried; from the second on the store keeps it once. */
  const printed = new WeakMap<Decision, { readonly text: string; shared?: SharedText }>()
  const print = (decision: Decision): string | SharedText => {
    const known = printed.get(decision)
    if (known !== undefined) return (known.shared ??= { shared: known.text })
    const text = JSON.stringify(decision)
    printed.set(decision, { text })
    return text
  }

  return {
    async putSession({ id, started_at, actor, upstream, revision, client }) {
      const who = JSON.stringify(actor)
      await queue.write(['put_session', id, started_at, who, upstream, revision, JSON.stringify(client), openingTerms(actor, upstream)], who.length + overhead)
    },
    async endSession(id, at) {
      await queue.write(['end_session', id, at])
    },
    append(event) {
      const decision = print(event.decision)
      const size = event.message.length + (typeof decision === 'string' ? decision.length : 0) + event.findings.length + (event.basis?.length ?? 0) + overhead
      return queue.write(
        [
          'event', event.session, event.at, event.exchange, event.direction, event.kind, event.method, event.call, event.decision.kind, decision,
          event.bundle, event.outcome, event.findings, event.message, event.closes ? 1 : 0, event.call === null ? null : callTerm(event.call), event.basis,
        ],
        size,
        isOutcome(event) ? 'outcome' : 'new',
      ) as Promise<void>
    },
    async closeInterrupted(at) {
      return Number(await queue.write(['close_interrupted', at]))
    },
    recentActivity: (since) => recentActivity(db, since),
    listSessions: (filter) => listSessions(db, filter),
    getSession: (id) => getSession(db, id),
    listEvents: (id, page) => listEvents(db, id, page),
    listRecorded: (filter) => listRecorded(db, filter),
  }
}

/** What a server said, and every answer: what they belong to has been let out already. */
const isOutcome = ({ direction, kind }: NewEvent): boolean => direction === 'to_client' || kind === 'result' || kind === 'error'
