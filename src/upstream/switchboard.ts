import type { Signal } from '../abort.ts'
import { GatewayError } from '../errors.ts'
import type { Json, RequestId } from '../model.ts'
import { costOf } from './noise.ts'
import { createQueue, type Flow, type Queue } from './queue.ts'
import type { Arrival } from './upstream.ts'

/** What of an unjudged message is needed to know whose it is. */
export interface Address {
  readonly kind: 'request' | 'notification' | 'answer' | 'unreadable'
  readonly id?: RequestId | null
  /** The progress token, subscription id or request id that a notification carries. */
  readonly token?: Json
}
export type ReadAddress = (message: Uint8Array) => Address

export interface SwitchboardOptions {
  readonly readAddress: ReadAddress
  /** Milliseconds until the first message about a request. */
  readonly answerTimeout: number
  /** Told of what is no message, in bytes. */
  readonly unreadable: (bytes: number) => void
  readonly flow: Flow
}

export interface Asked {
  readonly id: RequestId
  readonly progressToken?: string | undefined
  /** News name their subscription, and log lines are of calls (MCP 2026-07-28 server/utilities/logging): what names nothing is for it only where no call waits. */
  readonly subscribes?: boolean
  readonly signal: Signal
}

/** What arrives for one request. */
export interface Expected {
  readonly items: AsyncIterable<Arrival>
  /** Settled with the first of it, or when there is no more to come. */
  readonly touched: Promise<void>
  fail(error: Error): void
}

/** One channel on which a server answers everything: each message goes to whom it is for. */
export interface Switchboard {
  readonly isIdle: boolean
  /** Answers what it cost where it, or something before it, is of use to nobody. */
  deliver(message: Uint8Array): number
  /** Ends with the answer, or when `signal` aborts. */
  expect(asked: Asked): Expected
  /** What no request asked for, until `signal` aborts; the latest listener has it. */
  listen(signal: Signal): AsyncIterable<Arrival>
  /** No more is asked; what waits may still be answered. */
  endListening(): void
  fail(code: 'upstream_broken' | 'upstream_timeout', detail: string): void
}

interface Waiting {
  readonly queue: Queue<Arrival>
  readonly tokens: ReadonlySet<Json>
  readonly subscribes: boolean
  /** It was heard of, or is over: silence is no longer looked out for. */
  readonly endWatch: () => void
  readonly touch: () => void
}

/** What is said while nobody listens, in messages and in bytes. */
const backlogLimit = { messages: 100, bytes: 1024 * 1024 }
/** What a message that waits takes beside its bytes. */
const besideData = 256

export function createSwitchboard({ readAddress, answerTimeout, unreadable, flow }: SwitchboardOptions): Switchboard {
  const waiting = new Map<RequestId, Waiting>()
  const backlog: Arrival[] = []
  let unasked: Queue<Arrival> | undefined

  const push = (queue: Queue<Arrival>, data: Uint8Array) => queue.push({ data }, besideData + data.length, flow)
  const release = (id: RequestId) => {
    waiting.get(id)?.endWatch()
    waiting.get(id)?.touch()
    waiting.delete(id)
  }
  const latest = (): Waiting | undefined => {
    const all = [...waiting.values()]
    return all.findLast(({ subscribes }) => !subscribes) ?? all.at(-1)
  }
  const keep = (data: Uint8Array): number => {
    backlog.push({ data })
    let cost = 0
    let bytes = backlog.reduce((sum, kept) => sum + kept.data.length, 0)
    while (backlog.length > backlogLimit.messages || bytes > backlogLimit.bytes) {
      const length = backlog.shift()?.data.length ?? 0
      bytes -= length
      cost += costOf(length)
    }
    return cost
  }

  return {
    get isIdle() {
      return waiting.size === 0 && unasked === undefined
    },
    deliver(data) {
      const address = readAddress(data)
      if (address.kind === 'unreadable') {
        unreadable(data.length)
        return costOf(data.length)
      }
      const { id, token } = address
      const asked = address.kind === 'answer' && id !== null && id !== undefined ? waiting.get(id) : undefined
      if (asked !== undefined && id !== null && id !== undefined) {
        push(asked.queue, data)
        asked.queue.end()
        release(id)
        return 0
      }
      const owned = token === undefined ? undefined : [...waiting.values()].find(({ tokens }) => tokens.has(token))
      owned?.endWatch()
      const reader = owned ?? (unasked === undefined ? latest() : undefined)
      reader?.touch()
      const queue = reader?.queue ?? unasked
      if (queue === undefined) return keep(data)
      push(queue, data)
      return 0
    },
    expect({ id, progressToken, subscribes = false, signal }) {
      const queue = createQueue<Arrival>()
      const { promise: touched, resolve: touch } = Promise.withResolvers<void>()
      const end = (finish: () => void) => {
        release(id)
        finish()
      }
      let isWatched = true
      // What came while this process stood still is read first. A server that is held back by a slow reader is not silent.
      const look = () => setImmediate(() => {
        if (!isWatched) return
        if (!queue.isEmpty) silence.refresh()
        else end(() => queue.fail(new GatewayError('upstream_timeout', { detail: 'nothing came for a request' })))
      })
      const silence = setTimeout(look, answerTimeout).unref()
      const endWatch = () => {
        isWatched = false
        clearTimeout(silence)
      }
      waiting.set(id, { queue, endWatch, touch, subscribes, tokens: new Set<Json>(progressToken === undefined ? [id as Json] : [progressToken, id as Json]) })
      if (signal.aborted) end(queue.close)
      else signal.addEventListener('abort', () => end(queue.close), { once: true })
      return { items: queue.items, touched, fail: (error) => end(() => queue.fail(error)) }
    },
    listen(signal) {
      const queue = createQueue<Arrival>()
      for (const { data } of backlog.splice(0)) push(queue, data)
      unasked?.end()
      unasked = queue
      const leave = () => {
        queue.close()
        if (unasked === queue) unasked = undefined
      }
      if (signal.aborted) leave()
      else signal.addEventListener('abort', leave, { once: true })
      return queue.items
    },
    endListening() {
      unasked?.end()
      unasked = undefined
    },
    fail(code, detail) {
      for (const [id, { queue }] of [...waiting]) {
        queue.fail(new GatewayError(code, { detail }))
        release(id)
      }
    },
  }
}
