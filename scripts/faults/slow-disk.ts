import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { createTally, type Campaign } from './campaign.ts'
import { fateOf, type Caller } from './caller.ts'
import { settle } from './disk-fault.ts'
import { trace, writerThread } from './strace.ts'
import { createWorld, type World } from './world.ts'

const delayMs = 200
/** More than any machine takes at that pace, so that something has to be shed. */
const perSecond = 800
const mostOpen = 1_000
/** Until then the heap grows with any load. */
const warmUp = 15_000
/** What the memory of the gateway may grow by, and how much may wait for the disk. */
const mostGrowth = 100 * 1024
const mostQueued = 2_000

const residentKb = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

async function queued({ files }: World): Promise<number> {
  const text = await (await fetch(`${files.url}/metrics`)).text()
  return Number(/^sallyport_record_queue (\d+)/m.exec(text)?.[1])
}

/** Calls for so long; resolves with the largest memory and queue that were seen. */
async function load(world: World, caller: Caller, ms: number) {
  const stop = new AbortController()
  const over = caller.load(perSecond, stop.signal, mostOpen)
  const until = performance.now() + ms
  const most = { resident: 0, queued: 0 }
  while (performance.now() < until) {
    most.resident = Math.max(most.resident, residentKb(world.gateway().pid))
    most.queued = Math.max(most.queued, await queued(world))
    await wait(50)
  }
  stop.abort()
  await over
  return most
}

export const slowDisk: Campaign = {
  title: 'a slow disk sheds load, and nothing goes unrecorded',
  needs: ['linux', 'strace'],
  async run({ rounds = 3, say }) {
    const tally = createTally()
    for (let round = 1; round <= rounds; round += 1) {
      const world = await createWorld()
      try {
        const { pid } = await world.start()
        const [quick, slow] = [await world.caller('r'), await world.caller('s')]
        const before = await load(world, quick, warmUp)
        const traced = await trace(writerThread(pid), ['-e', 'trace=fsync,fdatasync', '-e', `inject=fsync,fdatasync:delay_exit=${delayMs * 1_000}`])
        const during = await load(world, slow, 10_000)
        await traced.stop()
        const fates = Map.groupBy(slow.calls, fateOf)
        tally.checked(slow.calls.length)
        if (!fates.has('answered')) tally.violation('nothing was answered any more')
        if (fates.has('withheld')) tally.violation(`${fates.get('withheld')?.length} calls ran, and their callers were not told the answer`)
        if (!fates.has('refused')) tally.violation('nothing was shed')
        if (during.resident - before.resident > mostGrowth) tally.violation(`memory grew by ${during.resident - before.resident} kB`)
        if (!(during.queued <= mostQueued)) tally.violation(`${during.queued} records waited for the disk`)
        say(`round ${round} of ${rounds}: ${[...fates].map(([fate, { length }]) => `${length} ${fate}`).join(', ')}; memory grew by ${during.resident - before.resident} kB, ${during.queued} records waited at most`)
        await settle(world, [quick, slow], tally)
      } finally {
        await world.close()
      }
    }
    return tally.report()
  },
}
