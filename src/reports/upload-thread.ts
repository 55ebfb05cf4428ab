import '../repaired-json.ts'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { Recorded } from '../bundle/compare/replay.ts'
import type { Labels } from '../bundle/report/decision-event.ts'
import type { ReportServer } from '../bundle/report/endpoint.ts'
import { followDecisions, type FollowNews } from '../bundle/report/follow.ts'
import { createRulesInForce, type RulesOrder } from '../bundle/report/rules-in-force.ts'
import type { Settings } from '../config/schema.ts'
import { createOutbound } from '../outbound/outbound.ts'
import type { Outcome } from '../outbound/errors.ts'
import { createRebuilder } from '../record/rebuild.ts'
import { readers } from '../store/index.ts'
import { namedCall } from '../wire/call.ts'
import { listOf } from '../wire/list.ts'
import { fetchOf, type ServerOrder } from './server.ts'
import { createReportToken } from './token.ts'

// The upload of decisions, on a thread of its own: it reads the store as any other program could, and no call waits for it.

export interface ReportOrder {
  readonly store: Pick<Settings['store'], 'kind' | 'path'>
  readonly server: ServerOrder
  readonly outbound: Settings['outbound']
  readonly labels: Labels
  readonly file: string
  /** Where nothing was sent yet: what was recorded before is not sent. Milliseconds since the epoch. */
  readonly from: number
  /** What holds when the thread begins; what comes after is sent to it. */
  readonly rules: RulesOrder
}

export type ThreadNews = FollowNews | { readonly kind: 'asked'; readonly outcome: Outcome }

const { store, server: order, labels, file, from: began, rules, outbound: settings } = workerData as ReportOrder
const outbound = createOutbound({ settings, count: (_purpose, outcome) => parentPort?.postMessage({ kind: 'asked', outcome } satisfies ThreadNews) })
const server: ReportServer = { url: order.url, fetch: fetchOf(order, outbound), ...(order.token === undefined ? {} : { token: createReportToken(order.token) }) }
const reader = readers[store.kind](store.path)
const receive = (): RulesOrder | undefined => (parentPort === null ? undefined : (receiveMessageOnPort(parentPort)?.message as RulesOrder | undefined)) // what upload.ts sends
const rebuilder = createRebuilder({ callOf: namedCall, listOf })

await followDecisions({
  server, labels, file, rules: createRulesInForce(rules, receive),
  from: began,
  signal: new AbortController().signal, // the thread is ended from outside
  told: (news) => parentPort?.postMessage(news satisfies ThreadNews),
  async next({ cursor, from }) {
    const { items, reached, more } = await reader.followRecorded({ from, to: Number.MAX_SAFE_INTEGER, ...(cursor === undefined ? {} : { cursor }) })
    const decided = items.flatMap(({ event, session }): Recorded[] => {
      const asked = rebuilder.next(event, session)
      return asked === undefined ? [] : [{ session: session.id, seq: event.seq, exchange: event.exchange, at: event.at, question: asked.question, lost: asked.lost, decision: asked.decision }]
    })
    return { decided, reached, more }
  },
})
