import { statSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { createCaller, fateOf, type Call, type Caller } from '../faults/caller.ts'
import { reconcile } from '../faults/reconcile.ts'
import { openExchanges, readStore } from '../faults/store-rows.ts'
import { beHostile, comeAndGo } from './hostile.ts'
import { askForLarge, bareRate } from './large.ts'
import { createPlace, metricOf, type Place } from './place.ts'
import { openStalled, openTicking } from './streams.ts'
import { atMost, exactly, flat, inMebibytes, told, type Line, type Sample } from './verdict.ts'

export interface SoakOptions {
  readonly minutes: number
  readonly streams: number
  readonly say: (text: string) => void
}

const perSecond = 200
const burst = 1_000
const stalledReaders = 10
/** A socket that nobody reads is noticed after this, in milliseconds; the server's idle ones are gone long before. */
const settleFor = 50_000

/** Everything at once for a while, then large answers alone, then nothing; and what is left. */
export async function soak({ minutes, streams, say }: SoakOptions): Promise<readonly Line[]> {
  const place = await createPlace()
  try {
    const callers = await place.tokens('caller', 8, 'soak')
    const calls = createCaller(place.files.mcp('soak'), callers, 's')
    const scale = await calibrate(calls)
    say(`${(scale * 100).toFixed(0)} % of the load`)
    const before = await place.look()
    const mixed = await mix({ place, calls, scale, streams: Math.ceil(streams * scale), seconds: minutes * 60 * 0.8, say })
    say('large answers')
    const large = await largeAnswers(place, Math.max(5, minutes * 60 * 0.1))
    calls.close()
    say(`quiet for ${settleFor / 1000} s`)
    await wait(settleFor)
    const after = await place.look()
    return [told('load, as the machine sustains it', `${(scale * 100).toFixed(0)} %`), ...mixed, ...large, ...released(before, after), ...(await account(place, calls))]
  } finally {
    await place.close()
  }
}

/** What the whole load needs, in calls a second; and what is made here and now by a few at once. A machine that does other things gets less. */
const neededForAll = 1_200
async function calibrate(calls: Caller): Promise<number> {
  for (const seconds of [5, 5]) {
    const stop = new AbortController()
    const already = calls.calls.length
    const load = calls.load(100_000, stop.signal, 32)
    await wait(seconds * 1_000)
    stop.abort()
    await load
    if (already > 0) return Math.max(0.05, Math.min(1, (calls.calls.length - already) / seconds / neededForAll))
  }
  return 1
}

interface Mix {
  readonly place: Place
  readonly calls: Caller
  /** Of the load, 0 to 1. */
  readonly scale: number
  readonly streams: number
  readonly seconds: number
  readonly say: (text: string) => void
}

async function mix({ place, calls, scale, streams, seconds, say }: Mix): Promise<readonly Line[]> {
  const url = place.files.mcp('other')
  const [readers, stallers, visitors, [bad = '', rogue = '']] = await Promise.all([place.tokens('reader', 8, 'other'), place.tokens('staller', 2, 'other'), place.tokens('visitor', 8, 'other'), place.tokens('hostile', 2, 'other')])
  const stop = new AbortController()
  const ticking = openTicking(url, readers, streams)
  const stalled = openStalled(url, stallers, Math.ceil(stalledReaders * scale))
  const began = performance.now()
  const already = calls.calls.length
  const loads = Promise.all([
    calls.load(perSecond * scale, stop.signal, 200),
    bursts(calls, Math.ceil(burst * scale), stop.signal),
    beHostile(url, [bad, rogue], { bad: perSecond * scale * 0.05, runaway: perSecond * scale * 0.01 }, stop.signal),
    comeAndGo(url, visitors, 3, stop.signal),
  ])
  const samples: Sample[] = []
  const every = Math.max(5, seconds / 40)
  for (let next = every; next <= seconds; next += every) {
    await wait(Math.max(0, next * 1_000 - (performance.now() - began)))
    const sample = await takeSample(place, (performance.now() - began) / 1_000)
    samples.push(sample)
    say(`${sample.at.toFixed(0)} s: heap ${inMebibytes(sample.heap)}, memory ${inMebibytes(sample.rss)}, ${sample.files} files, ${sample.threads} threads, lag ${sample.lag.toFixed(0)} ms, ${calls.calls.length} calls, ${ticking.events} events`)
  }
  const events = ticking.events
  const lost = [...ticking.lost]
  stop.abort()
  const [, burstTimes, hostile, visits] = await loads
  ticking.close()
  stalled.close()
  const stats = await place.stats()
  const settled = samples.slice(Math.floor(samples.length * 0.3))
  const rate = (calls.calls.length - already) / seconds
  return [
    told('calls a second', `${rate.toFixed(0)}, with bursts of ${Math.ceil(burst * scale)}`),
    told('p50 and p99 of a call', `${percentile(calls.calls.slice(already), 0.5)} and ${percentile(calls.calls.slice(already), 0.99)} ms`),
    told('the slowest of a burst (median)', `${burstTimes.toSorted((a, b) => a - b)[Math.floor(burstTimes.length / 2)]?.toFixed(0) ?? '-'} ms`),
    told('loop lag p99 (median)', `${settled.map(({ lag }) => lag).sort((a, b) => a - b)[Math.floor(settled.length / 2)]?.toFixed(1)} ms`),
    told('events a second', `${(events / seconds).toFixed(0)} on ${streams} streams; ${ticking.shed} shed`),
    { ...exactly('streams that were lost', lost.length, 0), value: [lost.length, ...new Set(lost.slice(0, 5).map((last) => last.slice(0, 200)))].join('; ') },
    told('bad messages and runaway policies', String(hostile.sent)),
    { ...exactly('of these not refused as they should be', hostile.wrong.length, 0), value: [hostile.wrong.length, ...hostile.wrong.slice(0, 3)].join('; ') },
    told('sessions that came and went', String(visits)),
    atMost('most that a reader who never reads was sent', stats.mostFlooded, 24 * 1024 * 1024, inMebibytes),
    ...(seconds > longEnough ? [atMost('of those readers, still open', stats.floods - stats.floodsEnded, 2 * stalledReaders)] : []),
    ...(seconds > longEnough ? slopes(settled) : []),
    atMost('largest write-ahead log', Math.max(...samples.map(({ log }) => log)), 64 * 1024 * 1024, inMebibytes),
    atMost('longest queue of records', Math.max(...samples.map(({ queued }) => queued)), 2_000),
  ]
}

/** In less time what is kept for a while looks like what is kept for ever. */
const longEnough = 180

const slopes = (settled: readonly Sample[]): readonly Line[] => [
  flat('heap after collection', settled, ({ heap }) => heap, 1024 * 1024, inMebibytes),
  flat('resident memory', settled, ({ rss }) => rss, 5 * 1024 * 1024, inMebibytes),
  flat('open files', settled, ({ files }) => files, 5, (count) => count.toFixed(1)),
  flat('threads', settled, ({ threads }) => threads, 0.5, (count) => count.toFixed(1)),
  flat('what keeps the loop alive', settled, ({ resources }) => Object.values(resources).reduce((sum, count) => sum + count, 0), 5, (count) => count.toFixed(1)),
]

/** Many calls within a tenth of a second, every ten seconds; how long each lot took. */
async function bursts(calls: Caller, size: number, until: AbortSignal): Promise<readonly number[]> {
  const took: number[] = []
  while (!until.aborted) {
    const began = performance.now()
    const all: Promise<Call>[] = []
    for (let sent = 0; sent < size; sent += 100) {
      for (let each = sent; each < Math.min(size, sent + 100); each += 1) all.push(calls.call())
      await wait(10)
    }
    await Promise.all(all)
    took.push(performance.now() - began)
    for (let left = 10_000 - (performance.now() - began); left > 0 && !until.aborted; left -= 100) await wait(100)
  }
  return took
}

async function largeAnswers(place: Place, seconds: number): Promise<readonly Line[]> {
  const [token = ''] = await place.tokens('large', 1, 'other')
  const wanted = await bareRate(place.server)
  await place.metrics() // the lag is counted anew with each look
  const { mebibytesPerSecond, answers, wrong, shed } = await askForLarge(place.files.mcp('other'), token, wanted, seconds, true)
  const lag = metricOf(await place.metrics(), 'nodejs_eventloop_lag_p99_seconds') * 1_000
  return [
    told('large answers, masked', `${answers}, ${mebibytesPerSecond.toFixed(1)} MiB a second of ${wanted.toFixed(0)} that a bare proxy takes; ${shed} shed; loop lag p99 ${lag.toFixed(0)} ms`),
    { ...exactly('of these not whole or not masked', wrong.length, 0), value: [wrong.length, ...wrong.slice(0, 2)].join('; ') },
  ]
}

/** What was there before the load is all that is there after it. */
function released(before: Look, after: Look): readonly Line[] {
  const more = (kind: string) => (after.resources[kind] ?? 0) - (before.resources[kind] ?? 0)
  return [
    atMost('open files more than before', after.files - before.files, 8),
    atMost('threads more than before', after.threads - before.threads, 4), // those that judge begin when there is work for them
    atMost('sockets more than before', more('TCPSocketWrap'), 4),
    atMost('timers more than before', more('Timeout'), 8),
    told('heap before and after', `${inMebibytes(before.heap)} and ${inMebibytes(after.heap)}`),
    told('memory before and after', `${inMebibytes(before.rss)} and ${inMebibytes(after.rss)}`),
  ]
}
type Look = Awaited<ReturnType<Place['look']>>

/** Server, store and clients tell one story. */
async function account(place: Place, calls: Caller): Promise<readonly Line[]> {
  const text = await place.metrics()
  const code = await place.gateway.kill('SIGTERM')
  const found = reconcile({ stub: await place.arrived(), store: readStore(place.store, 'soak'), client: calls.calls })
  const lost = calls.calls.filter((call) => fateOf(call) === 'lost')
  const refused = calls.calls.filter((call) => fateOf(call) === 'refused').length
  return [
    { ...exactly('differences between server, store and clients', found.differences.length, 0), value: [found.differences.length, ...found.differences.slice(0, 3)].join('; ') },
    told('calls reconciled', `${found.calls}: ${found.answered} answered, ${refused} shed`),
    // Where the machine itself stands still, clients and gateway give one another up; the three journals agree all the same.
    { ...atMost('calls cut off', lost.length, Math.floor(calls.calls.length / 1_000)), value: [lost.length, ...new Set(lost.slice(0, 100).map(({ status, trouble, body }) => trouble ?? `${status} ${body.slice(0, 100)}`))].join('; ') },
    exactly('calls left open in the store', openExchanges(place.store), 0),
    exactly('messages that reached a socket unjudged', metricOf(text, 'sallyport_unjudged_total'), 0),
    exactly('lines of errors that are not of runaway policies', place.gateway.log.filter((line) => !line.includes('a judgement failed')).length, 0),
    exactly('exit code when told to stop', typeof code === 'number' ? code : -1, 0),
  ]
}

async function takeSample(place: Place, at: number): Promise<Sample> {
  const text = await place.metrics()
  const look = await place.look()
  return { ...look, at, lag: metricOf(text, 'nodejs_eventloop_lag_p99_seconds') * 1_000, queued: metricOf(text, 'sallyport_record_queue'), log: statSync(`${place.store}-wal`).size }
}

function percentile(calls: readonly Call[], part: number): string {
  const times = calls.map(({ took }) => took ?? Infinity).sort((a, b) => a - b)
  return (times[Math.floor(times.length * part)] ?? NaN).toFixed(0)
}
