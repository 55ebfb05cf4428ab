import type { EventView, SessionView } from '../admin/contract/session.ts'
import type { ApiAnswer, ApiClient } from './api.ts'
import { fits, mostEvents, type EventArguments } from './events.ts'
import { exitCode, type Output } from './output.ts'
import { readPages } from './pages.ts'
import { periodOf } from './period.ts'

export interface ExportArguments extends EventArguments {
  readonly actor?: string
  readonly group?: string
  readonly upstream?: string
  readonly from?: string
  readonly to?: string
}
type Refused = Extract<ApiAnswer<never>, { ok: false }>
interface Page {
  readonly items: readonly SessionView[]
  readonly next_cursor: string | null
}

/** Sessions whose messages are asked for at once. */
const together = 8
/** Milliseconds: a call that its server has when its session ends is recorded when it is answered, as late as `limits.upstream_idle` allows. */
const longestCall = 86_400_000

/** Prints each message that fits with its session; what is refused half-way is told, so that a part does not look like all of it. */
export async function exportSessions(given: ExportArguments, client: ApiClient, output: Output): Promise<Refused | undefined> {
  const { actor, group, upstream, call, decision } = given
  const period = periodOf(given)
  if (typeof period === 'string') return { ok: false, exit: exitCode.misuse, message: period }
  const { from, to } = period
  const isThen = (at: string): boolean => (from === undefined || at >= from) && (to === undefined || at <= to)
  const reaches = from === undefined ? '' : new Date(Date.parse(from) - longestCall).toISOString()
  const count = { messages: 0, sessions: 0 }
  const half = (refused: Refused): Refused => (count.messages === 0 ? refused : { ...refused, message: `${refused.message}; what is printed is not all` })
  let cursor: string | undefined
  do {
    // A session that began before the period may reach into it: the API's `from` would leave it out.
    const listed = await client.get<Page>('sessions', { actor, group, upstream, call, decision, to, limit: 200, cursor })
    if (!listed.ok) return half(listed)
    const within = listed.body.items.filter(({ ended_at }) => ended_at === null || ended_at >= reaches)
    for (let at = 0; at < within.length; at += together) {
      const some = within.slice(at, at + together)
      const read = await Promise.all(some.map(({ id }) => readPages<EventView>(client, `sessions/${encodeURIComponent(id)}/events`, {}, mostEvents)))
      for (const [index, events] of read.entries()) {
        if (!events.ok) return half(events)
        if (events.body.next_cursor !== null) return half({ ok: false, exit: exitCode.failed, message: `${some[index]?.id} has more than ${mostEvents} messages` })
        const wanted = events.body.items.filter((event) => isThen(event.at) && fits(event, given))
        for (const event of wanted) output.line(JSON.stringify({ session: some[index], event }))
        count.messages += wanted.length
        count.sessions += wanted.length > 0 ? 1 : 0
      }
      if (output.isClosed()) return undefined
    }
    cursor = listed.body.next_cursor ?? undefined
  } while (cursor !== undefined)
  output.note(`${count.messages} messages, ${count.sessions} sessions`)
  return undefined
}
