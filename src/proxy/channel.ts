import type { ServerResponse } from 'node:http'
import type { ErrorAnswer, Evaluated, Json, JsonObject, Notification, Request, Result } from '../model.ts'
import { isEvaluated } from './evaluate.ts'

/** Everything a server may send a client. */
export type ToClient = Request | Notification | Result | ErrorAnswer

/** A JSON-RPC object that the gateway made itself: no byte of it comes from a server. */
export interface OwnAnswer {
  readonly envelope: JsonObject
  /** Where the answer ends up as plain JSON; 200 by default. */
  readonly status?: number
  readonly headers?: { readonly [name: string]: string }
}

/** The way back to a client: one HTTP response, as JSON or as a stream of events. */
export interface Channel {
  /** False when the client has left: what is released then is dropped. */
  readonly isOpen: boolean
  /** Aborts when the response ends before it is complete: the client has left, or the gateway cut it short. */
  readonly left: AbortSignal
  release(evaluated: Evaluated<ToClient>, options?: { readonly status?: number; readonly eventId?: string }): Promise<void>
  /** An answer of the gateway's own to a request. */
  answer(own: OwnAnswer): Promise<void>
  /** A notification of the gateway's own: progress of a held call. */
  notify(envelope: JsonObject): Promise<void>
  /** Makes the response a stream of events at once. */
  stream(): void
  mark(mark: { readonly eventId?: string; readonly retry?: number }): Promise<void>
  /** Ends the response; a stream may end before its answer where it can be resumed. */
  finish(): void
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
}

const keepAliveEvery = 15_000

export function createChannel(options: ChannelOptions): Channel {
  const { response } = options
  const left = new AbortController()
  let missing = options.answers
  let keepAlive: NodeJS.Timeout | undefined
  response.once('close', () => {
    clearInterval(keepAlive)
    if (!response.writableFinished) left.abort()
  })
  response.on('error', () => undefined) // 'close' follows and tells it

  const isOpen = () => !response.destroyed && !response.writableEnded
  const stream = () => {
    if (response.headersSent || !isOpen()) return
    response.writeHead(200, { ...options.headers?.(true), 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
    response.flushHeaders()
    keepAlive = setInterval(() => response.write(options.comment), keepAliveEvery).unref()
  }
  const write = async (text: string) => {
    if (!isOpen() || response.write(text)) return
    await new Promise<void>((resolve) => {
      const settle = () => {
        response.off('drain', settle)
        response.off('close', settle)
        resolve()
      }
      response.on('drain', settle)
      response.on('close', settle)
    })
  }
  const finish = () => {
    clearInterval(keepAlive)
    if (!isOpen()) return
    if (!response.headersSent) response.writeHead(202)
    response.end()
    if (options.answers === 0 || missing > 0) left.abort()
  }
  const send = async (envelope: JsonObject, isAnswer: boolean, where: { status?: number; eventId?: string; headers?: { readonly [name: string]: string } }) => {
    const { status, eventId } = where
    if (!isOpen()) return
    const text = options.print(envelope)
    options.released?.(text.length)
    if (isAnswer && options.answers === 1 && !response.headersSent) {
      response.writeHead(status ?? 200, { ...options.headers?.(false), ...where.headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      response.end(text)
      return
    }
    stream()
    await write(options.writeEvent({ data: text, ...(eventId === undefined ? {} : { id: eventId }) }))
    if (!isAnswer || options.answers === 0) return
    missing -= 1
    if (missing === 0) finish()
  }

  return {
    get isOpen() {
      return isOpen()
    },
    left: left.signal,
    async release(evaluated, where = {}) {
      if (!isEvaluated(evaluated)) return options.unjudged()
      const { message } = evaluated
      await send(message.envelope, message.kind === 'result' || message.kind === 'error', where)
    },
    answer: ({ envelope, ...where }) => send(envelope, true, where),
    notify: (envelope) => send(envelope, false, {}),
    stream,
    async mark({ eventId, retry }) {
      stream()
      await write(options.writeEvent({ ...(eventId === undefined ? {} : { id: eventId, data: '' }), ...(retry === undefined ? {} : { retry }) }))
    },
    finish,
  }
}

/** For requests that the gateway makes itself: what comes back is read, never released. */
export function createSilentChannel(): Channel {
  const left = new AbortController()
  return {
    isOpen: false,
    left: left.signal,
    release: async () => undefined,
    answer: async () => undefined,
    notify: async () => undefined,
    stream: () => undefined,
    mark: async () => undefined,
    finish: () => undefined,
  }
}
