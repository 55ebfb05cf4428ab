import type { Clock, ExchangeId, GrantedApproval, KnownActor, Request } from '../model.ts'
import type { ClientChannel, OwnAnswer, ToClient } from './channel.ts'

/** What was written as one event: a message that was released, with all that is needed to judge it again, or the gateway's own words. */
export type Said =
  | { readonly kind: 'released'; readonly message: ToClient; readonly of: SaidOf }
  | { readonly kind: 'own'; readonly answer: OwnAnswer }
export interface SaidOf {
  readonly exchange: ExchangeId
  readonly actor: KnownActor
  readonly approval?: GrantedApproval | undefined
  readonly request?: Request | undefined
}
export interface Kept {
  readonly seq: number
  readonly said: Said
}

/** The events of one stream of a client (MCP 2025-11-25 basic/transports, "Resumability and Redelivery"). */
export interface StreamLog {
  /** Keeps an event and gives its id. */
  add(said: Said, bytes: number): string
  /** The id of an event that says nothing. */
  mark(): string
  idOf(seq: number): string
  /** The first event after that one which is still kept. */
  after(seq: number): Kept | undefined
}
export interface Resumed {
  readonly channel: ClientChannel
  readonly log: StreamLog
  readonly seq: number
  /** True for the stream of what no request asked for. */
  readonly listens: boolean
  /** Goes on with the stream on another channel. */
  moveTo(channel: ClientChannel): void
}

/** What was released to the client of one session, so that it can come back for what it missed, whether or not its server can. */
export interface Outbox {
  open(channel: ClientChannel, listens: boolean): StreamLog
  /** What an event id of this session belongs to; undefined for any other, and for a stream of which nothing is kept. */
  find(id: string): Resumed | undefined
  close(): void
}
export interface Outboxes {
  /** `name` begins the ids of a session's events: nobody can guess it. Where it is too much for all, the caller who keeps most loses the oldest first. */
  open(name: () => string, caller: string): Outbox
  /** Drops what is too old. */
  sweep(): void
}

interface OneStream {
  readonly key: string
  readonly log: StreamLog
  readonly listens: boolean
  readonly kept: Map<number, Entry>
  channel: ClientChannel
  last: number
}
/** Of all sessions of a caller, the oldest first. */
interface KeptBy {
  readonly entries: Set<Entry>
  bytes: number
}
interface Entry extends Kept {
  readonly at: number
  readonly bytes: number
  drop(): void
}

export interface OutboxLimits {
  /** Bytes of printed events, of one session and of all. */
  readonly session: number
  readonly all: number
  /** Milliseconds. */
  readonly age: number
}
const usual: OutboxLimits = { session: 8 * 1024 * 1024, all: 64 * 1024 * 1024, age: 5 * 60_000 }

export function createOutboxes(clock: Clock, limits: OutboxLimits = usual): Outboxes {
  /** Oldest first. */
  const all = new Set<Entry>()
  const callers = new Map<string, KeptBy>()
  let allBytes = 0

  const shed = (entries: ReadonlySet<Entry>, isTooMuch: () => boolean) => {
    for (const oldest of entries) {
      if (!isTooMuch() && oldest.at > clock() - limits.age) return
      oldest.drop()
    }
  }

  const makeRoom = () => {
    while (allBytes > limits.all) {
      const most = [...callers.values()].reduce((one, other) => (other.bytes > one.bytes ? other : one))
      const [oldest] = most.entries
      oldest?.drop()
    }
  }

  function open(name: () => string, caller: string): Outbox {
    const streams = new Map<string, OneStream>()
    const own = new Set<Entry>()
    let prefix: string | undefined
    let bytes = 0
    let count = 0

    const keep = (stream: OneStream, said: Said, size: number) => {
      const seq = (stream.last += 1)
      const by = callers.get(caller) ?? { entries: new Set<Entry>(), bytes: 0 }
      callers.set(caller, by)
      const entry: Entry = {
        seq, said, bytes: size, at: clock(),
        drop() {
          if (!all.delete(entry)) return
          own.delete(entry)
          by.entries.delete(entry)
          by.bytes -= size
          if (by.entries.size === 0) callers.delete(caller)
          stream.kept.delete(seq)
          bytes -= size
          allBytes -= size
          if (stream.kept.size === 0 && !stream.listens && stream.channel.isOver) streams.delete(stream.key)
        },
      }
      all.add(entry)
      own.add(entry)
      by.entries.add(entry)
      by.bytes += size
      stream.kept.set(seq, entry)
      bytes += size
      allBytes += size
      shed(own, () => bytes > limits.session)
      shed(all, () => false)
      makeRoom()
      return seq
    }
    const logOf = (stream: () => OneStream, key: string): StreamLog => {
      const idOf = (seq: number) => `${prefix}.${key}.${seq}`
      return {
        idOf,
        add: (said, size) => idOf(keep(stream(), said, size)),
        mark: () => idOf((stream().last += 1)),
        after(seq) {
          shed(own, () => false)
          for (const entry of stream().kept.values()) if (entry.seq > seq) return entry
          return undefined
        },
      }
    }

    return {
      open(channel, listens) {
        prefix ??= name()
        count += 1
        const key = String(count)
        const stream: OneStream = { key, log: logOf(() => stream, key), listens, channel, kept: new Map(), last: 0 }
        // A client listens on one stream at a time.
        if (listens) for (const old of [...streams.values()].filter((each) => each.listens)) {
          for (const entry of [...old.kept.values()]) entry.drop()
          streams.delete(old.key)
        }
        streams.set(key, stream)
        return stream.log
      },
      find(id) {
        const [from, key = '', seq = '', ...more] = id.split('.')
        const stream = prefix === undefined || from !== prefix || more.length > 0 ? undefined : streams.get(key)
        if (stream === undefined || !/^\d{1,15}$/.test(seq) || Number(seq) > stream.last) return undefined
        return { channel: stream.channel, log: stream.log, seq: Number(seq), listens: stream.listens, moveTo: (channel) => void (stream.channel = channel) }
      },
      close() {
        for (const entry of [...own]) entry.drop()
        streams.clear()
      },
    }
  }

  return { open, sweep: () => shed(all, () => false) }
}
