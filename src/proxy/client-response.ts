import type { ServerResponse } from 'node:http'

/** Where what is said to a client goes: one response, and after it the next one of the same stream. */
export interface ClientResponse {
  readonly isOpen: boolean
  /** Whether its head has gone out. */
  readonly hasBegun: boolean
  /** Whether it is, or was, a stream of events. */
  readonly streams: boolean
  /** Makes it a stream of events, which is kept alive. */
  begin(): void
  /** Resolves when there is room for more, or nobody to say it to. */
  write(text: string): Promise<void>
  /** All there is to say. */
  json(text: string, status: number, headers: Headers): void
  end(): void
  /** Goes on with another one. */
  replace(next: ServerResponse): void
  destroy(): void
}
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

export function createClientResponse({ comment, headers, closed, ...options }: ClientResponseOptions): ClientResponse {
  let { response } = options
  let streams = false
  let keepAlive: NodeJS.Timeout | undefined

  const isOpen = () => !response.destroyed && !response.writableEnded
  const watch = (watched: ServerResponse) => {
    watched.once('close', () => {
      if (watched !== response) return
      clearInterval(keepAlive)
      closed(watched.writableFinished)
    })
    watched.on('error', () => undefined) // 'close' follows and tells it
  }
  const begin = () => {
    streams = true
    response.writeHead(200, { ...headers?.(true), 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
    response.flushHeaders()
    keepAlive = setInterval(() => response.write(comment), keepAliveEvery).unref()
  }

  watch(response)
  return {
    get isOpen() {
      return isOpen()
    },
    get hasBegun() {
      return response.headersSent
    },
    get streams() {
      return streams
    },
    begin,
    write: async (text) => {
      if (isOpen() && !response.write(text)) await hasRoom(response)
    },
    json(text, status, own) {
      response.writeHead(status, { ...headers?.(false), ...own, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      response.end(text)
    },
    end() {
      clearInterval(keepAlive)
      if (!isOpen()) return
      if (!response.headersSent) response.writeHead(202)
      response.end()
    },
    replace(next) {
      clearInterval(keepAlive)
      const before = response
      response = next
      if (next !== before) {
        if (!before.writableEnded) before.end()
        watch(next)
      }
      if (!next.headersSent) begin()
    },
    destroy: () => response.destroy(),
  }
}

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
