import type { Response } from 'undici'
import { createSseReader, type SseEvent } from '../../wire/sse.ts'
import { isObject } from '../../exact-json.ts'
import { readMessages, type Heard, type Peeked } from './message.ts'

/** What every POST of a message carries. */
export const postHeaders = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
/** Of one message, however it comes. */
export const largestMessage = 64 * 1024 * 1024

/** A session of 2025-11-25 or before: how the client greeted, and what the gateway made of it. */
export interface Session {
  readonly greeting: Heard
  id?: string
  version?: string
  started?: Heard
}

export const headersOf = ({ id, version }: Session): Readonly<Record<string, string>> => ({
  ...(id === undefined ? {} : { 'mcp-session-id': id }),
  ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
})

/** Takes what was agreed upon from the answer to an `initialize`. */
export function greeted(session: Session, response: Response, answer: Peeked): void {
  const id = response.headers.get('mcp-session-id')
  const result = answer.value['result']
  if (!isObject(result)) return
  if (id !== null) session.id = id
  if (typeof result['protocolVersion'] === 'string') session.version = result['protocolVersion']
}

export const isStream = (response: Response): boolean => /^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')

/** The whole of an answer; whoever does not come to an end is cut off. */
export async function readText(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > largestMessage) throw new Error(`the gateway answered with more than ${largestMessage} bytes`)
    parts.push(chunk)
  }
  return Buffer.concat(parts).toString('utf8')
}

export async function* readEvents(response: Response): AsyncGenerator<SseEvent> {
  const reader = createSseReader({ maxEvent: largestMessage })
  for await (const chunk of response.body ?? []) yield* reader.push(chunk as Uint8Array)
  yield* reader.end()
}

/** The answer to a request, however it comes; what else a stream brings is left out. */
export async function findAnswer(response: Response, key: string): Promise<Peeked | undefined> {
  const isIt = (one: Peeked): boolean => one.kind === 'answer' && one.key === key
  if (!isStream(response)) return readMessages(await readText(response))?.find(isIt)
  for await (const { data } of readEvents(response)) {
    const found = readMessages(data)?.find(isIt)
    if (found !== undefined) return found
  }
  return undefined
}
