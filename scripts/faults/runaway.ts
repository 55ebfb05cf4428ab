import { setTimeout as wait } from 'node:timers/promises'
import { cpuOf, rssOf } from '../../bench/processes.ts'
import type { Campaign, Tally } from './campaign.ts'
import { fateOf, type Call } from './caller.ts'
import { mebibytes, medianOf, timesOf } from './figures.ts'
import { createOwnLag, type OwnLag } from './own-lag.ts'
import { createPlainCalls, type PlainCalls } from './plain-calls.ts'
import { runawayPolicy, runaways } from './runaways.ts'
import { createWorld, type World } from './world.ts'

const perSecond = 200
const share = 0.01
/** Calm and storm take turns, so that what else the machine does falls on both. */
const turn = 5_000
const turnsInRound = 4
/** Milliseconds; what calls take that nothing holds up comes on top, since a busy machine takes that from everybody. */
const deniedWithin = 100
/** Milliseconds of CPU time, which a busy machine stretches but a little: the budget of one judgement. */
const worksAtMost = 50
/** The gateway looks at its loop once in so many milliseconds, and below them tells no lag apart. */
const lagTold = 10
const shortestTold = 10
/** However much else a machine does. */
const toldWithin = 30_000
/** The policy may have so much: a thread or two and what is kept on the main thread, 64 MiB each, and what V8 lets lie for a while. */
const growthAllowed = 256 * 1024 * 1024

interface Phase {
  readonly calls: Call[]
  /** Loop lag as the gateway itself measures it, p99 in milliseconds, of each turn. */
  readonly lags: number[]
  /** What the gateway worked, in milliseconds. */
  cpu: number
  rss: number
}
interface Round {
  readonly calm: Phase
  readonly stormy: Phase
}
interface Unleashed {
  readonly name: string
  readonly call: { readonly startedAt: number; readonly took: number }
}

export const runaway: Campaign = {
  title: 'a policy that runs away is denied, and holds up nobody else',
  needs: ['linux'],
  size: { rounds: 3 },
  async run({ rounds, tally, say }) {
    const world = await createWorld({ rego: runawayPolicy })
    const lag = createOwnLag()
    try {
      const { pid } = await world.start()
      const calls = createPlainCalls(world.files.mcp('stub'), await world.files.token({ subject: 'p13', groups: [], expires: '2h' }, 'stub'))
      await warmUp(world, calls)
      const all: Round[] = []
      const denied: Unleashed[] = []
      for (let round = 1; round <= rounds; round += 1) {
        const one: Round = { calm: newPhase(), stormy: newPhase() }
        for (let time = 0; time < turnsInRound; time += 1) {
          await measure(world, pid, one.calm, tally, () => wait(turn))
          await measure(world, pid, one.stormy, tally, () => unleash(calls, denied, tally))
        }
        all.push(one)
        const { calm, stormy } = one
        say(`round ${round} of ${rounds}: p99 ${p99(calm, lag).toFixed(1)} → ${p99(stormy, lag).toFixed(1)} ms, loop lag p99 ${medianOf(calm.lags).toFixed(1)} → ${medianOf(stormy.lags).toFixed(1)} ms, memory ${mebibytes(calm.rss)} → ${mebibytes(stormy.rss)} MiB, this process held up ${(100 * lag.share()).toFixed(1)} % of the time`)
      }
      calls.close()
      compareKinds(denied, Math.max(...all.map(({ stormy }) => p99(stormy, lag))), lag, tally)
      compare(all, denied.length, lag, tally)
    } finally {
      lag.stop()
      await world.close()
    }
  },
}

const newPhase = (): Phase => ({ calls: [], lags: [], cpu: 0, rss: 0 })
const p99 = ({ calls }: Phase, lag: OwnLag): number => timesOf(calls.map((call) => withoutOwn(call, lag))).p99
const withoutOwn = <C extends { readonly startedAt: number; readonly took: number | undefined }>(call: C, lag: OwnLag): C => (call.took === undefined ? call : { ...call, took: Math.max(0, call.took - lag.during(call)) })

async function warmUp(world: World, calls: PlainCalls): Promise<void> {
  const caller = await world.caller('w')
  await caller.loadDuring(perSecond, () => wait(5_000))
  caller.close()
  for (const { name, pad } of runaways) await calls.work(name, pad)
}

/** Good calls all the while, and whatever else happens beside them. */
async function measure(world: World, pid: number, phase: Phase, tally: Tally, beside: () => Promise<void>): Promise<void> {
  const caller = await world.caller(`r${Math.random().toString(36).slice(2)}`)
  await lagOf(world) // begins anew with each look
  const before = cpuOf(pid)
  await caller.loadDuring(perSecond, async () => {
    await beside()
    phase.lags.push(await lagOf(world))
  })
  phase.cpu += cpuOf(pid) - before
  phase.rss = Math.max(phase.rss, rssOf(pid))
  caller.close()
  for (const call of caller.calls) {
    tally.checked()
    phase.calls.push(call)
    // A machine that is busy with other things may make the gateway shed: that is told, and is not the policy's doing.
    if (fateOf(call) !== 'answered' && fateOf(call) !== 'refused') tally.violation(`a good call: ${call.status} ${call.body.slice(0, 200)}`)
  }
}

async function unleash(calls: PlainCalls, denied: Unleashed[], tally: Tally): Promise<void> {
  const until = performance.now() + turn
  const open = new Map<Promise<void>, string>()
  const from = denied.length
  for (let count = 0; performance.now() < until; count += 1) {
    const { name, pad } = runaways[(from + count) % runaways.length] ?? { name: '', pad: '' }
    const [startedAt, started] = [Date.now(), performance.now()]
    const one = calls.work(name, pad).then(({ status, body }) => {
      open.delete(one)
      tally.checked()
      denied.push({ name, call: { startedAt, took: performance.now() - started } })
      if (status !== 200 || !body.includes('policy_error') || !body.includes('"executed":false')) tally.violation(`${name}: ${status} ${body.slice(0, 200)}`)
    })
    open.set(one, name)
    await wait(1_000 / (perSecond * share))
  }
  await Promise.race([Promise.all(open.keys()), wait(toldWithin)])
  for (const name of open.values()) tally.violation(`${name} is not told anything`)
}

/**
 * The thread that judges what takes long gives way to everything on the machine, and a kind is tried a few times only: on a busy machine its quicker
 * quarter tells of the gateway, the rest of the machine. What it works is bounded besides (`compare`).
 */
function compareKinds(denied: readonly Unleashed[], others: number, lag: OwnLag, tally: Tally): void {
  for (const kind of runaways) {
    const times = denied.filter(({ name }) => name === kind.name).map(({ call }) => withoutOwn(call, lag).took)
    const quick = times.toSorted((a, b) => a - b)[Math.floor(times.length / 4)] ?? NaN
    tally.note(`${kind.name}: denied after ${quick.toFixed(0)} ms (the quicker quarter), ${medianOf(times).toFixed(0)} (median), ${Math.max(...times).toFixed(0)} at most, of ${times.length}`)
    if (!(quick <= deniedWithin + others)) tally.violation(`${kind.name} is denied after ${quick.toFixed(0)} ms`)
  }
}

/** By the median of the rounds: what else a machine does meanwhile falls on single ones. Times are held against those without runaways, for the same reason. */
function compare(rounds: readonly Round[], runaways: number, lag: OwnLag, tally: Tally): void {
  const median = (of: (round: Round) => number) => medianOf(rounds.map(of))
  const ratio = median(({ calm, stormy }) => p99(stormy, lag) / Math.max(p99(calm, lag), shortestTold))
  const lags = median(({ calm, stormy }) => medianOf(stormy.lags) / Math.max(medianOf(calm.lags), lagTold))
  const growth = median(({ calm, stormy }) => stormy.rss - calm.rss)
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0)
  const ofCall = sum(({ calm }) => calm.cpu) / sum(({ calm }) => calm.calls.length)
  const work = sum(({ stormy }) => stormy.cpu - ofCall * stormy.calls.length) / runaways
  tally.note(`p99 of others: ${ratio.toFixed(2)} times what it is without; loop lag: ${lags.toFixed(2)} times; memory: ${mebibytes(growth)} MiB more; CPU: ${work.toFixed(0)} ms for each runaway, ${ofCall.toFixed(1)} for each good call`)
  if (!(ratio <= 2)) tally.violation(`p99 of others is ${ratio.toFixed(2)} times what it is without`)
  if (!(lags <= 2)) tally.violation(`loop lag is ${lags.toFixed(2)} times what it is without`)
  if (!(work <= worksAtMost)) tally.violation(`a runaway takes ${work.toFixed(0)} ms of CPU time`)
  if (!(growth <= growthAllowed)) tally.violation(`${mebibytes(growth)} MiB more memory`)
}

const lagOf = async (world: World): Promise<number> => 1_000 * (await world.metric('nodejs_eventloop_lag_p99_seconds'))
