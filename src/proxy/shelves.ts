import type { Clock, Request } from '../model.ts'
import type { Said, Stream } from './outbox.ts'

export interface OutboxLimits {
  /** Bytes of events, of one session and of all. */
  readonly session: number
  readonly all: number
  /** Milliseconds. */
  readonly age: number
}

export interface Entry {
  readonly seq: number
  readonly at: number
  /** What it takes in memory, about; of the events of one stream that belong to the same request the last one counts that. */
  bytes: number
  readonly request: Request | undefined
  readonly stream: Stream
  /** Without the envelope of a message, which is kept as it was printed: a text is a tenth of what was read from it. */
  readonly said: Said
  readonly text: string
}

/** Events that share a limit, the oldest first. */
export class Shelf {
  readonly entries = new Set<Entry>()
  bytes = 0

  add(entry: Entry): void {
    this.entries.add(entry)
    this.bytes += entry.bytes
  }
  remove(entry: Entry): void {
    if (this.entries.delete(entry)) this.bytes -= entry.bytes
  }
}

/** What all sessions keep. */
export class Shelves {
  readonly clock: Clock
  readonly limits: OutboxLimits
  readonly all = new Shelf()
  readonly callers = new Map<string, Shelf>()

  constructor(clock: Clock, limits: OutboxLimits) {
    this.clock = clock
    this.limits = limits
  }

  add(entry: Entry): void {
    const { own, caller } = entry.stream.session
    if (!this.callers.has(caller)) this.callers.set(caller, new Shelf())
    for (const shelf of this.#of(entry)) shelf.add(entry)
    this.shed(own, this.limits.session)
    this.shed(this.all, Infinity)
    while (this.all.bytes > this.limits.all) this.#dropFirst([...this.callers.values()].reduce((one, other) => (other.bytes > one.bytes ? other : one)))
  }

  /** Drops what is too old, and the oldest of what is too much. */
  shed(shelf: Shelf, most: number): void {
    for (const oldest of shelf.entries) {
      if (shelf.bytes <= most && oldest.at > this.clock() - this.limits.age) return
      this.drop(oldest)
    }
  }

  drop(entry: Entry): void {
    const { stream } = entry
    const { caller } = stream.session
    for (const shelf of this.#of(entry)) shelf.remove(entry)
    if (this.callers.get(caller)?.entries.size === 0) this.callers.delete(caller)
    stream.forget(entry)
  }

  /** Another one counts so much of it. */
  lighten(entry: Entry, bytes: number): void {
    for (const shelf of this.#of(entry)) shelf.bytes -= bytes
    entry.bytes -= bytes
  }

  #of({ stream: { session } }: Entry): readonly Shelf[] {
    const by = this.callers.get(session.caller)
    return by === undefined ? [this.all, session.own] : [this.all, session.own, by]
  }

  #dropFirst({ entries }: Shelf): void {
    const [oldest] = entries
    if (oldest !== undefined) this.drop(oldest)
  }
}
