import { isObject } from '../exact-json.ts'
import type { Call, Exchange, ExchangeId, Json, JsonObject, JudgedMessage, Question, SessionId } from '../model.ts'
import { overlap } from '../places.ts'
import { createAttached } from './attached.ts'
import { changedPlaces } from './changed-places.ts'

/** A request that was recorded, as somebody may still hold it. */
export interface Recorded {
  readonly no: number
  readonly session: SessionId
  readonly head: Pick<JudgedMessage, 'direction' | 'method' | 'revision'>
  readonly call: Call | undefined
  readonly masked: readonly string[]
  /** `masked` is what its own basis says. */
  readonly asRecorded: boolean
}

/** The requests that later messages refer to. */
export interface RecordedRequests {
  /** Its number. `stored` is its body as it is kept, and `masked` where that differs. */
  remember(question: Question, exchange: Exchange, stored: Json, masked: readonly string[]): number
  /** The one that a message belongs to. */
  find(request: JudgedMessage, exchange: Exchange): Recorded | undefined
  /** The one whose arguments these are. */
  withArguments(args: JsonObject): Recorded | undefined
  ended(exchange: ExchangeId): void
}

/** The newest request of an exchange that has not ended. */
interface Latest {
  readonly recorded: Recorded
  readonly stored: Json
}
const mostOpen = 5_000

export function createRecordedRequests(): RecordedRequests {
  /** By body, and by arguments. */
  const requests = createAttached<Recorded>()
  /** A call that was held goes on as another message than its caller's, with the same content. */
  const latest = new Map<ExchangeId, Latest>()
  let count = 0

  const keepLatest = (exchange: ExchangeId, request: Latest): void => {
    latest.set(exchange, request)
    const oldest = latest.size > mostOpen ? latest.keys().next().value : undefined
    if (oldest !== undefined) latest.delete(oldest)
  }
  const put = (of: JsonObject, recorded: Recorded): void => {
    if (!isEmpty(of)) requests.set(of, recorded)
    const args = of['arguments']
    if (!isObject(args)) return
    requests.set(args, recorded.masked.length === 0 ? recorded : { ...recorded, masked: recorded.masked.filter((place) => overlap(place, '/arguments')) })
  }
  return {
    remember(question, exchange, stored, masked) {
      count += 1
      const { call, body, direction, method, revision } = question.message
      const recorded = { no: count, session: exchange.session, head: { direction, method, revision }, call, masked, asRecorded: true }
      put(body, recorded)
      if (direction === 'to_server' && !exchange.closes) keepLatest(exchange.exchange, { recorded, stored })
      // What goes on to the server may be masked; its answers are judged with that.
      const sent = exchange.message.body
      if (sent !== body) put(sent, { ...recorded, masked: changedPlaces(sent, stored), asRecorded: false })
      return count
    },
    find(request, exchange) {
      const itself = requests.get(request.body)
      if (itself !== undefined && isOf(itself, request, exchange)) return itself
      const like = latest.get(exchange.exchange)
      if (like === undefined || !isOf(like.recorded, request, exchange)) return undefined
      return { ...like.recorded, masked: changedPlaces(request.body, like.stored), asRecorded: false }
    },
    withArguments: (args) => requests.get(args),
    ended: (exchange) => void latest.delete(exchange),
  }
}

const isOf = ({ session, head }: Recorded, { direction, method, revision }: JudgedMessage, exchange: Exchange): boolean =>
  session === exchange.session && head.direction === direction && head.method === method && head.revision === revision

export function isEmpty(object: object): boolean {
  for (const _ in object) return false
  return true
}
