import type { ServerResponse } from 'node:http'
import type { ErrorAnswer, Evaluated, Json, JsonObject, Notification, Request, Result } from '../model.ts'
import { createClientResponse } from './client-response.ts'
import { isEvaluated } from './evaluate.ts'
import { createEvents, type Again } from './events.ts'
import type { Said, SaidOf, StreamLog } from './outbox.ts'

/** Everything a server may send a client. */
export type ToClient = Request | Notification | Result | ErrorAnswer

/** A JSON-RPC object that the gateway made itself: no byte of it comes from a server. */
export interface OwnAnswer {
  readonly envelope: JsonObject
  /** Where the answer ends up as plain JSON; 200 by default. */
  readonly status?: number
  readonly headers?: { readonly [name: string]: string }
}

/** The way back to a client. */
export interface Channel {
  /** Whether what is released can still come to the client: now, or when it comes back for it. */
  readonly reaches: boolean
  /** Whether it is a stream of events on which more can be said. */
  readonly streams: boolean
  /** Aborts when the client has left for good, or the gateway cut the response short. */
  readonly left: AbortSignal
  /** `of` says what the message belongs to, for a client that comes back for it. */
  release(evaluated: Evaluated<ToClient>, of: SaidOf, status?: number): Promise<void>
  /** An answer of the gateway's own to a request. */
  answer(own: OwnAnswer): Promise<void>
  /** A notification of the gateway's own: progress of a held call. */
  notify(envelope: JsonObject): Promise<void>
  /** Makes the response a stream of events at once. */
  stream(): void
  /** Gives the client an id to come back with, where it can and has none (MCP 2025-11-25 basic/transports). */
  prime(): Promise<void>
  /** How long the client should wait before it comes back, in milliseconds. */
  retry(after: number): Promise<void>
  /** Ends the connection of a stream that goes on: the client comes back for the rest. False where it could not. */
  pause(): boolean
  /** Ends the response. */
  finish(): void
  /** Ends the connection, and with it what is read for it. */
  cut(): void
}

/** One HTTP response, as JSON or as a stream of events; of a stream, one response after the other. */
export interface ClientChannel extends Channel {
  /** Whether a response is open now. */
  readonly isOpen: boolean
  /** Whether all has been said. */
  readonly isOver: boolean
  /** Goes on with the stream on another response, with what was kept after that event, each as `again` says. */
  resume(response: ServerResponse, seq: number, again: Again): Promise<void>
}

export interface ChannelOptions {
  readonly response: ServerResponse
  /** How many answers complete the response; 0 for a stream that ends by itself only. */
  readonly answers: number
  readonly print: (value: Json) => string
  readonly writeEvent: (event: { id?: string; data?: string; retry?: number }) => string
  readonly comment: string
  /** Asked when the head is written: a stream's goes out before its answer is known. */
  readonly headers?: (streams: boolean) => { readonly [name: string]: string }
  readonly unjudged: () => void
  readonly released?: (bytes: number) => void
  /** Where the events of a stream are kept for a client that can come back; undefined for one that cannot. */
  readonly log?: (channel: ClientChannel) => StreamLog | undefined
  /** Whether a stream begins with an event that says nothing (MCP 2025-11-25 basic/transports, "Sending Messages to the Server"). */
  readonly primes?: () => boolean
}

/** A client that lost its stream is waited for this long. */
const grace = 30_000

export function createChannel(options: ChannelOptions): ClientChannel {
  const { answers, print } = options
  const left = new AbortController()
  let missing = answers
  let over = false
  let waiting: NodeJS.Timeout | undefined

  const to = createClientResponse({
    response: options.response, comment: options.comment, headers: options.headers,
    closed(whole) {
      if (over || (whole && !events.areKept)) return
      if (!events.areKept) return left.abort()
      clearTimeout(waiting)
      waiting = setTimeout(() => left.abort(), grace).unref()
    },
  })
  const events = createEvents({ to, log: () => options.log?.(channel), print, writeEvent: options.writeEvent, released: options.released, unjudged: options.unjudged })
  const stream = () => {
    if (to.hasBegun || !to.isOpen) return
    to.begin()
    events.open()
    if (options.primes?.() === true) void events.prime()
  }
  const finish = () => {
    over = true
    if (!events.areRetold) to.end()
    if (answers === 0 || missing > 0) left.abort()
  }
  const send = async (said: Said, envelope: JsonObject, isAnswer: boolean, own: Omit<OwnAnswer, 'envelope'>) => {
    if (!to.isOpen && !events.areKept) return
    const text = print(envelope)
    options.released?.(text.length)
    if (isAnswer && answers === 1 && !to.hasBegun) return to.json(text, own.status ?? 200, own.headers ?? {})
    stream()
    const isLast = isAnswer && answers > 0 && (missing -= 1) === 0
    await events.say(said, text)
    if (isLast) finish()
  }

  const channel: ClientChannel = {
    get isOpen() {
      return to.isOpen
    },
    get isOver() {
      return over
    },
    get reaches() {
      return to.isOpen || (events.areNamed && !over && !left.signal.aborted)
    },
    get streams() {
      return to.streams && !over && channel.reaches
    },
    left: left.signal,
    async release(evaluated, of, status) {
      if (!isEvaluated(evaluated)) return options.unjudged()
      const { message } = evaluated
      await send({ kind: 'released', message, of }, message.envelope, message.kind === 'result' || message.kind === 'error', status === undefined ? {} : { status })
    },
    answer: (answer) => send({ kind: 'own', answer }, answer.envelope, true, answer),
    notify: (envelope) => send({ kind: 'own', answer: { envelope } }, envelope, false, {}),
    stream,
    async prime() {
      stream()
      await events.prime()
    },
    async retry(after) {
      stream()
      await events.retry(after)
    },
    pause() {
      if (!events.areNamed || over) return false
      to.end()
      return true
    },
    finish,
    cut() {
      to.end()
      left.abort()
    },
    async resume(next, seq, again) {
      clearTimeout(waiting)
      if ((await events.resume(next, seq, again)) && over) to.end()
    },
  }
  return channel
}

/** For requests that the gateway makes itself: what comes back is read, never released. */
export const createSilentChannel = (left: AbortSignal = new AbortController().signal): Channel => ({
  reaches: false,
  streams: false,
  left,
  release: async () => undefined,
  answer: async () => undefined,
  notify: async () => undefined,
  stream: () => undefined,
  prime: async () => undefined,
  retry: async () => undefined,
  pause: () => false,
  finish: () => undefined,
  cut: () => undefined,
})
