import type { Writable } from 'node:stream'
import { GatewayError } from '../errors.ts'

export interface Line {
  /** False where it was not to be written any more. */
  readonly begun: Promise<boolean>
  /** When all of it is written, the same. Rejects where the child cannot be written to. */
  readonly written: Promise<boolean>
}
export interface ChildInput {
  write(line: string, mayBegin: () => boolean): Line
  /** Closed when what waits has been written. */
  end(): void
}

interface Waiting {
  readonly text: string
  readonly mayBegin: () => boolean
  readonly begin: (begins: boolean) => void
  readonly done: (cause: Error | null | undefined) => void
}

/** A child that does not read holds at most so many characters of what it was sent. */
const mostUnread = 8 * 1024 * 1024

/** One line after the other goes into the pipe: what waits behind a full one waits here, where it can still be kept back. */
export function createInput(stdin: Writable, command: string): ChildInput {
  const waiting: Waiting[] = []
  let unread = 0
  let isWriting = false
  let isEnding = false

  const writeNext = (): void => {
    if (isWriting) return
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { text, mayBegin, begin, done } = next
      const begins = mayBegin()
      begin(begins)
      if (begins) {
        isWriting = true
        stdin.write(text, (cause) => {
          isWriting = false
          unread -= text.length
          done(cause)
          writeNext()
        })
        return
      }
      unread -= text.length
      done(undefined)
    }
    if (isEnding) stdin.end()
  }

  return {
    write(line, mayBegin) {
      const text = `${line}\n`
      const begun = Promise.withResolvers<boolean>()
      const written = Promise.withResolvers<boolean>()
      written.promise.catch(() => undefined) // told to whoever waits for it
      if (unread > mostUnread) {
        written.reject(new GatewayError('upstream_unreachable', { detail: `${command} does not read what it is sent` }))
        return { begun: new Promise<never>(() => undefined), written: written.promise }
      }
      unread += text.length
      let begins = false
      waiting.push({
        text, mayBegin,
        begin(does) {
          begins = does
          begun.resolve(does)
        },
        done: (cause) => (cause ? written.reject(new GatewayError('upstream_broken', { cause })) : written.resolve(begins)),
      })
      writeNext()
      return { begun: begun.promise, written: written.promise }
    },
    end() {
      isEnding = true
      writeNext()
    },
  }
}
