import { parseExactJson } from '../exact-json.ts'
import type { Clock, ExchangeId, GrantedApproval, Json, JsonObject, KnownActor, Request } from '../model.ts'
import type { ClientChannel, OwnAnswer, ToClient } from './channel.ts'
import { withEnvelope } from './pipeline.ts'
import { Shelf, Shelves, type Entry, type OutboxLimits } from './shelves.ts'

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
  /** Keeps an event and how it is printed, and gives its id. */
  add(said: Said, text: string): string
  /** The id of an event that says nothing. */
  mark(): string
  idOf(seq: number): string
  /** The first event after that one which is still kept. */
  after(seq: number): Kept | undefined
  /** All was said: its channel is not held any longer. */
  end(): void
}
export interface Resumed {
  /** Undefined where all was said on it. */
  readonly channel: ClientChannel | undefined
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

const usual: OutboxLimits = { session: 8 * 1024 * 1024, all: 64 * 1024 * 1024, age: 5 * 60_000 }

/** What an event that is kept takes beside its text and its request, in bytes. Measured; small requests are part of it. */
const besideText = 2048

/** A class, like its entries, for what it takes: there are thousands. */
export class Stream implements StreamLog {
  readonly session: SessionOutbox
  readonly key: string
  readonly listens: boolean
  channel: ClientChannel | undefined
  last = 0
  readonly kept: Entry[] = []
  /** Of the last event's request. */
  #weight = 0

  constructor(session: SessionOutbox, key: string, listens: boolean, channel: ClientChannel) {
    this.session = session
    this.key = key
    this.listens = listens
    this.channel = channel
  }

  idOf(seq: number): string {
    return `${this.session.prefix}.${this.key}.${seq}`
  }
  add(said: Said, text: string): string {
    const { shelves } = this.session
    const request = requestOf(said)
    const before = this.kept.at(-1)
    const isShared = request !== undefined && before?.request === request
    const weight = request === undefined ? 0 : isShared ? this.#weight : weightOf(request.body)
    if (before !== undefined && isShared) shelves.lighten(before, weight)
    this.#weight = weight
    const entry: Entry = { seq: (this.last += 1), at: shelves.clock(), bytes: besideText + text.length + weight, request, stream: this, said: packed(said), text }
    this.kept.push(entry)
    shelves.add(entry)
    return this.idOf(entry.seq)
  }
  mark(): string {
    return this.idOf((this.last += 1))
  }
  after(seq: number): Kept | undefined {
    this.session.shelves.shed(this.session.own, Infinity)
    const entry = this.kept.find((each) => each.seq > seq)
    return entry === undefined ? undefined : { seq: entry.seq, said: unpacked(entry) }
  }
  end(): void {
    this.channel = undefined
    this.#leaveIfDone()
  }
  forget(entry: Entry): void {
    const at = this.kept.indexOf(entry)
    if (at >= 0) this.kept.splice(at, 1)
    this.#leaveIfDone()
  }
  #leaveIfDone(): void {
    if (this.kept.length === 0 && !this.listens && this.channel === undefined) this.session.streams.delete(this.key)
  }
}

class SessionOutbox implements Outbox {
  readonly shelves: Shelves
  readonly caller: string
  readonly own = new Shelf()
  readonly streams = new Map<string, Stream>()
  readonly #name: () => string
  prefix: string | undefined
  #count = 0

  constructor(shelves: Shelves, name: () => string, caller: string) {
    this.shelves = shelves
    this.#name = name
    this.caller = caller
  }

  open(channel: ClientChannel, listens: boolean): StreamLog {
    this.prefix ??= this.#name()
    this.#count += 1
    const stream = new Stream(this, String(this.#count), listens, channel)
    // A client listens on one stream at a time.
    if (listens) for (const old of [...this.streams.values()].filter((each) => each.listens)) {
      for (const entry of [...old.kept]) this.shelves.drop(entry)
      this.streams.delete(old.key)
    }
    this.streams.set(stream.key, stream)
    return stream
  }
  find(id: string): Resumed | undefined {
    const [from, key = '', seq = '', ...more] = id.split('.')
    const stream = this.prefix === undefined || from !== this.prefix || more.length > 0 ? undefined : this.streams.get(key)
    if (stream === undefined || !/^\d{1,15}$/.test(seq) || Number(seq) > stream.last) return undefined
    return { channel: stream.channel, log: stream, seq: Number(seq), listens: stream.listens, moveTo: (channel) => void (stream.channel = channel) }
  }
  close(): void {
    for (const entry of [...this.own.entries]) this.shelves.drop(entry)
    this.streams.clear()
  }
}

export function createOutboxes(clock: Clock, limits: OutboxLimits = usual): Outboxes {
  const shelves = new Shelves(clock, limits)
  return { open: (name, caller) => new SessionOutbox(shelves, name, caller), sweep: () => shelves.shed(shelves.all, Infinity) }
}

const requestOf = (said: Said): Request | undefined =>
  said.kind === 'own' ? undefined : said.message.kind === 'result' || said.message.kind === 'error' ? said.message.request : said.of.request

/** About what a value takes in memory: a member or element takes as much as a few characters. */
function weightOf(value: Json): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 0
  let sum = 0
  for (const name in value) sum += besideValue + weightOf((value as JsonObject)[name] as Json) // own: a JSON value
  return sum
}
const besideValue = 32

const inText: JsonObject = {}
const packed = (said: Said): Said => (said.kind === 'own' ? said : { ...said, message: { ...said.message, envelope: inText, body: inText } })
const unpacked = ({ said, text }: Entry): Said => (said.kind === 'own' ? said : { ...said, message: withEnvelope(said.message, parseExactJson(text) as JsonObject) }) // printed from an object
