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

/** `each` answers what an event cost without being of use to anybody: a stream of much of that is held back. */
export async function readEvents(body: AnswerBody, each: (event: SseEventLike) => number, tap: Tap, reader: SseReader): Promise<void> {
  const rest = createTap()
  const pace = createPace(() => (pace.isSpent ? rest.pause() : rest.resume()))
  for await (const chunk of body) {
    for (const event of reader.push(chunk)) pace.spend(each(event))
    await tap.opened()
    await rest.opened()
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
