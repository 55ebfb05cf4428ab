import type { ServerResponse } from 'node:http'
import type { ErrorAnswer, Evaluated, Json, JsonObject, Notification, Request, Result } from '../model.ts'
import { isEvaluated } from './evaluate.ts'
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
  resume(response: ServerResponse, seq: number, again: (said: Said) => Promise<Evaluated<ToClient> | OwnAnswer | undefined>): Promise<void>
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

const keepAliveEvery = 15_000
/** A client that lost its stream is waited for this long. */
const grace = 30_000

export function createChannel(options: ChannelOptions): ClientChannel {
  const { answers, print, writeEvent } = options
  const left = new AbortController()
  let { response } = options
  let log: StreamLog | undefined
  let missing = answers
  let over = false
  /** Counts the responses: what is still being said to an earlier one is not. */
  let turn = 0
  let replays = false
  let streams = false
  /** Whether the client was given the id of any event. */
  let isNamed = false
  let keepAlive: NodeJS.Timeout | undefined
  let waiting: NodeJS.Timeout | undefined

  const isOpen = () => !response.destroyed && !response.writableEnded
  const lose = () => {
    if (log === undefined || over) return left.abort()
    clearTimeout(waiting)
    waiting = setTimeout(() => left.abort(), grace).unref()
  }
  const watch = (watched: ServerResponse) => {
    watched.once('close', () => {
      if (watched !== response) return
      clearInterval(keepAlive)
      if (!over && (log !== undefined || !watched.writableFinished)) lose()
    })
    watched.on('error', () => undefined) // 'close' follows and tells it
  }
  const begin = () => {
    streams = true
    response.writeHead(200, { ...options.headers?.(true), 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
    response.flushHeaders()
    keepAlive = setInterval(() => response.write(options.comment), keepAliveEvery).unref()
  }
  const stream = () => {
    if (response.headersSent || !isOpen()) return
    begin()
    log = options.log?.(channel)
    if (options.primes?.() === true) void prime()
  }
  // An event that says nothing, whose id the client can come back with.
  const prime = async () => {
    if (log === undefined || isNamed) return
    isNamed = true
    await write(writeEvent({ id: log.mark(), data: '' }))
  }
  const write = async (text: string) => {
    if (!isOpen() || response.write(text)) return
    const to = response
    await new Promise<void>((resolve) => {
      const settle = () => {
        to.off('drain', settle)
        to.off('close', settle)
        resolve()
      }
      to.on('drain', settle)
      to.on('close', settle)
    })
  }
  const end = () => {
    clearInterval(keepAlive)
    if (!isOpen()) return
    if (!response.headersSent) response.writeHead(202)
    response.end()
  }
  const finish = () => {
    over = true
    if (!replays) end()
    if (answers === 0 || missing > 0) left.abort()
  }
  const send = async (said: Said, envelope: JsonObject, isAnswer: boolean, own: Omit<OwnAnswer, 'envelope'>) => {
    if (!isOpen() && log === undefined) return
    const text = print(envelope)
    options.released?.(text.length)
    if (isAnswer && answers === 1 && !response.headersSent) {
      response.writeHead(own.status ?? 200, { ...options.headers?.(false), ...own.headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      response.end(text)
      return
    }
    stream()
    const id = log?.add(said, text.length)
    isNamed ||= id !== undefined && isOpen()
    const isLast = isAnswer && answers > 0 && (missing -= 1) === 0
    if (!replays) await write(writeEvent({ data: text, ...(id === undefined ? {} : { id }) }))
    if (isLast) finish()
  }

  watch(response)
  const channel: ClientChannel = {
    get isOpen() {
      return isOpen()
    },
    get isOver() {
      return over
    },
    get reaches() {
      return isOpen() || (isNamed && !over && !left.signal.aborted)
    },
    get streams() {
      return streams && !over && channel.reaches
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
    prime: async () => {
      stream()
      await prime()
    },
    async retry(after) {
      stream()
      await write(writeEvent({ retry: after }))
    },
    pause() {
      if (!isNamed || over) return false
      end()
      return true
    },
    finish,
    cut() {
      end()
      left.abort()
    },
    async resume(next, seq, again) {
      const mine = (turn += 1)
      clearTimeout(waiting)
      clearInterval(keepAlive)
      const before = response
      response = next
      if (next !== before) {
        if (!before.writableEnded) before.end()
        watch(next)
      }
      replays = true
      if (!next.headersSent) begin()
      log ??= options.log?.(channel)
      isNamed = true
      for (let kept = log?.after(seq); kept !== undefined && isOpen(); kept = log?.after(kept.seq)) {
        const said = await again(kept.said).catch((cause: unknown) => {
          if (turn !== mine) return undefined
          replays = false
          response.destroy() // it comes back, or not
          throw cause
        })
        if (turn !== mine) return
        if (said === undefined || log === undefined) continue
        if (!('envelope' in said) && !isEvaluated(said)) {
          options.unjudged()
          continue
        }
        const text = print('envelope' in said ? said.envelope : said.message.envelope)
        options.released?.(text.length)
        await write(writeEvent({ id: log.idOf(kept.seq), data: text }))
        if (turn !== mine) return
      }
      replays = false
      if (over) end()
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
