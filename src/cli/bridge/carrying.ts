import { setTimeout as wait } from 'node:timers/promises'
import type { Response } from 'undici'
import { messageOf } from '../../errors.ts'
import type { Json } from '../../model.ts'
import type { Delivery, Open } from './delivery.ts'
import { NotLetIn, type Door } from './door.ts'
import type { Greetings } from './greetings.ts'
import { learnFor } from './learn.ts'
import { claimOf, mirrorHeaders, type Heard } from './message.ts'
import { headersOf, isStream, postHeaders } from './session.ts'

export interface CarryingParts {
  readonly door: Door
  readonly greetings: Pick<Greetings, 'current' | 'again'>
  readonly delivery: Delivery
  readonly schemas: Map<string, Json>
  readonly note: (text: string) => void
}

const mostResumes = 8

/** Asking these twice does no more than asking once, so they survive a connection that is lost. */
const repeatable = new Set(['initialize', 'ping', 'server/discover', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'subscriptions/listen'])

/** Sends what the client said, in the session that there is. */
function createPosting({ door, greetings, schemas }: CarryingParts): (heard: Heard, signal: AbortSignal) => Promise<Response> {
  function headersFor({ messages }: Heard): Readonly<Record<string, string>> {
    const [first] = messages
    const session = greetings.current()
    const claim = first === undefined || messages.length > 1 ? undefined : claimOf(first)
    if (first !== undefined && claim !== undefined && first.method !== 'initialize') return { ...postHeaders, ...mirrorHeaders(first, claim, schemas) }
    return { ...postHeaders, ...(session === undefined || first?.method === 'initialize' ? {} : headersOf(session)) }
  }
  return async (heard, signal) => {
    const sendOne = (one: Heard) => door.send({ method: 'POST', headers: headersFor(one), body: one.bytes, signal, mayAsk: true })
    const before = greetings.current()?.id
    const isOfSession = before !== undefined && heard.messages[0]?.method !== 'initialize' && heard.messages.every((one) => claimOf(one) === undefined)
    const response = await sendOne(heard)
    if (await learnFor(heard, response, sendOne, schemas)) {
      await response.body?.cancel()
      return sendOne(heard)
    }
    if (response.status !== 404 || !isOfSession) return response
    await response.body?.cancel()
    await greetings.again(before)
    return sendOne(heard)
  }
}

/** Nobody would be let in the next time either. */
const isFinal = (fault: unknown): boolean => fault instanceof NotLetIn
const unanswered = (open: Open): boolean => open.waiting.size > 0 && !open.isCancelled && !open.stop.signal.aborted

/** Takes requests to the gateway, and stays with them until they are answered or nothing more can come. */
export function createCarrying(parts: CarryingParts): (open: Open) => Promise<void> {
  const { door, greetings, delivery, note } = parts
  const post = createPosting(parts)

  /** SEP-1699: the stream of a call may end before its answer, which is then on another one. */
  async function resume(open: Open): Promise<void> {
    for (let times = 0; times < mostResumes; times += 1) {
      const [session, before] = [greetings.current(), open.lastEvent]
      if (open.waiting.size === 0 || before === undefined || session === undefined) return
      await wait(open.retry, undefined, { signal: open.stop.signal })
      const response = await door.send({ method: 'GET', headers: { accept: 'text/event-stream', ...headersOf(session), 'last-event-id': before }, signal: open.stop.signal, mayAsk: false })
      if (!response.ok || !isStream(response)) return void (await response.body?.cancel())
      await delivery.follow(open, response).catch(() => undefined)
      if (open.lastEvent !== before) times = -1
    }
  }

  const once = (open: Open): Promise<unknown> => post(open.heard, open.stop.signal).then((response) => delivery.deliver(open, response)).catch((cause: unknown) => cause)

  async function repeat(open: Open, fault: unknown): Promise<void> {
    const isRepeatable = open.heard.messages.every(({ method }) => repeatable.has(method))
    const isStanding = open.heard.messages[0]?.method === 'subscriptions/listen'
    while (unanswered(open) && isRepeatable && (isStanding || !open.isRepeated) && !isFinal(fault)) {
      open.isRepeated = true
      await wait(open.retry, undefined, { signal: open.stop.signal })
      const again = await once(open)
      if (isFinal(again)) throw again
    }
  }

  return async (open) => {
    try {
      const fault = await once(open)
      if (fault !== undefined && open.waiting.size === 0) note(messageOf(fault))
      if (unanswered(open)) await resume(open).catch(() => undefined)
      await repeat(open, fault)
      if (unanswered(open)) await delivery.giveUp(open, fault instanceof Error ? `${fault.message}; it is not known whether this was done` : 'the connection was lost before the answer; it is not known whether this was done')
    } catch (fault) {
      if (unanswered(open)) await delivery.giveUp(open, messageOf(fault))
    } finally {
      open.stop.abort()
    }
  }
}
