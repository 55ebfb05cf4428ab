import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'
import { tooLong, unfinished, type AnswerBody } from './exchange.ts'
import { Pieces } from './pieces.ts'

/** A body that Node's HTTP client reads. */
export class StreamedBody implements AnswerBody {
  readonly #message: IncomingMessage

  constructor(message: IncomingMessage) {
    this.#message = message
  }

  destroy(): void {
    this.#message.destroy()
  }

  async whole(limit: number, patience: number): Promise<Uint8Array> {
    const read = new Pieces()
    const timer = setTimeout(() => this.#message.destroy(unfinished()), patience)
    try {
      for await (const chunk of this) {
        timer.refresh()
        read.add(chunk)
        if (read.size > limit) throw tooLong(limit)
      }
    } catch (cause) {
      throw cause instanceof GatewayError ? cause : new GatewayError('upstream_broken', { cause })
    } finally {
      clearTimeout(timer)
    }
    return read.take()
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array> // no encoding is set: the chunks are buffers
  }
}
