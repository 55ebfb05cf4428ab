import { fateOf, type Call } from './caller.ts'
import type { Stored, StoredEvent } from './store-rows.ts'
import type { Arrived } from './stub.ts'

export interface Journals {
  readonly stub: readonly Arrived[]
  readonly store: Stored
  readonly client: readonly Call[]
  /** Then a record whose sync failed may be on the disk all the same, after everything that was sent or told. */
  readonly powerWasCut?: boolean
}

export interface Reconciled {
  /** Every difference between what the server got, what is recorded, and what the client got. */
  readonly differences: readonly string[]
  readonly calls: number
  readonly sent: number
  readonly answered: number
  readonly refused: number
  readonly unknown: number
}

interface Track {
  readonly intents: readonly StoredEvent[]
  readonly results: readonly StoredEvent[]
  readonly closed: boolean
}

/** Joins the three journals by nonce. Whatever broke in between, there is exactly one story, and the record tells it. */
export function reconcile({ stub, store, client, powerWasCut = false }: Journals): Reconciled {
  const differences: string[] = [...store.faults]
  const tracks = tracksOf(store.events)
  const sent = Map.groupBy(stub.filter(({ message }) => message.method === 'tools/call'), ({ message }) => message.params?.arguments?.nonce ?? '')
  const calls = new Map(client.map((call) => [call.nonce, call]))
  const lastEffect = powerWasCut ? lastWithEffect(tracks, (nonce) => sent.has(nonce), (nonce) => isAnswered(calls.get(nonce))) : Infinity
  const outlived = ({ intents }: Track) => intents.every(({ n, outcome }) => outcome === 'unknown' && n > lastEffect)
  let answered = 0
  let refused = 0

  for (const [nonce, arrivals] of sent) {
    const track = tracks.get(nonce)
    if (arrivals.length > 1) differences.push(`${nonce}: the server got it ${arrivals.length} times`)
    if (track === undefined) differences.push(`${nonce}: the server got it and nothing is recorded`)
    else if (!track.intents.some(({ outcome }) => outcome === 'forwarded' || outcome === 'unknown')) differences.push(`${nonce}: the server got it, recorded is ${track.intents.map(({ outcome }) => outcome).join()}`)
    if (!calls.has(nonce)) differences.push(`${nonce}: the server got what no client asked`)
  }
  for (const [nonce, call] of calls) {
    const fate = fateOf(call)
    const track = tracks.get(nonce)
    if (fate === 'odd') differences.push(`${nonce}: answered with ${call.status} ${call.body.slice(0, 200)}`)
    if (fate === 'answered') {
      answered += 1
      if (!sent.has(nonce)) differences.push(`${nonce}: answered and never sent`)
      if (!track?.results.some(({ outcome, message }) => outcome === 'forwarded' && message.includes(`did ${nonce}.`))) differences.push(`${nonce}: the client got an answer that is not recorded`)
      if (track?.intents.some(({ outcome }) => outcome === 'unknown')) differences.push(`${nonce}: answered and recorded as unknown`)
    }
    if (fate === 'refused') refused += 1
    if (fate === 'refused' && sent.has(nonce)) differences.push(`${nonce}: refused as not executed, and the server got it`)
    if (fate === 'refused' && track !== undefined && !outlived(track)) differences.push(`${nonce}: refused as not executed, and recorded as ${track.intents.map(({ outcome }) => outcome).join()}`)
    if (fate === 'withheld' && !sent.has(nonce)) differences.push(`${nonce}: told as executed, and the server never got it`)
  }
  let unknown = 0
  for (const [nonce, track] of tracks) {
    if (track.intents.length > 1) differences.push(`${nonce}: recorded ${track.intents.length} times`)
    const isUnknown = track.intents.some(({ outcome }) => outcome === 'unknown')
    if (isUnknown) unknown += 1
    if (isUnknown === track.closed) differences.push(`${nonce}: ${isUnknown ? 'unknown and closed' : 'neither closed nor unknown'}`)
  }
  return { differences, calls: calls.size, sent: sent.size, answered, refused, unknown }
}

const isAnswered = (call: Call | undefined): boolean => call !== undefined && fateOf(call) === 'answered'

/** The last record of a call that was sent, or of an answer that was told. */
function lastWithEffect(tracks: ReadonlyMap<string, Track>, isSent: (nonce: string) => boolean, isTold: (nonce: string) => boolean): number {
  const withEffect = [...tracks].flatMap(([nonce, { intents, results }]) => [...(isSent(nonce) ? intents : []), ...(isTold(nonce) ? results : [])])
  return withEffect.reduce((last, { n }) => Math.max(last, n), 0)
}

/** By the nonce of the request; answers belong to their request's exchange. */
function tracksOf(events: readonly StoredEvent[]): ReadonlyMap<string, Track> {
  const byExchange = Map.groupBy(events.filter(({ method }) => method === 'tools/call'), ({ exchange }) => exchange)
  const tracks = new Map<string, Track>()
  for (const group of byExchange.values()) {
    const intents = group.filter(({ direction, kind }) => direction === 'to_server' && kind === 'request')
    const nonce = JSON.parse(intents[0]?.message ?? '{}').params?.arguments?.nonce ?? `exchange ${group[0]?.exchange}`
    const before = tracks.get(nonce)
    const results = group.filter(({ direction }) => direction === 'to_client')
    tracks.set(nonce, {
      intents: [...(before?.intents ?? []), ...intents],
      results: [...(before?.results ?? []), ...results],
      closed: (before?.closed ?? true) && group.some(({ closes }) => closes === 1),
    })
  }
  return tracks
}
