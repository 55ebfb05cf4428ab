import { setTimeout as wait } from 'node:timers/promises'
import type { Response } from 'undici'
import { messageOf } from '../../errors.ts'
import type { Door } from './door.ts'
import { readMessages, type Heard, type Peeked } from './message.ts'
import { findAnswer, greeted, headersOf, isStream, postHeaders, readEvents, type Session } from './session.ts'
import { longestPause, usualPause } from './pauses.ts'

export interface GreetingsParts {
  readonly door: Door
  /** What the server says of its own accord. */
  readonly hear: (text: string, messages: readonly Peeked[], response: Response) => Promise<void>
  readonly note: (text: string) => void
  readonly ending: AbortSignal
}
export type Greetings = ReturnType<typeof createGreetings>

/** The session that a client of 2025-11-25 or before has, and its standing stream. */
export function createGreetings({ door, hear, note, ending }: GreetingsParts) {
  let session: Session | undefined
  let greetingAgain: Promise<void> | undefined
  let standing = new AbortController()

  const post = (bytes: Buffer, of?: Session): Promise<Response> => door.send({ method: 'POST', headers: { ...postHeaders, ...(of === undefined ? {} : headersOf(of)) }, body: bytes, signal: ending, mayAsk: false })

  /** The gateway has forgotten the session, as after a restart: the client's own greeting is said again, and it notices nothing. */
  async function greetAgain(from: string | undefined): Promise<void> {
    if (session === undefined || session.id !== from) return
    const { greeting, started } = session
    const next: Session = { greeting, ...(started === undefined ? {} : { started }) }
    const response = await post(greeting.bytes)
    const answer = await findAnswer(response, greeting.messages[0]?.key ?? '')
    if (answer !== undefined) greeted(next, response, answer)
    if (next.version === undefined) throw new Error('the gateway has lost the session and takes no other')
    if (started !== undefined) await (await post(started.bytes, next)).body?.cancel()
    session = next
    if (started !== undefined) stand(next)
  }
  const again = (from: string | undefined): Promise<void> => (greetingAgain ??= greetAgain(from).finally(() => void (greetingAgain = undefined)))

  /** The stream on which a server says what it was not asked. A gateway without one answers 405. */
  function stand(of: Session): void {
    standing.abort()
    standing = new AbortController()
    listen(of, AbortSignal.any([standing.signal, ending])).catch(() => undefined)
  }
  async function listen(of: Session, signal: AbortSignal): Promise<void> {
    let last: string | undefined
    const follow = async (response: Response): Promise<void> => {
      for await (const { id, data } of readEvents(response)) {
        if (id !== undefined) last = id
        const messages = data === '' ? undefined : readMessages(data)
        if (messages !== undefined) await hear(data, messages, response)
      }
    }
    for (let pause = usualPause; !signal.aborted; pause = Math.min(pause * 2, longestPause)) {
      const response = await door.send({ method: 'GET', headers: { accept: 'text/event-stream', ...headersOf(of), ...(last === undefined ? {} : { 'last-event-id': last }) }, signal, mayAsk: false }).catch(() => undefined)
      if (response?.status === 405) return
      if (response?.status === 404) return void (await again(of.id).catch((fault: unknown) => note(messageOf(fault))))
      if (response?.ok === true && isStream(response)) {
        pause = usualPause
        await follow(response).catch(() => undefined)
      } else await response?.body?.cancel()
      await wait(pause, undefined, { signal })
    }
  }

  return {
    current: () => session,
    begin(greeting: Heard): void {
      session = { greeting }
    },
    answered(heard: Heard, response: Response, answer: Peeked): void {
      if (session !== undefined && heard === session.greeting) greeted(session, response, answer)
    },
    start(started: Heard): void {
      if (session?.version === undefined) return
      session.started = started
      stand(session)
    },
    again,
    async leave(): Promise<void> {
      if (session?.id === undefined) return
      await door.send({ method: 'DELETE', headers: headersOf(session), signal: AbortSignal.timeout(1_000), mayAsk: false }).then((response) => response.body?.cancel()).catch(() => undefined)
    },
  }
}
