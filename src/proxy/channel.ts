import type { ServerResponse } from 'node:http'
import { Abort, type Signal } from '../abort.ts'
import type { ErrorAnswer, Evaluated, Json, JsonObject, Notification, Request, Result } from '../model.ts'
import { ClientResponse } from './client-response.ts'
import { isEvaluated } from './evaluate.ts'
import { Events, type Again } from './events.ts'
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
  readonly left: Signal
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
  readonly log?: ((channel: ClientChannel) => StreamLog | undefined) | undefined
  /** Whether a stream begins with an event that says nothing (MCP 2025-11-25 basic/transports, "Sending Messages to the Server"). */
  readonly primes?: () => boolean
}

/** A client that lost its stream is waited for this long. */
const grace = 30_000

/** A class for its cost: there is one for every message, and hardly any of it is used by most. */
export class HttpChannel implements ClientChannel {
  readonly #options: ChannelOptions
  readonly #to: ClientResponse
  readonly #events: Events
  #left: Abort | undefined
  #hasLeft = false
  #missing: number
  #over = false
  #waiting: NodeJS.Timeout | undefined

  constructor(options: ChannelOptions) {
    const { response, comment, headers, print, writeEvent, released, unjudged } = options
    this.#options = options
    this.#missing = options.answers
    this.#to = new ClientResponse({ response, comment, headers, closed: (whole) => this.#closed(whole) })
    this.#events = new Events({ to: this.#to, log: () => options.log?.(this), print, writeEvent, released, unjudged })
  }

  get isOpen(): boolean {
    return this.#to.isOpen
  }
  get isOver(): boolean {
    return this.#over
  }
  get reaches(): boolean {
    return this.#to.isOpen || (this.#events.areNamed && !this.#over && !this.#hasLeft)
  }
  get streams(): boolean {
    return this.#to.streams && !this.#over && this.reaches
  }
  get left(): Signal {
    if (this.#left === undefined) {
      this.#left = new Abort()
      if (this.#hasLeft) this.#left.abort()
    }
    return this.#left.signal
  }

  release(evaluated: Evaluated<ToClient>, of: SaidOf, status?: number): Promise<void> {
    if (!isEvaluated(evaluated)) return Promise.resolve(this.#options.unjudged())
    const { message } = evaluated
    return this.#send({ kind: 'released', message, of }, message.envelope, message.kind === 'result' || message.kind === 'error', status === undefined ? {} : { status })
  }
  answer(answer: OwnAnswer): Promise<void> {
    return this.#send({ kind: 'own', answer }, answer.envelope, true, answer)
  }
  notify(envelope: JsonObject): Promise<void> {
    return this.#send({ kind: 'own', answer: { envelope } }, envelope, false, {})
  }
  stream(): void {
    if (this.#to.hasBegun || !this.#to.isOpen) return
    this.#to.begin()
    this.#events.open()
    if (this.#options.primes?.() === true) void this.#events.prime()
  }
  async prime(): Promise<void> {
    this.stream()
    await this.#events.prime()
  }
  async retry(after: number): Promise<void> {
    this.stream()
    await this.#events.retry(after)
  }
  pause(): boolean {
    if (!this.#events.areNamed || this.#over) return false
    this.#to.end()
    return true
  }
  finish(): void {
    this.#over = true
    if (!this.#events.areRetold) this.#end()
    if (this.#options.answers === 0 || this.#missing > 0) this.#leave()
  }
  cut(): void {
    this.#to.end()
    this.#leave()
  }
  async resume(next: ServerResponse, seq: number, again: Again): Promise<void> {
    clearTimeout(this.#waiting)
    let isLatest = true // only the latest can fail
    try {
      isLatest = await this.#events.resume(next, seq, again)
    } finally {
      if (isLatest && this.#over) this.#end()
    }
  }

  #end(): void {
    this.#to.end()
    this.#events.end()
  }

  async #send(said: Said, envelope: JsonObject, isAnswer: boolean, own: Omit<OwnAnswer, 'envelope'>): Promise<void> {
    if (!this.#to.isOpen && !this.#events.areKept) return
    const { answers, print, released } = this.#options
    const text = print(envelope)
    released?.(text.length)
    if (isAnswer && answers === 1 && !this.#to.hasBegun) return this.#to.json(text, own.status ?? 200, own.headers ?? {})
    this.stream()
    const isLast = isAnswer && answers > 0 && (this.#missing -= 1) === 0
    await this.#events.say(said, text)
    if (isLast) this.finish()
  }

  #closed(whole: boolean): void {
    if (this.#over || (whole && !this.#events.areKept)) return
    if (!this.#events.areKept) return this.#leave()
    clearTimeout(this.#waiting)
    this.#waiting = setTimeout(() => this.#leave(), grace).unref()
  }

  #leave(): void {
    this.#hasLeft = true
    this.#left?.abort()
  }
}

/** For requests that the gateway makes itself: what comes back is read, never released. */
export const createSilentChannel = (left: Signal = new Abort()): Channel => ({
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
