import type { Readable } from 'node:stream'
import { costOf, createPace } from './noise.ts'
import { Pieces } from './pieces.ts'

export interface LinesOptions {
  /** Bytes of one line. */
  readonly limit: number
  /** Answers what the line cost without being of use to anybody. */
  readonly each: (line: Uint8Array) => number
  /** A line over the limit cannot be skipped safely on a shared channel: this ends the reading; where it is not given the line is cut. */
  readonly overflow?: () => void
}
export interface Lines {
  pause(): void
  resume(): void
  /** Reads no more: whoever still holds the other end writes to nobody. */
  close(): void
}

/** Splits at LF, and reads no further while it is paused, even within what has arrived. */
export function readLines(stream: Readable, { limit, each, overflow }: LinesOptions): Lines {
  const begun = new Pieces()
  let isPaused = false
  let isClosed = false
  const settle = (): void => {
    if (isClosed) return
    if (isPaused || pace.isSpent) stream.pause()
    else stream.resume()
  }
  const pace = createPace(settle)
  const fits = (): boolean => {
    if (begun.size <= limit) return true
    begun.take()
    if (overflow === undefined) return true
    close()
    overflow()
    return false
  }
  const take = (): void => {
    const bytes = begun.take()
    const line = bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes
    pace.spend(line.length === 0 ? costOf(0) : each(line))
  }
  const read = (chunk: Buffer): void => {
    let from = 0
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      // A copy: what is kept of a line must not keep all that arrived with it.
      begun.add(Buffer.copyBytesFrom(chunk, from, at - from))
      from = at + 1
      if (!fits()) return
      take()
      if (isClosed) return
      if (stream.isPaused() && from < chunk.length) return stream.unshift(chunk.subarray(from))
    }
    if (from === chunk.length) return
    begun.add(Buffer.copyBytesFrom(chunk, from))
    fits()
  }
  const close = (): void => {
    isClosed = true
    stream.off('data', read)
    stream.destroy()
  }
  stream.on('data', read)
  return {
    pause() {
      isPaused = true
      settle()
    },
    resume() {
      isPaused = false
      settle()
    },
    close,
  }
}
