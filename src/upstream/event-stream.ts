import { GatewayError } from '../errors.ts'
import type { AnswerBody } from './exchange.ts'
import type { SseEventLike, SseReader } from './http-server.ts'
import { createPace } from './noise.ts'

/** Holds back whoever reads a stream, as a paused stream does. */
export interface Tap {
  pause(): void
  resume(): void
  /** Resolves when it is resumed; undefined where it is not paused. */
  opened(): Promise<void> | undefined
}

export function createTap(): Tap {
  let waiting: PromiseWithResolvers<void> | undefined
  return {
    pause() {
      waiting ??= Promise.withResolvers<void>()
    },
    resume() {
      waiting?.resolve()
      waiting = undefined
    },
    opened: () => waiting?.promise,
  }
}

/** How much of a stream is read before everybody else has a turn. */
const turn = 64 * 1024

/** The pieces of a stream that has much to say, with turns for others between them. */
export async function* inTurns(body: AnswerBody): AsyncGenerator<Uint8Array> {
  let read = 0
  for await (const chunk of body) {
    yield chunk
    read += chunk.length
    if (read < turn) continue
    read = 0
    await new Promise(setImmediate)
  }
}

/** A stream that says much to nobody is not read for the rest of the second. */
export function createRest(): { spend(cost: number): void; over(): Promise<void> | undefined } {
  const tap = createTap()
  const pace = createPace(() => (pace.isSpent ? tap.pause() : tap.resume()))
  return { spend: pace.spend, over: tap.opened }
}

/** `each` answers what an event cost without being of use to anybody. */
export async function readEvents(body: AnswerBody, each: (event: SseEventLike) => number, tap: Tap, reader: SseReader): Promise<void> {
  const rest = createRest()
  for await (const chunk of inTurns(body)) {
    for (const event of reader.push(chunk)) rest.spend(each(event))
    rest.spend(reader.takeSkipped())
    await tap.opened()
    await rest.over()
  }
  for (const event of reader.end()) each(event)
}

/** The endpoint may be on the server's own origin and nowhere else: whoever names it could else send the credential where it likes. */
export function endpointPath(endpoint: string, base: string): string {
  const found = URL.parse(endpoint, base)
  if (found === null || found.origin !== new URL(base).origin || found.username !== '' || found.password !== '') {
    throw new GatewayError('upstream_broken', { detail: 'the server named an endpoint of another origin than its own' })
  }
  return `${found.pathname}${found.search}`
}
