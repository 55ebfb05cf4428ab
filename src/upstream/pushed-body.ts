import { GatewayError } from '../errors.ts'
import { tooLong, unfinished, type AnswerBody } from './exchange.ts'
import { Pieces } from './pieces.ts'

const highWater = 64 * 1024
/** What a piece takes beside its bytes, however few they are. */
const besidePiece = 256

interface Flow {
  pause(): void
  resume(): void
  abort(reason: Error): void
}

/** A body that is pushed in as it arrives. One reader, by `whole` or by iteration. */
export class PushedBody implements AnswerBody {
  readonly #flow: Flow
  #chunks: Uint8Array[] = []
  #size = 0
  #ended = false
  #destroyed = false
  #error: Error | undefined
  #wake: (() => void) | undefined

  constructor(flow: Flow) {
    this.#flow = flow
  }

  push(chunk: Uint8Array): void {
    if (this.#destroyed) return
    this.#chunks.push(chunk)
    this.#size += besidePiece + chunk.length
    if (this.#size > highWater) this.#flow.pause()
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  fail(error: Error): void {
    this.#error ??= error
    this.#wake?.()
  }

  destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.#chunks = []
    if (!this.#ended && this.#error === undefined) this.#flow.abort(new GatewayError('upstream_broken', { detail: 'aborted' }))
    this.fail(new GatewayError('upstream_broken', { detail: 'aborted' }))
  }

  async whole(limit: number, patience: number): Promise<Uint8Array> {
    const read = new Pieces()
    for (;;) {
      for (const chunk of this.#take()) read.add(chunk)
      if (read.size > limit) {
        this.destroy()
        throw tooLong(limit)
      }
      if (this.#size > 0) continue // pushed while the rest was taken
      if (this.#error !== undefined) throw asFault(this.#error)
      if (this.#ended) return read.take()
      await this.#more(patience)
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    try {
      for (;;) {
        const taken = this.#take()
        if (taken.length > 0) yield taken.length === 1 && taken[0] !== undefined ? taken[0] : Buffer.concat(taken)
        if (this.#size > 0) continue
        if (this.#error !== undefined) throw this.#error
        if (this.#ended) return
        await this.#more(0)
      }
    } finally {
      this.destroy()
    }
  }

  #take(): Uint8Array[] {
    const taken = this.#chunks
    const wasFull = this.#size > highWater
    this.#chunks = []
    this.#size = 0
    if (wasFull) this.#flow.resume() // may push at once
    return taken
  }

  #more(patience: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = patience > 0 ? setTimeout(() => this.#giveUp(), patience) : undefined
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }

  #giveUp(): void {
    const fault = unfinished()
    this.#flow.abort(fault)
    this.fail(fault)
  }
}

const asFault = (cause: Error): GatewayError => (cause instanceof GatewayError ? cause : new GatewayError('upstream_broken', { cause }))
