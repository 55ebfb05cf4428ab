import { setTimeout as sleep } from 'node:timers/promises'
import type { Source, Watching } from '../source.ts'
import type { Read } from '../sources.ts'
import { download } from './download.ts'
import type { Downloaded, Server } from './download.ts'

export interface ServerSourceOptions extends Server {
  /** Milliseconds. */
  readonly poll: number
  /** Milliseconds that the server may hold a request; left out, none is held. */
  readonly wait?: number
  /** What is in a bundle, if it may be used at all. */
  readonly open: (bytes: Uint8Array) => Promise<Read>
  readonly within?: number
}

/** A server that answers at once although it said that it would wait is not asked more often than this. */
const shortestPause = 1000

/** Policies from an OPA bundle server. */
export const createServerSource = ({ poll, wait, open, within, ...server }: ServerSourceOptions): Source => {
  const closing = new AbortController()
  const { signal } = closing
  let held: Extract<Downloaded, { kind: 'new' }> | undefined
  /** It came while it was watched, and nobody has read it yet. */
  let isFresh = false
  let isFailing = true
  /** Whether the server can be waited for is known once it was read from. */
  let wasRead = Promise.withResolvers<'read'>()

  const ask = async (patience?: number): Promise<Downloaded> => {
    const asked = await download(server, { signal, ...(held?.etag === undefined ? {} : { etag: held.etag }), ...(patience === undefined ? {} : { wait: patience }), ...(within === undefined ? {} : { within }) })
    if (asked.kind !== 'new') return asked
    const isSame = held?.bytes.equals(asked.bytes) === true
    held = asked
    return isSame ? { kind: 'unchanged' } : asked
  }

  const read = async (): Promise<Read> => {
    const asked = isFresh ? undefined : await ask()
    isFresh = false
    isFailing = asked?.kind === 'failed'
    wasRead.resolve('read')
    if (asked?.kind === 'failed') return { ok: false, problems: [asked.problem] }
    return open(held?.bytes ?? new Uint8Array())
  }

  const follow = async (onChange: () => void, onCurrent: () => void, isOver: () => boolean): Promise<void> => {
    /** Until it was so long, or somebody read meanwhile. */
    const rest = async (length: number): Promise<'read' | undefined> => {
      const over = new AbortController()
      const slept = sleep(length, undefined, { signal: AbortSignal.any([signal, over.signal]), ref: false }).catch(() => undefined)
      return Promise.race([slept, wasRead.promise]).finally(() => over.abort())
    }
    for (;;) {
      wasRead = Promise.withResolvers()
      const patience = held?.holds === true && held.etag !== undefined && !isFailing ? wait : undefined
      const woken = await rest(patience === undefined ? poll * (0.9 + 0.2 * Math.random()) : shortestPause)
      if (isOver()) return
      if (woken === 'read') continue
      const asked = await ask(patience)
      if (isOver()) return
      if (asked.kind === 'new') isFresh = true
      // A fault is told by reading, as is its end; the status then says so.
      if (asked.kind !== 'unchanged' || isFailing) onChange()
      else onCurrent()
      if (asked.kind === 'failed') isFailing = true
    }
  }

  return {
    read,
    watch(onChange, onCurrent = () => undefined): Watching {
      let isOver = false
      void follow(onChange, onCurrent, () => isOver || signal.aborted)
      return {
        close: () => {
          isOver = true
          closing.abort()
        },
      }
    },
    async close() {
      closing.abort()
    },
  }
}
