import { parentPort, workerData } from 'node:worker_threads'
import type { Recorded } from './bundle/compare/replay.ts'
import type { Labels } from './bundle/report/decision-event.ts'
import type { ReportServer } from './bundle/report/endpoint.ts'
import { followDecisions, type FollowNews } from './bundle/report/follow.ts'
import type { Settings } from './config/schema.ts'
import { createRebuilder } from './record/rebuild.ts'
import { readers } from './store/index.ts'
import { namedCall } from './wire/call.ts'
import { listOf } from './wire/list.ts'

// The upload of decisions, on a thread of its own: it reads the store as any other program could, and no call waits for it.

export interface ReportOrder {
  readonly store: Pick<Settings['store'], 'kind' | 'path'>
  readonly server: ReportServer
  readonly labels: Labels
  readonly file: string
}

const { store, server, labels, file } = workerData as ReportOrder
const reader = readers[store.kind](store.path)
const rebuilder = createRebuilder({ callOf: namedCall, listOf })

await followDecisions({
  server, labels, file,
  now: Date.now,
  signal: new AbortController().signal, // the thread is ended from outside
  told: (news: FollowNews) => parentPort?.postMessage(news),
  async next({ cursor, from }) {
    const { items, reached, more } = await reader.followRecorded({ from, to: Number.MAX_SAFE_INTEGER, ...(cursor === undefined ? {} : { cursor }) })
    const decided = items.flatMap(({ event, session }): Recorded[] => {
      const asked = rebuilder.next(event, session)
      return asked === undefined ? [] : [{ session: session.id, seq: event.seq, exchange: event.exchange, at: event.at, question: asked.question, lost: asked.lost, decision: asked.decision }]
    })
    return { decided, reached, more }
  },
})
