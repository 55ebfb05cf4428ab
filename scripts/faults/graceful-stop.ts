import { setTimeout as wait } from 'node:timers/promises'
import type { Campaign, Tally } from './campaign.ts'
import { fateOf } from './caller.ts'
import { readStore } from './store-rows.ts'
import { createWorld } from './world.ts'

/** How long after the signal something may still be on its way through the machine, in milliseconds. */
const onItsWay = 1_000
const drain = 30_000
const perSecond = 300

interface Shape {
  readonly delay: number
  /** What is in flight when the signal comes, and what becomes of it. */
  readonly ends: 'answered' | 'unknown'
}

async function stopUnderLoad({ delay, ends }: Shape, tally: Tally): Promise<string> {
  const world = await createWorld({ delay })
  try {
    const { ended } = await world.start()
    const caller = await world.caller('r')
    let told = 0
    const stopped = ended.then((code) => ({ code, took: Date.now() - told }))
    // A server that hangs: what is in flight would be without bound.
    await caller.loadDuring(perSecond, async () => {
      await wait(1_000 + Math.random() * 2_000)
      told = Date.now()
      void world.gateway().kill('SIGTERM')
      await Promise.race([ended, wait(onItsWay * 2)])
    }, ends === 'unknown' ? 200 : 1_000)
    const { code, took } = await stopped
    if (code !== 0) tally.violation(`exit ${code}`)
    caller.close()
    if (took > drain + 10_000) tally.violation(`it took ${took} ms to stop`)
    for (const call of caller.calls) {
      tally.checked()
      const fate = fateOf(call)
      if (call.startedAt > told + onItsWay && fate === 'answered') tally.violation(`${call.nonce} was begun ${call.startedAt - told} ms after the signal and answered`)
      if (call.startedAt < told - onItsWay && delay < drain && fate !== 'answered') tally.violation(`${call.nonce} was begun ${told - call.startedAt} ms before the signal and is ${fate}: ${call.status} ${call.body}`)
    }
    for (const { at, message } of world.stub.arrived()) if (message.method === 'tools/call' && at > told + onItsWay) tally.violation(`the server got a call ${at - told} ms after the signal`)
    const inFlight = caller.calls.filter((call) => fateOf(call) === 'lost' && call.startedAt < told).length
    await world.start()
    const found = world.reconcile(caller)
    for (const difference of found.differences) tally.violation(difference)
    const unknown = readStore(world.store).events.filter(({ outcome }) => outcome === 'unknown').length
    if (ends === 'unknown' && unknown !== world.stub.arrived().filter(({ message }) => message.method === 'tools/call').length) tally.violation(`${unknown} calls are told as unknown, and none was answered`)
    if (ends === 'answered' && unknown > inFlight) tally.violation(`${unknown} calls are unknown, ${inFlight} were in flight`)
    return `${caller.calls.length} calls, stopped in ${took} ms, ${found.answered} answered, ${found.refused} refused, ${unknown} unknown`
  } finally {
    await world.close()
  }
}

export const gracefulStop: Campaign = {
  title: 'told to stop, it begins nothing, ends what runs or tells it as unknown, and exits with 0',
  needs: [],
  size: { rounds: 10 },
  async run({ rounds, tally, say }) {
    for (let round = 1; round <= rounds; round += 1) say(`round ${round} of ${rounds}: ${await stopUnderLoad({ delay: round % 2 === 0 ? 20 : 1_500, ends: 'answered' }, tally)}`)
    say(`a server that takes longer: ${await stopUnderLoad({ delay: 10 * 60_000, ends: 'unknown' }, tally)}`)
  },
}
