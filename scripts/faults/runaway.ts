import { setTimeout as wait } from 'node:timers/promises'
import { rssOf } from '../../bench/processes.ts'
import type { Campaign, Tally } from './campaign.ts'
import { fateOf } from './caller.ts'
import { mebibytes, medianOf, timesOf } from './figures.ts'
import { createPlainCalls, type PlainCalls } from './plain-calls.ts'
import { runawayPolicy, runaways } from './runaways.ts'
import { createWorld, type World } from './world.ts'

const perSecond = 200
const share = 0.01
const phase = 20_000
/** Milliseconds; what the machine takes from everybody comes on top. */
const deniedWithin = 100
const lagAllowed = 20
/** However much else a machine does. */
const toldWithin = 30_000
/** The policy may have so much: two threads and what is kept on the main thread, 64 MiB each, and what V8 lets lie for a while. */
const growthAllowed = 400 * 1024 * 1024

interface Phase {
  readonly p99: number
  /** Loop lag as the gateway itself measures it, p99 in milliseconds. */
  readonly lag: number
  readonly rss: number
}

interface Round {
  readonly calm: Phase
  readonly stormy: Phase
}

export const runaway: Campaign = {
  title: 'a policy that runs away is denied, and holds up nobody else',
  needs: ['linux'],
  size: { rounds: 3 },
  async run({ rounds, tally, say }) {
    const world = await createWorld({ rego: runawayPolicy })
    try {
      const { pid } = await world.start()
      const calls = createPlainCalls(world.files.mcp('stub'), await world.files.token({ subject: 'p13', groups: [], expires: '2h' }, 'stub'))
      await warmUp(world, calls)
      const all: Round[] = []
      for (let round = 1; round <= rounds; round += 1) {
        const calm = await measure(world, pid, tally, async () => wait(phase))
        const took = new Map<string, number[]>()
        const stormy = await measure(world, pid, tally, () => unleash(calls, took, tally))
        all.push({ calm, stormy })
        for (const [name, times] of took) if (medianOf(times) > deniedWithin + stormy.p99) tally.violation(`${name} is denied after ${medianOf(times).toFixed(0)} ms`)
        say(`round ${round} of ${rounds}: p99 ${calm.p99.toFixed(1)} → ${stormy.p99.toFixed(1)} ms, loop lag p99 ${calm.lag.toFixed(1)} → ${stormy.lag.toFixed(1)} ms, memory ${mebibytes(calm.rss)} → ${mebibytes(stormy.rss)} MiB`)
      }
      compare(all, tally)
      calls.close()
    } finally {
      await world.close()
    }
  },
}

async function warmUp(world: World, calls: PlainCalls): Promise<void> {
  const caller = await world.caller('w')
  await caller.loadDuring(perSecond, () => wait(5_000))
  caller.close()
  for (const { name, pad } of runaways) await calls.work(name, pad)
}

/** Good calls all the while, and whatever else happens beside them. */
async function measure(world: World, pid: number, tally: Tally, beside: () => Promise<void>): Promise<Phase> {
  const caller = await world.caller(`r${Math.random().toString(36).slice(2)}`)
  await lagOf(world) // begins anew with each look
  const lag = await caller.loadDuring(perSecond, async () => {
    await beside()
    return lagOf(world)
  })
  caller.close()
  for (const call of caller.calls) {
    tally.checked()
    // A machine that is busy with other things may make the gateway shed: that is told, and is not the policy's doing.
    if (fateOf(call) !== 'answered' && fateOf(call) !== 'refused') tally.violation(`a good call: ${call.status} ${call.body.slice(0, 200)}`)
  }
  return { p99: timesOf(caller.calls).p99, lag, rss: rssOf(pid) }
}

async function unleash(calls: PlainCalls, took: Map<string, number[]>, tally: Tally): Promise<void> {
  const until = performance.now() + phase
  const open = new Map<Promise<void>, string>()
  for (let count = 0; performance.now() < until; count += 1) {
    const { name, pad } = runaways[count % runaways.length] ?? { name: '', pad: '' }
    const started = performance.now()
    const one = calls.work(name, pad).then(({ status, body }) => {
      open.delete(one)
      tally.checked()
      took.set(name, [...(took.get(name) ?? []), performance.now() - started])
      if (status !== 200 || !body.includes('policy_error') || !body.includes('"executed":false')) tally.violation(`${name}: ${status} ${body.slice(0, 200)}`)
    })
    open.set(one, name)
    await wait(1_000 / (perSecond * share))
  }
  await Promise.race([Promise.all(open.keys()), wait(toldWithin)])
  for (const name of open.values()) tally.violation(`${name} is not told anything`)
}

/** By the median of the rounds: what else a machine does meanwhile falls on single ones. */
function compare(rounds: readonly Round[], tally: Tally): void {
  const median = (of: (round: Round) => number) => medianOf(rounds.map(of))
  const ratio = median(({ calm, stormy }) => stormy.p99 / Math.max(calm.p99, 10))
  const lag = median(({ calm, stormy }) => stormy.lag / Math.max(calm.lag, lagAllowed / 2))
  const growth = median(({ calm, stormy }) => stormy.rss - calm.rss)
  tally.note(`p99 of others: ${ratio.toFixed(2)} times what it is without; loop lag: ${lag.toFixed(2)} times; memory: ${mebibytes(growth)} MiB more`)
  if (!(ratio <= 2)) tally.violation(`p99 of others is ${ratio.toFixed(2)} times what it is without`)
  if (!(lag <= 3)) tally.violation(`loop lag is ${lag.toFixed(2)} times what it is without`)
  if (!(growth <= growthAllowed)) tally.violation(`${mebibytes(growth)} MiB more memory`)
}

const lagOf = async (world: World): Promise<number> => 1_000 * (await world.metric('nodejs_eventloop_lag_p99_seconds'))
