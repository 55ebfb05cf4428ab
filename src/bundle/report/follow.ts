import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Recorded } from '../compare/replay.ts'
import { decisionEvent, type Labels } from './decision-event.ts'
import { backoff, post, type ReportServer } from './endpoint.ts'
import { keepPlace, readPlace, type Place } from './place.ts'
import type { RulesInForce } from './rules-in-force.ts'

export interface FollowOptions {
  readonly server: ReportServer
  readonly labels: Labels
  /** What was recorded after a place, in its order. */
  readonly next: (after: Place) => Promise<{ readonly decided: readonly Recorded[]; readonly reached: string | null; readonly more: boolean }>
  /** What the active bundle says about events of the log. */
  readonly rules: RulesInForce
  /** Where it is kept how far the server has everything. */
  readonly file: string
  /** Where nothing was sent yet: what was recorded before is not sent. Milliseconds since the epoch. */
  readonly from: number
  readonly told: (news: FollowNews) => void
  readonly signal: AbortSignal
}
export type FollowNews =
  | { readonly kind: 'sent'; readonly decisions: number }
  /** The server takes it at no size: it is passed over, and counted. */
  | { readonly kind: 'lost'; readonly decisions: number; readonly why: string }
  /** `system.log.drop` said so. */
  | { readonly kind: 'dropped'; readonly decisions: number }
  /** Its rules could not be asked: it went without input and result, or not at all. */
  | { readonly kind: 'bare' | 'withheld'; readonly decisions: number; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'recovered' }

const compress = promisify(gzip)
const pollEvery = 1_000
/** Characters of one upload before it is compressed; OPA's own are about as large. */
const chunkSize = 512 * 1024

/**
 * Sends every decision that is recorded. The record is the truth and this follows it: what is kept is how far the server has it, so that
 * nothing is lost where the server is away or the gateway starts anew. A decision may come twice, under the same `decision_id`.
 */
export async function followDecisions(options: FollowOptions): Promise<void> {
  const { next, signal, file } = options
  let place = readPlace(file)
  if (place === undefined) await keepPlace(file, (place = { from: options.from }))
  for (;;) {
    signal.throwIfAborted()
    const { decided, reached, more } = await next(place)
    for (const chunk of chunksOf(await passedOf(decided, options))) await deliver(chunk, options)
    if (reached !== null && reached !== place.cursor) {
      place = { cursor: reached, from: 0 }
      await keepPlace(file, place)
    }
    if (!more) await pause(pollEvery, undefined, { signal })
  }
}

/** What of these decisions is sent, as the rules of the active bundle have it. */
async function passedOf(decided: readonly Recorded[], { labels, rules, signal, told }: FollowOptions): Promise<readonly string[]> {
  const texts: string[] = []
  for (const each of decided) {
    const filter = await rules.filter(signal)
    const passed = filter(JSON.stringify(decisionEvent(each, labels)))
    if ('text' in passed) texts.push(passed.text)
    if (passed.kind === 'dropped') told({ kind: 'dropped', decisions: 1 })
    if ('why' in passed) told({ kind: passed.kind, decisions: 1, why: passed.why })
  }
  return texts
}

async function deliver(events: readonly string[], options: FollowOptions): Promise<void> {
  const { server, signal, told } = options
  for (let failures = 0; ; failures += 1) {
    const posted = await post(server, await compress(`[${events.join(',')}]`), { 'content-encoding': 'gzip' }, signal)
    signal.throwIfAborted()
    if (posted.ok) {
      if (failures > 0) told({ kind: 'recovered' })
      return told({ kind: 'sent', decisions: events.length })
    }
    if (posted.status === 413 && events.length > 1) {
      const half = Math.ceil(events.length / 2)
      await deliver(events.slice(0, half), options)
      return deliver(events.slice(half), options)
    }
    if (posted.status === 413) return told({ kind: 'lost', decisions: 1, why: posted.why })
    if (failures === 0) told({ kind: 'failed', why: posted.why })
    await pause(backoff(failures), undefined, { signal })
  }
}

function* chunksOf(events: readonly string[]): Generator<readonly string[]> {
  let chunk: string[] = []
  let size = 0
  for (const event of events) {
    if (chunk.length > 0 && size + event.length > chunkSize) {
      yield chunk
      chunk = []
      size = 0
    }
    chunk.push(event)
    size += event.length
  }
  if (chunk.length > 0) yield chunk
}
