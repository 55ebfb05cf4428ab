import { setTimeout as wait } from 'node:timers/promises'
import { createTally, type Campaign, type Tally } from './campaign.ts'
import { fateOf, type Caller } from './caller.ts'
import { openExchanges } from './store-rows.ts'
import { createWorld, type World } from './world.ts'

interface Shape {
  readonly perSecond: number
  /** How long the server takes: what is slow is in flight when the gateway dies. */
  readonly delay: number
  /** The gateway dies this long after the load began, in milliseconds. */
  readonly least: number
  readonly most: number
}

/** Rounds on one store, which is read whole after each. */
const roundsPerStore = 10

const crashes = (title: string, normally: number, shape: Shape): Campaign => ({
  title,
  needs: [],
  async run({ rounds = normally, say }) {
    const tally = createTally()
    let unknown = 0
    for (let done = 0; done < rounds; done += roundsPerStore) {
      unknown += await onOneStore(Math.min(roundsPerStore, rounds - done), shape, tally, (text) => say(`round ${text}, ${done} before, of ${rounds}`))
    }
    tally.note(`${unknown} calls were in flight and are recorded as unknown`)
    if (unknown === 0) tally.violation('nothing was in flight at any crash: the campaign proves nothing')
    return tally.report()
  },
})

async function onOneStore(rounds: number, shape: Shape, tally: Tally, say: (text: string) => void): Promise<number> {
  const world = await createWorld({ delay: shape.delay })
  try {
    await world.start()
    const callers: Caller[] = []
    let unknown = 0
    for (let round = 1; round <= rounds; round += 1) {
      const caller = await world.caller(`r${round}`)
      callers.push(caller)
      await killUnderLoad(world, caller, shape)
      await world.start()
      if (openExchanges(world.store) !== 0) tally.violation('calls were left open after the start')
      const found = world.reconcile(...callers)
      for (const difference of found.differences) tally.violation(difference)
      const lost = caller.calls.filter((call) => fateOf(call) === 'lost').length
      if (found.unknown - unknown > lost) tally.violation(`${found.unknown - unknown} calls are unknown, ${lost} were in flight`)
      say(`${round}: ${caller.calls.length} calls, ${lost} in flight, ${found.unknown - unknown} unknown, ${found.differences.length} differences`)
      unknown = found.unknown
      tally.checked(caller.calls.length)
    }
    return unknown
  } finally {
    await world.close()
  }
}

async function killUnderLoad(world: World, caller: Caller, { perSecond, least, most }: Shape): Promise<void> {
  const stop = new AbortController()
  const load = caller.load(perSecond, stop.signal)
  await wait(least + Math.random() * (most - least))
  await world.gateway().kill('SIGKILL')
  stop.abort()
  await load
  caller.close()
}

export const crash = crashes('what reached the server is recorded, whenever the gateway is killed', 200, { perSecond: 1_000, delay: 2, least: 200, most: 3_000 })
export const honest = crashes('what was in flight at a crash is told as unknown, and nothing else is', 40, { perSecond: 300, delay: 300, least: 500, most: 2_000 })
