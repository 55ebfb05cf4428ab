import type { Recorded } from '../../bundle/compare/replay.ts'
import { createRebuilder } from '../../record/rebuild.ts'
import type { RecordReader } from '../../record/record-store.ts'
import { namedCall } from '../../wire/call.ts'
import { listOf } from '../../wire/list.ts'

export type ListRecorded = RecordReader['listRecorded']
export interface Period {
  /** Milliseconds since the epoch. */
  readonly from: number
  readonly to: number
}

/** Every decision of policies that was recorded in a period, in its order, with what it depended on. */
export async function* readRecorded(list: ListRecorded, { from, to }: Period): AsyncGenerator<Recorded> {
  const rebuilder = createRebuilder({ callOf: namedCall, listOf })
  let cursor: string | undefined
  for (;;) {
    const page = await list({ from, to, ...(cursor === undefined ? {} : { cursor }) })
    for (const { event, session } of page.items) {
      const asked = rebuilder.next(event, session)
      if (asked === undefined) continue
      const { question, lost, decision } = asked
      yield { session: session.id, seq: event.seq, exchange: event.exchange, at: event.at, question, lost, decision }
    }
    if (page.next_cursor === null) return
    cursor = page.next_cursor
  }
}
