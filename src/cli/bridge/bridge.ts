import { setTimeout as wait } from 'node:timers/promises'
import type { Response } from 'undici'
import type { Json } from '../../model.ts'
import { NotLetIn, type Door } from './door.ts'
import { learnFor } from './learn.ts'
import { asLine } from './lines.ts'
import { claimOf, learnSchemas, mirrorHeaders, readMessages, type Heard, type Peeked } from './message.ts'
import { findAnswer, greeted, headersOf, isStream, readEvents, readText, type Session } from './session.ts'

export interface BridgeParts {
  readonly door: Door
  /** Resolves when there is room for more. */
  readonly write: (line: string) => Promise<void>
  /** For whoever reads the logs of the client. */
  readonly note: (text: string) => void
}
export interface Bridge {
  /** Resolves when the next line may be read. */
  hear(line: Buffer): Promise<void>
  /** What is under way gets this long to end. */
  end(within: number): Promise<void>
}

/** Requests that wait for their answers, sent together. */
interface Open {
  readonly heard: Heard
  /** Those without an answer yet, by their ids. */
  readonly waiting: Set<string>
  readonly stop: AbortController
  isCancelled: boolean
  isRepeated: boolean
  lastEvent?: string
  retry: number
}

const asked = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const lost = -33003
const parseError = -32700
const usualPause = 1_000
const longestPause = 30_000
const shortestPause = 50
const mostResumes = 8
const mostQueued = 100

/** Asking these twice does no more than asking once, so they survive a connection that is lost. */
const repeatable = new Set(['initialize', 'ping', 'server/discover', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'subscriptions/listen'])

/** Carries the messages of a client over stdio to a server over Streamable HTTP and back, each as it is. */
export function createBridge({ door, write, note }: BridgeParts): Bridge {
  const opened = new Map<string, Open>()
  const schemas = new Map<string, Json>()
  const ending = new AbortController()
  let session: Session | undefined
  let greetingAgain: Promise<void> | undefined
  let standing = new AbortController()
  /** What was read and is not on its way yet: messages arrive in the order in which they were said. */
  let [queue, queued] = [Promise.resolve(), 0]

  const tell = (key: string, code: number, message: string): Promise<void> => write(`{"jsonrpc":"2.0","id":${key},"error":${JSON.stringify({ code, message })}}\n`)
  const say = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault))

  function headersFor({ messages }: Heard): Readonly<Record<string, string>> {
    const [first] = messages
    const claim = first === undefined || messages.length > 1 ? undefined : claimOf(first)
    if (first !== undefined && claim !== undefined && first.method !== 'initialize') return { ...asked, ...mirrorHeaders(first, claim, schemas) }
    return { ...asked, ...(session === undefined || first?.method === 'initialize' ? {} : headersOf(session)) }
  }

  /** The gateway has forgotten the session, as after a restart: the client's own greeting is said again, and it notices nothing. */
  async function greetAgain(from: string | undefined): Promise<void> {
    if (session === undefined || session.id !== from) return
    const { greeting, started } = session
    const next: Session = { greeting, ...(started === undefined ? {} : { started }) }
    const response = await door.send({ method: 'POST', headers: asked, body: greeting.bytes, signal: ending.signal, mayAsk: false })
    const answer = await findAnswer(response, greeting.messages[0]?.key ?? '')
    if (answer !== undefined) greeted(next, response, answer)
    if (next.version === undefined) throw new Error('the gateway has lost the session and takes no other')
    if (started !== undefined) await (await door.send({ method: 'POST', headers: { ...asked, ...headersOf(next) }, body: started.bytes, signal: ending.signal, mayAsk: false })).body?.cancel()
    session = next
    if (started !== undefined) stand(next)
  }

  async function post(heard: Heard, signal: AbortSignal): Promise<Response> {
    const sendOne = (one: Heard) => door.send({ method: 'POST', headers: headersFor(one), body: one.bytes, signal, mayAsk: true })
    const send = () => sendOne(heard)
    const before = session?.id
    const isOfSession = before !== undefined && heard.messages[0]?.method !== 'initialize' && heard.messages.every((one) => claimOf(one) === undefined)
    const response = await send()
    if (await learnFor(heard, response, sendOne, schemas)) {
      await response.body?.cancel()
      return send()
    }
    if (response.status !== 404 || !isOfSession) return response
    await response.body?.cancel()
    greetingAgain ??= greetAgain(before).finally(() => void (greetingAgain = undefined))
    await greetingAgain
    return send()
  }

  /** Passes on what came, and sees what it answers. */
  async function pass(text: string, messages: readonly Peeked[], open: Open | undefined, response: Response): Promise<void> {
    for (const message of messages) {
      // A stream that was opened again says once more that it is open.
      if (open?.isRepeated === true && message.method === 'notifications/subscriptions/acknowledged') return
      if (message.kind !== 'answer' || open?.waiting.delete(message.key) !== true) continue
      learnSchemas(message, schemas)
      if (session !== undefined && open.heard === session.greeting) greeted(session, response, message)
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
    if (error !== undefined && open.waiting.size > 0) for (const key of open.waiting) await write(`{"jsonrpc":"2.0","id":${key},"error":${JSON.stringify(error)}}\n`)
    else if (open.waiting.size > 0) await giveUp(open, told)
    else note(`${told}: ${text.slice(0, 500)}`)
    open.waiting.clear()
  }

  /** SEP-1699: the stream of a call may end before its answer, which is then on another one. */
  async function resume(open: Open): Promise<void> {
    for (let times = 0; open.waiting.size > 0 && open.lastEvent !== undefined && session !== undefined && times < mostResumes; times += 1) {
      await wait(open.retry, undefined, { signal: open.stop.signal })
      const before = open.lastEvent
      const response = await door.send({ method: 'GET', headers: { accept: 'text/event-stream', ...headersOf(session), 'last-event-id': before }, signal: open.stop.signal, mayAsk: false })
      if (!response.ok || !isStream(response)) return void (await response.body?.cancel())
      await follow(open, response).catch(ignore)
      if (open.lastEvent !== before) times = -1
    }
  }
  const ignore = (): void => undefined

  async function giveUp(open: Open, why: string): Promise<void> {
    for (const key of open.waiting) await tell(key, lost, why)
    open.waiting.clear()
  }

  async function carry(open: Open): Promise<void> {
    const isRepeatable = open.heard.messages.every(({ method }) => repeatable.has(method))
    const unanswered = (): boolean => open.waiting.size > 0 && !open.isCancelled && !open.stop.signal.aborted
    try {
      const fault = await post(open.heard, open.stop.signal).then((response) => deliver(open, response)).catch((cause: unknown) => cause)
      if (fault !== undefined && open.waiting.size === 0) note(say(fault))
      if (unanswered()) await resume(open).catch(ignore)
      const isStanding = open.heard.messages[0]?.method === 'subscriptions/listen'
      while (unanswered() && isRepeatable && (isStanding || !open.isRepeated) && !isFinal(fault)) {
        open.isRepeated = true
        await wait(open.retry, undefined, { signal: open.stop.signal })
        const again = await post(open.heard, open.stop.signal).then((response) => deliver(open, response)).catch((cause: unknown) => cause)
        if (isFinal(again)) throw again
      }
      if (!unanswered()) return
      await giveUp(open, fault instanceof Error ? `${fault.message}; it is not known whether this was done` : 'the connection was lost before the answer; it is not known whether this was done')
    } catch (fault) {
      if (unanswered()) await giveUp(open, say(fault))
    } finally {
      for (const { key } of open.heard.messages) if (opened.get(key) === open) opened.delete(key)
      open.stop.abort()
    }
  }
  /** Nobody would be let in the next time either. */
  const isFinal = (fault: unknown): boolean => fault instanceof NotLetIn

  function begin(heard: Heard): Promise<void> {
    const requests = heard.messages.filter(({ kind }) => kind === 'request')
    const open: Open = { heard, waiting: new Set(requests.map(({ key }) => key)), stop: new AbortController(), isCancelled: false, isRepeated: false, retry: usualPause }
    ending.signal.addEventListener('abort', () => open.stop.abort(), { once: true, signal: open.stop.signal })
    for (const { key } of requests) opened.set(key, open)
    return carry(open)
  }

  /** The stream on which a server says what it was not asked. A gateway without one answers 405. */
  function stand(of: Session): void {
    standing.abort()
    const own = (standing = new AbortController())
    const signal = AbortSignal.any([own.signal, ending.signal])
    const run = async (): Promise<void> => {
      let last: string | undefined
      for (let pause = usualPause; !signal.aborted; pause = Math.min(pause * 2, longestPause)) {
        const response = await door.send({ method: 'GET', headers: { accept: 'text/event-stream', ...headersOf(of), ...(last === undefined ? {} : { 'last-event-id': last }) }, signal, mayAsk: false }).catch(ignore)
        if (response?.status === 405) return
        if (response?.status === 404) return void (await (greetingAgain ??= greetAgain(of.id).finally(() => void (greetingAgain = undefined))).catch((fault: unknown) => note(say(fault))))
        if (response?.ok === true && isStream(response)) {
          pause = usualPause
          await (async () => {
            for await (const { id, data } of readEvents(response)) {
              if (id !== undefined) last = id
              const messages = data === '' ? undefined : readMessages(data)
              if (messages !== undefined) await pass(data, messages, undefined, response)
            }
          })().catch(ignore)
        } else await response?.body?.cancel()
        await wait(pause, undefined, { signal })
      }
    }
    run().catch(ignore)
  }

  async function take(line: Buffer): Promise<void> {
    const text = line.toString('utf8').trim()
    if (text === '') return
    const messages = readMessages(text)
    if (messages === undefined || messages.length === 0) return tell('null', parseError, 'expected a JSON-RPC message in one line')
    const heard: Heard = { bytes: Buffer.from(text), messages }
    const [first] = messages
    if (first?.method === 'notifications/cancelled') {
      const open = opened.get(JSON.stringify(first.params['requestId']))
      if (open !== undefined) open.isCancelled = true
      // 2026-07-28 basic/patterns/cancellation: over HTTP, closing the stream says it.
      if (open !== undefined && open.heard.messages.some((one) => claimOf(one) !== undefined && one.method !== 'initialize')) return open.stop.abort()
    }
    if (first?.method === 'initialize') session = { greeting: heard }
    const carried = begin(heard)
    // What comes next may stand on it having arrived; a request's answer is waited for by nobody here but a greeting's.
    if (messages.some(({ kind }) => kind === 'request') && first?.method !== 'initialize') return void carried.catch((fault: unknown) => note(say(fault)))
    await carried
    if (first?.method === 'notifications/initialized' && session !== undefined && session.version !== undefined) {
      session.started = heard
      stand(session)
    }
  }

  return {
    async hear(line) {
      queued += 1
      queue = queue.then(() => take(line)).catch((fault: unknown) => note(say(fault))).finally(() => void (queued -= 1))
      if (queued > mostQueued) await queue
    },
    async end(within) {
      const end = performance.now() + within
      while (opened.size + queued > 0 && performance.now() < end) await wait(20)
      ending.abort()
      const id = session?.id
      if (session !== undefined && id !== undefined) {
        await door.send({ method: 'DELETE', headers: headersOf(session), signal: AbortSignal.timeout(1_000), mayAsk: false }).then((response) => response.body?.cancel()).catch(ignore)
      }
      await door.close()
    },
  }
}
