import type { ServerResponse } from 'node:http'

type Headers = { readonly [name: string]: string }

export interface ClientResponseOptions {
  readonly response: ServerResponse
  readonly comment: string
  /** Asked when the head is written: a stream's goes out before its answer is known. */
  readonly headers?: ((streams: boolean) => Headers) | undefined
  /** Told when the newest one is gone; `whole` where all of it was handed on. */
  readonly closed: (whole: boolean) => void
}

const keepAliveEvery = 15_000

/** Where what is said to a client goes: one response, and after it the next one of the same stream. */
export class ClientResponse {
  readonly #options: ClientResponseOptions
  #response: ServerResponse
  #streams = false
  #keepAlive: NodeJS.Timeout | undefined

  constructor(options: ClientResponseOptions) {
    this.#options = options
    this.#response = options.response
    this.#watch(options.response)
  }

  get isOpen(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded
  }
  /** Whether its head has gone out. */
  get hasBegun(): boolean {
    return this.#response.headersSent
  }
  /** Whether it is, or was, a stream of events. */
  get streams(): boolean {
    return this.#streams
  }

  /** Makes it a stream of events, which is kept alive. */
  begin(): void {
    const { headers, comment } = this.#options
    this.#streams = true
    this.#response.writeHead(200, { ...headers?.(true), 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
    // in one piece with what is said in the same turn
    const { socket } = this.#response
    socket?.cork()
    this.#response.flushHeaders()
    process.nextTick(() => socket?.uncork())
    this.#keepAlive = setInterval(() => this.#response.write(comment), keepAliveEvery).unref()
  }

  /** Resolves when there is room for more, or nobody to say it to. */
  async write(text: string): Promise<void> {
    if (this.isOpen && !this.#response.write(text)) await hasRoom(this.#response)
  }

  /** All there is to say. */
  json(text: string, status: number, own: Headers): void {
    this.#response.writeHead(status, { ...this.#options.headers?.(false), ...own, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    this.#response.end(text)
  }

  end(): void {
    clearInterval(this.#keepAlive)
    if (!this.isOpen) return
    if (!this.#response.headersSent) this.#response.writeHead(202)
    this.#response.end()
  }

  /** Goes on with another one. */
  replace(next: ServerResponse): void {
    clearInterval(this.#keepAlive)
    const before = this.#response
    this.#response = next
    if (next !== before) {
      if (!before.writableEnded) before.end()
      this.#watch(next)
    }
    if (!next.headersSent) this.begin()
  }

  destroy(): void {
    this.#response.destroy()
  }

  #watch(watched: ServerResponse): void {
    watched.on('close', () => {
      if (watched !== this.#response) return
      clearInterval(this.#keepAlive)
      this.#options.closed(watched.writableFinished)
    })
    watched.on('error', ignore) // 'close' follows and tells it
  }
}

const ignore = (): void => undefined

const hasRoom = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const settle = () => {
      response.off('drain', settle)
      response.off('close', settle)
      resolve()
    }
    response.on('drain', settle)
    response.on('close', settle)
  })
