import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { rssOf } from '../../bench/processes.ts'
import type { Campaign, Tally } from './campaign.ts'
import { fateOf, type Caller } from './caller.ts'
import { settle } from './disk-fault.ts'
import { mebibytes } from './figures.ts'
import { trace, writerThread } from './strace.ts'
import { createWorld, preloaded, type World } from './world.ts'

/** What each sync takes longer, in milliseconds, by turns. At the first, a machine may be slower than its disk; at the last nothing is. */
const delays = [200, 1_500] as const
/** More than any machine takes at that pace, so that something has to be shed. */
const perSecond = 800
const mostOpen = 1_000
/** Until so many calls were answered the heap grows with any load; in milliseconds, where the machine has no time for them. */
const warm = { calls: 6_000, ms: 60_000 }
/** What the gateway may hold more than before, in bytes, and how much may wait for the disk. */
const mostGrowth = 100 * 1024 * 1024
const mostQueued = 2_000
const lookEvery = 1_000

/** What is alive in the gateway once its garbage is collected: what the engine has not collected yet is no sign of anything. */
async function held(world: World): Promise<number> {
  const file = lookOf(world)
  rmSync(file, { force: true })
  process.kill(world.gateway().pid, 'SIGUSR2')
  while (!existsSync(file)) await wait(20)
  const { heapUsed, external } = JSON.parse(readFileSync(file, 'utf8'))
  return heapUsed + external
}
const lookOf = ({ files }: World) => join(files.directory, 'look.json')
const lookedAt = (world: World) => preloaded('../soak/preload.ts', { SALLYPORT_LOOK: lookOf(world) })

/** Calls until it is enough; resolves with the most that was held, resident and waiting. */
async function load(world: World, caller: Caller, isEnough: (ms: number) => boolean) {
  const began = performance.now()
  const most = { held: 0, resident: 0, queued: 0 }
  await caller.loadDuring(perSecond, async () => {
    for (let looked = 0; !isEnough(performance.now() - began); await wait(50)) {
      most.resident = Math.max(most.resident, rssOf(world.gateway().pid))
      most.queued = Math.max(most.queued, await world.metric('sallyport_record_queue'))
      if (performance.now() - looked < lookEvery) continue
      most.held = Math.max(most.held, await held(world))
      looked = performance.now()
    }
  }, mostOpen)
  return most
}

async function underDelay(delayMs: number, tally: Tally): Promise<string> {
  const world = await createWorld()
  try {
    const { pid } = await world.start(lookedAt(world))
    const [quick, slow] = [await world.caller('r'), await world.caller('s')]
    const before = await load(world, quick, (ms) => ms > warm.ms || quick.calls.length > warm.calls)
    const traced = await trace(writerThread(pid), ['-e', 'trace=fsync,fdatasync', '-e', `inject=fsync,fdatasync:delay_exit=${delayMs * 1_000}`])
    const during = await load(world, slow, (ms) => ms > 10_000)
    await traced.stop()
    const fates = Map.groupBy(slow.calls, fateOf)
    tally.checked(slow.calls.length)
    if (!fates.has('answered')) tally.violation(`${delayMs} ms: nothing was answered any more`)
    if (fates.has('withheld')) tally.violation(`${delayMs} ms: ${fates.get('withheld')?.length} calls ran, and their callers were not told the answer`)
    if (!fates.has('refused') && delayMs === delays.at(-1)) tally.violation(`${delayMs} ms: nothing was shed`)
    const growth = during.held - before.held
    if (growth > mostGrowth) tally.violation(`${delayMs} ms: it holds ${mebibytes(growth)} MiB more`)
    if (!(during.queued <= mostQueued)) tally.violation(`${delayMs} ms: ${during.queued} records waited for the disk`)
    // While it is warmed up, a machine with much else to do may take longer to read a call than anybody waits.
    await settle(world, [quick, slow], tally, [slow])
    return `${delayMs} ms a sync: ${[...fates].map(([fate, { length }]) => `${length} ${fate}`).join(', ')}; it held ${mebibytes(growth)} MiB more (resident: ${mebibytes(during.resident - before.resident)}), ${during.queued} records waited at most`
  } finally {
    await world.close()
  }
}

export const slowDisk: Campaign = {
  title: 'a slow disk sheds load, and nothing goes unrecorded',
  needs: ['linux', 'strace'],
  size: { rounds: 3 },
  async run({ rounds, tally, say }) {
    for (let round = 1; round <= rounds; round += 1) for (const delayMs of delays) say(`round ${round} of ${rounds}: ${await underDelay(delayMs, tally)}`)
  },
}
