import { parseExactJson } from '../exact-json.ts'
import type { RecordedEvent, RecordStore } from '../record/record-store.ts'
import { showActor } from './access.ts'
import type { RecordedView } from './contract/recorded.ts'
import type { Handles } from './handle.ts'
import { defined } from './defined.ts'

/** Claims stay in: a rule that reads them cannot be asked again from here, and the basis says so. */
const withoutClaims = (basis: string | null): string | null => {
  if (basis === null) return null
  return JSON.stringify({ ...(parseExactJson(basis) as object), claims: null })
}

const show = ({ session: { id, started_at, actor, upstream, revision, client }, event }: RecordedEvent): RecordedView => {
  const { seq, at, exchange, direction, kind, method, call, decision, findings, message, basis } = event
  return {
    session: { id, started_at, actor: showActor(actor), upstream, revision, client: { ...client } },
    event: { seq, at, exchange, direction, kind, method, call, decision, findings, message, basis: withoutClaims(basis) },
  }
}

export const createRecordedHandle = (records: Pick<RecordStore, 'listRecorded'>): Pick<Handles, 'listRecorded'> => ({
  async listRecorded({ query: { from, to = Number.MAX_SAFE_INTEGER, ...page } }) {
    const { items, next_cursor } = await records.listRecorded({ from, to, ...defined(page) })
    return { items: items.map(show), next_cursor }
  },
})
