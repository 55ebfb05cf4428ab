import { setTimeout as wait } from 'node:timers/promises'
import type { Campaign, Tally } from './campaign.ts'
import { fateOf, type Caller } from './caller.ts'
import { settle } from './disk-fault.ts'
import { trace, writerThread } from './strace.ts'
import { createWorld, type World } from './world.ts'

/** What the writer asks of the kernel: at every commit, and when it opens the store anew. */
const commits = ['pwrite64', 'fsync'] as const
const reopens = ['openat', 'pread64', 'ftruncate', 'fcntl'] as const
const inParallel = 4
const mostCalls = 60
const healsWithin = 5_000

interface Failing {
  readonly call: (typeof commits)[number]
  readonly n: number
  /** Where the store is opened anew, this fails too, once. */
  readonly then?: (typeof reopens)[number]
}

/** The n-th time the writer asks, the disk says EIO. True where that was met. */
async function failOnce({ call, n, then }: Failing, world: World, caller: Caller, tally: Tally): Promise<boolean> {
  const from = caller.calls.length
  const again = then === undefined ? [] : ['-e', `inject=${then}:error=EIO:when=1`]
  const traced = await trace(writerThread(world.gateway().pid), ['-e', `trace=${[call, ...(then === undefined ? [] : [then])].join()}`, '-e', `inject=${call}:error=EIO:when=${n}`, ...again])
  const refused = () => caller.calls.slice(from).some((each) => each.took !== undefined && fateOf(each) !== 'answered')
  await Promise.all(Array.from({ length: inParallel }, async () => {
    while (!refused() && caller.calls.length - from < mostCalls) await caller.call()
  }))
  await traced.stop()
  const met = refused()
  const began = performance.now()
  while (fateOf(await caller.call()) !== 'answered') {
    if (performance.now() - began > healsWithin) {
      tally.violation(`${call} ${n}${then === undefined ? '' : `, then ${then}`}: not healed ${healsWithin} ms later`)
      break
    }
    await wait(20)
  }
  tally.checked(caller.calls.length - from)
  return met
}

export const failingDisk: Campaign = {
  title: 'whichever write or sync fails, the call is refused and the writer recovers',
  needs: ['linux', 'strace'],
  size: { rounds: 100 },
  async run({ rounds, tally, say }) {
    const world = await createWorld()
    try {
      await world.start()
      const caller = await world.caller('r')
      await caller.call()
      let met = 0
      let tried = 0
      for (let n = 1; n <= rounds; n += 1) {
        for (const call of commits) {
          const then = n % 2 === 0 ? reopens[(n / 2) % reopens.length] : undefined
          tried += 1
          if (await failOnce({ call, n, ...(then === undefined ? {} : { then }) }, world, caller, tally)) met += 1
        }
        if (n % 10 === 0 || n === rounds) say(`${tried} failures, ${met} met a call, ${caller.calls.length} calls`)
      }
      if (met < tried / 2) tally.violation(`only ${met} of ${tried} failures met a call: the campaign proves little`)
      await settle(world, [caller], tally)
    } finally {
      await world.close()
    }
  },
}
