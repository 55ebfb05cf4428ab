import type { Response } from 'undici'
import type { Json } from '../../model.ts'
import type { Greetings } from './greetings.ts'
import { asLine } from './lines.ts'
import { learnSchemas, readMessages, type Heard, type Peeked } from './message.ts'
import { isStream, readEvents, readText } from './session.ts'
import { longestPause, shortestPause } from './pauses.ts'

/** Requests that wait for their answers, sent together. */
export interface Open {
  readonly heard: Heard
  /** Those without an answer yet, by their ids. */
  readonly waiting: Set<string>
  readonly stop: AbortController
  isCancelled: boolean
  isRepeated: boolean
  lastEvent?: string
  retry: number
}
export interface DeliveryParts {
  /** Resolves when there is room for more. */
  readonly write: (line: string) => Promise<void>
  /** For whoever reads the logs of the client. */
  readonly note: (text: string) => void
  readonly schemas: Map<string, Json>
  readonly answered: Greetings['answered']
}
export type Delivery = ReturnType<typeof createDelivery>

const lost = -33003

/** What came from the gateway, to the client. */
export function createDelivery({ write, note, schemas, answered }: DeliveryParts) {
  const refuse = (key: string, error: Json): Promise<void> => write(`{"jsonrpc":"2.0","id":${key},"error":${JSON.stringify(error)}}\n`)

  /** Passes on what came, and sees what it answers. */
  async function pass(text: string, messages: readonly Peeked[], open: Open | undefined, response: Response): Promise<void> {
    for (const message of messages) {
      // A stream that was opened again says once more that it is open.
      if (open?.isRepeated === true && message.method === 'notifications/subscriptions/acknowledged') return
      if (message.kind !== 'answer' || open?.waiting.delete(message.key) !== true) continue
      learnSchemas(message, schemas)
      answered(open.heard, response, message)
    }
    if (open?.isCancelled !== true) await write(asLine(text))
  }

  async function follow(open: Open, response: Response): Promise<void> {
    for await (const { id, data, retry } of readEvents(response)) {
      if (id !== undefined) open.lastEvent = id
      if (retry !== undefined) open.retry = Math.min(Math.max(retry, shortestPause), longestPause)
      const messages = data === '' ? undefined : readMessages(data)
      if (messages !== undefined) await pass(data, messages, open, response)
    }
  }

  async function giveUp(open: Open, message: string): Promise<void> {
    for (const key of open.waiting) await refuse(key, { code: lost, message })
    open.waiting.clear()
  }

  async function deliver(open: Open, response: Response): Promise<void> {
    if (isStream(response)) return follow(open, response)
    const text = await readText(response)
    if (text === '' && response.ok) return
    const messages = readMessages(text)
    const isRpc = messages?.every(({ value }) => value['jsonrpc'] === '2.0') === true
    if (isRpc && messages.some(({ key }) => open.waiting.has(key))) return pass(text, messages, open, response)
    const error = isRpc ? messages[0]?.value['error'] : undefined
    const told = `the gateway answered with status ${response.status}`
    // It could not tell whose error it is.
    if (error !== undefined && open.waiting.size > 0) for (const key of open.waiting) await refuse(key, error)
    else if (open.waiting.size > 0) await giveUp(open, told)
    else note(`${told}: ${text.slice(0, 500)}`)
    open.waiting.clear()
  }

  return { pass, follow, deliver, giveUp, refuse }
}
