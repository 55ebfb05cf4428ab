import type { EventRow, SessionSummary } from './record-store.ts'

/** One event as `sessions show` and `sessions replay` step through it. */
export interface Step extends EventRow {
  /** Milliseconds since the session began. */
  readonly offset_ms: number
  /** For an answer: the `seq` of the request it answers. */
  readonly answers: number | null
  /** For a request: the `seq` of its answer. */
  readonly answered_by: number | null
  /** From request to answer, on both. */
  readonly duration_ms: number | null
}

export interface Timeline {
  readonly session: SessionSummary
  readonly steps: readonly Step[]
}

interface Pair {
  readonly request: EventRow
  readonly answer: EventRow
}

/** Pairs requests with their answers. Order is by `seq`: clocks may have been set in between. */
export function replay(session: SessionSummary, events: readonly EventRow[]): Timeline {
  const ordered = [...events].sort((a, b) => a.seq - b.seq)
  const pairs = new Map<number, Pair>()
  const open = new Map<string, EventRow[]>()
  for (const event of ordered) {
    if (event.kind === 'request') {
      // A request that was held is told again when it goes on: the later one is what was answered.
      const key = placeOf(event, event.direction)
      const before = open.get(key) ?? []
      open.set(key, [...before.filter(({ outcome }) => outcome !== 'held'), event])
    } else if (event.kind === 'result' || event.kind === 'error') {
      const waiting = open.get(placeOf(event, event.direction === 'to_client' ? 'to_server' : 'to_client'))
      const request = waiting?.shift()
      if (request === undefined) continue
      const pair = { request, answer: event }
      pairs.set(request.seq, pair)
      pairs.set(event.seq, pair)
    }
  }
  return { session, steps: ordered.map((event) => stepOf(session, event, pairs.get(event.seq))) }
}

/** Where an answer looks for its request: the server may ask the client while it works on the client's own. */
function placeOf(event: EventRow, direction: EventRow['direction']): string {
  return `${event.exchange} ${direction} ${event.method}`
}

function stepOf(session: SessionSummary, event: EventRow, pair: Pair | undefined): Step {
  return {
    ...event,
    offset_ms: event.at - session.started_at,
    answers: pair !== undefined && pair.answer.seq === event.seq ? pair.request.seq : null,
    answered_by: pair !== undefined && pair.request.seq === event.seq ? pair.answer.seq : null,
    duration_ms: pair === undefined ? null : Math.max(0, pair.answer.at - pair.request.at),
  }
}
