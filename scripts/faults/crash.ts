import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { Campaign, Need, Tally } from './campaign.ts'
import { fateOf, flows, type Caller } from './caller.ts'
import { missing } from './needs.ts'
import { openExchanges } from './store-rows.ts'
import { trace, writerThread } from './strace.ts'
import { createWorld, type World } from './world.ts'

interface Way {
  readonly title: string
  readonly needs: readonly Need[]
  readonly rounds: number
  /** How long the server takes: what is slow is in flight when the gateway dies. */
  readonly delay: number
  readonly settings?: Readonly<Record<string, unknown>>
  /** Calls, and ends the gateway. Resolves when every call is over. */
  readonly kill: (world: World, caller: Caller, round: number, tally: Tally) => Promise<void>
}

/** Rounds on one store, which is read whole after each. */
const roundsPerStore = 10

const crashes = (way: Way): Campaign => ({
  title: way.title,
  needs: way.needs,
  size: { rounds: way.rounds },
  async run({ rounds, tally, say }) {
    let unknown = 0
    for (let done = 0; done < rounds; done += roundsPerStore) unknown += await onOneStore({ from: done + 1, to: Math.min(done + roundsPerStore, rounds), of: rounds }, way, tally, say)
    tally.note(`${unknown} calls were in flight and are recorded as unknown`)
    if (unknown === 0) tally.violation('nothing was in flight at any crash: the campaign proves nothing')
  },
})

async function onOneStore({ from, to, of }: { readonly from: number; readonly to: number; readonly of: number }, { delay, settings = {}, kill }: Way, tally: Tally, say: (text: string) => void): Promise<number> {
  const world = await createWorld({ delay, settings })
  try {
    await world.start()
    const callers: Caller[] = []
    let unknown = 0
    for (let round = from; round <= to; round += 1) {
      const caller = await world.caller(`r${round}`)
      callers.push(caller)
      await kill(world, caller, round, tally)
      caller.close()
      await world.start()
      if (openExchanges(world.store) !== 0) tally.violation('calls were left open after the start')
      const found = world.reconcile(...callers)
      for (const difference of found.differences) tally.violation(difference)
      const lost = caller.calls.filter((call) => fateOf(call) === 'lost').length
      if (found.unknown - unknown > lost) tally.violation(`${found.unknown - unknown} calls are unknown, ${lost} were in flight`)
      say(`round ${round} of ${of}: ${caller.calls.length} calls, ${lost} in flight, ${found.unknown - unknown} unknown, ${found.differences.length} differences`)
      unknown = found.unknown
      tally.checked(caller.calls.length)
    }
    return unknown
  } finally {
    await world.close()
  }
}

/** Where there is strace, each sync of every other round takes longer: between a call and its record, a quick disk leaves no moment to be killed in. */
const slower = 'fsync,fdatasync:delay_exit=30000'
const canSlow = (): boolean => missing(['linux', 'strace']).length === 0

/** At a random moment of an open load, in milliseconds after it flows. */
const underLoad = (perSecond: number, most: number): Way['kill'] => async (world, caller, round) => {
  const { pid, kill } = world.gateway()
  const slowed = round % 2 === 0 && canSlow() ? await trace(writerThread(pid), ['-e', 'trace=fsync,fdatasync', '-e', `inject=${slower}`]) : undefined
  await caller.loadDuring(perSecond, async () => {
    await flows(caller)
    await wait(Math.random() * most)
    await kill('SIGKILL')
  })
  await slowed?.stop()
}

const workerCount = 2
/** First one of its workers after the other, and then the process that supervises them. */
const amongWorkers: Way['kill'] = (world, caller, _round, tally) =>
  caller.loadDuring(500, async () => {
    const found = workersOf(world.gateway().pid)
    if (found.length !== workerCount) tally.violation(`${found.length} workers were found, in place of ${workerCount}`)
    for (const worker of found) {
      await flows(caller)
      await wait(200 + Math.random() * 1_000)
      process.kill(worker, 'SIGKILL')
    }
    await wait(200 + Math.random() * 2_000)
    await world.gateway().kill('SIGKILL')
  })

function workersOf(supervisor: number): readonly number[] {
  const children = readdirSync(`/proc/${supervisor}/task`).flatMap((task) => readFileSync(`/proc/${supervisor}/task/${task}/children`, 'utf8').split(' ').filter(Boolean))
  return children.filter((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('/src/worker.ts')).map(Number)
}

/** What a call makes the gateway ask of the kernel: the writer keeps records, the main thread wakes it and talks to both sides. */
const asked = ['pwrite64', 'fsync', 'write', 'writev'] as const
/** A commit writes a dozen times: one by one, the few rounds would all end in the first. */
const everyNth = { pwrite64: 5, fsync: 1, write: 1, writev: 1 } as const
const inParallel = 3
const mostCalls = 300

/** As one of its threads asks for the n-th time: no moment between two effects is left out. */
const atEachStep: Way['kill'] = async (world, caller, round, tally) => {
  const call = asked[(round - 1) % asked.length] ?? 'fsync'
  const when = Math.ceil(round / asked.length) * everyNth[call]
  await caller.call()
  const { pid, ended } = world.gateway()
  const traced = await trace(pid, ['-f', '-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${when}`])
  await Promise.all(Array.from({ length: inParallel }, async () => {
    while (caller.calls.length < mostCalls && fateOf(await caller.call()) !== 'lost');
  }))
  if (caller.calls.length >= mostCalls) {
    tally.violation(`in ${mostCalls} calls nothing asked for ${call} the ${when}th time: that proves nothing`)
    await world.gateway().kill('SIGKILL')
  }
  await ended
  await traced.stop()
}

export const crash = crashes({
  title: 'what reached the server is recorded, whenever the gateway is killed',
  needs: [], rounds: 200, delay: 20, kill: underLoad(1_000, 3_000),
})
export const workers = crashes({
  title: 'with several processes on one store, too, whichever of them is killed',
  needs: ['linux'], rounds: 20, delay: 20, settings: { workers: workerCount }, kill: amongWorkers,
})
export const stepwise = crashes({
  title: 'no byte of an answer reaches a client without its record, at whichever step the gateway is killed',
  needs: ['linux', 'strace'], rounds: 240, delay: 2, kill: atEachStep,
})
export const honest = crashes({
  title: 'what was in flight at a crash is told as unknown, and nothing else is',
  needs: [], rounds: 40, delay: 300, kill: underLoad(300, 2_000),
})
