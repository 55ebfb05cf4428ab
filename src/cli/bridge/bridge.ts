import { setTimeout as wait } from 'node:timers/promises'
import { messageOf } from '../../errors.ts'
import type { Json } from '../../model.ts'
import { createCarrying } from './carrying.ts'
import { createDelivery, type DeliveryParts, type Open } from './delivery.ts'
import type { Door } from './door.ts'
import { createGreetings } from './greetings.ts'
import { claimOf, readMessages, type Heard } from './message.ts'
import { usualPause } from './pauses.ts'

export interface BridgeParts extends Pick<DeliveryParts, 'write' | 'note'> {
  readonly door: Door
}
export interface Bridge {
  /** Resolves when the next line may be read. */
  hear(line: Buffer): Promise<void>
  /** What is under way gets this long to end. */
  end(within: number): Promise<void>
}

const parseError = -32700
const mostQueued = 100

/** Carries the messages of a client over stdio to a server over Streamable HTTP and back, each as it is. */
export function createBridge({ door, write, note }: BridgeParts): Bridge {
  const opened = new Map<string, Open>()
  const schemas = new Map<string, Json>()
  const ending = new AbortController()
  const greetings = createGreetings({ door, hear: (text, messages, response) => delivery.pass(text, messages, undefined, response), note, ending: ending.signal })
  const delivery = createDelivery({ write, note, schemas, answered: greetings.answered })
  const carry = createCarrying({ door, greetings, delivery, schemas, note })
  /** What was read and is not on its way yet: messages arrive in the order in which they were said. */
  let [queue, queued] = [Promise.resolve(), 0]

  function begin(heard: Heard): Promise<void> {
    const requests = heard.messages.filter(({ kind }) => kind === 'request')
    const open: Open = { heard, waiting: new Set(requests.map(({ key }) => key)), stop: new AbortController(), isCancelled: false, isRepeated: false, retry: usualPause }
    ending.signal.addEventListener('abort', () => open.stop.abort(), { once: true, signal: open.stop.signal })
    for (const { key } of requests) opened.set(key, open)
    return carry(open).finally(() => {
      for (const { key } of heard.messages) if (opened.get(key) === open) opened.delete(key)
    })
  }

  /** True where that is all there is to do. */
  function cancel(requestId: Json | undefined): boolean {
    const open = opened.get(JSON.stringify(requestId))
    if (open === undefined) return false
    open.isCancelled = true
    // 2026-07-28 basic/patterns/cancellation: over HTTP, closing the stream says it.
    const isModern = open.heard.messages.some((one) => claimOf(one) !== undefined && one.method !== 'initialize')
    if (isModern) open.stop.abort()
    return isModern
  }

  async function take(line: Buffer): Promise<void> {
    const text = line.toString('utf8').trim()
    if (text === '') return
    const messages = readMessages(text)
    if (messages === undefined || messages.length === 0) return delivery.refuse('null', { code: parseError, message: 'expected a JSON-RPC message in one line' })
    const heard: Heard = { bytes: Buffer.from(text), messages }
    const [first] = messages
    if (first?.method === 'notifications/cancelled' && cancel(first.params['requestId'])) return
    if (first?.method === 'initialize') greetings.begin(heard)
    const carried = begin(heard)
    // What comes next may stand on it having arrived; a request's answer is waited for by nobody here but a greeting's.
    if (messages.some(({ kind }) => kind === 'request') && first?.method !== 'initialize') return void carried.catch((fault: unknown) => note(messageOf(fault)))
    await carried
    if (first?.method === 'notifications/initialized') greetings.start(heard)
  }

  return {
    async hear(line) {
      queued += 1
      queue = queue.then(() => take(line)).catch((fault: unknown) => note(messageOf(fault))).finally(() => void (queued -= 1))
      if (queued > mostQueued) await queue
    },
    async end(within) {
      const end = performance.now() + within
      while (opened.size + queued > 0 && performance.now() < end) await wait(20)
      ending.abort()
      await greetings.leave()
      await door.close()
    },
  }
}
