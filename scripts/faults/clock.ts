import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Campaign, Tally } from './campaign.ts'
import { createPlainCalls, type PlainCalls } from './plain-calls.ts'
import { readStore } from './store-rows.ts'
import { createWorld, preloaded, type World } from './world.ts'

const policy = `package policies.faults

import data.sallyport

allow if input.message.call.name == "work"

require_approval contains {"code": "ask", "reviewers": ["oncall"], "ttl": "30m"} if {
	input.message.direction == "to_server"
	sallyport.matches("^held", sallyport.arg("nonce"))
}
`
const hour = 3_600_000
/** As long as the clock's readers keep what they read. */
const settle = () => wait(100)

interface Place {
  readonly world: World
  readonly tally: Tally
  readonly set: (offset: number) => Promise<void>
}

const callsAs = async ({ files }: World, subject: string, expires: string): Promise<PlainCalls> => createPlainCalls(files.mcp('stub'), await files.token({ subject, groups: [], expires }, 'stub'))

/** A token that the clock has passed stays expired when the clock goes back, seen or not. */
async function tokens({ world, tally, set }: Place, seen: boolean, round: number): Promise<void> {
  const calls = await callsAs(world, `token-${round}-${seen}`, '10m')
  const expect = async (status: number, when: string) => {
    tally.checked()
    const told = await calls.work(`t${round}${seen}${when.replaceAll(' ', '')}`)
    if (told.status !== status) tally.violation(`a token ${when}: ${told.status}, not ${status}`)
  }
  if (seen) await expect(200, 'before it expired')
  await set(hour)
  if (seen) await expect(401, 'after the clock went an hour ahead')
  else await (await callsAs(world, 'other', '12h')).work(`o${round}`)
  await set(0)
  await expect(401, `after the clock was set back, ${seen ? 'seen' : 'not seen'} before`)
  calls.close()
}

async function approvals({ world, tally, set }: Place, round: number): Promise<void> {
  const calls = await callsAs(world, `held-${round}`, '12h')
  const nonce = `held${round}`
  const held = await calls.work(nonce)
  const id = /apr_[0-9a-f-]+/.exec(held.body)?.[0]
  if (id === undefined) return tally.violation(`${nonce} was not held: ${held.status} ${held.body.slice(0, 200)}`)
  await set(hour)
  const ahead = await stateOf(world, id)
  await set(-hour)
  const answer = await world.api(`approvals/${id}/approve`, { reason: 'seen' })
  const back = await stateOf(world, id)
  await calls.work(nonce)
  tally.checked()
  if (ahead !== 'expired' || back !== 'expired') tally.violation(`${id} is ${ahead} an hour ahead and ${back} an hour behind`)
  if (answer.ok) tally.violation(`${id} was approved after it had expired`)
  if (world.stub.arrived().some(({ message }) => message.params?.arguments?.nonce === nonce)) tally.violation(`${nonce} ran on an expired approval`)
  await set(0)
  calls.close()
}

const stateOf = async (world: World, id: string): Promise<unknown> => ((await (await world.api(`approvals/${id}`)).json()) as { state?: unknown }).state

export const clockSteps: Campaign = {
  title: 'a clock that jumps an hour revives no token and no approval, and the order of records stays',
  needs: [],
  size: { rounds: 3 },
  async run({ rounds, tally, say }) {
    for (let round = 1; round <= rounds; round += 1) {
      const world = await createWorld({ rego: policy, settings: { approvals: { hold: '1s' } } })
      const file = join(world.files.directory, 'clock')
      const falsified = preloaded('preload/clock.ts', { SALLYPORT_CLOCK: file })
      const set = async (offset: number) => {
        writeFileSync(file, String(offset))
        await settle()
      }
      try {
        writeFileSync(file, '0')
        await world.start(falsified)
        const place = { world, tally, set }
        await approvals(place, round)
        await tokens(place, false, round)
        await world.gateway().kill('SIGKILL') // what it knew of the time is gone
        await world.start(falsified)
        await tokens(place, true, round)
        const { events, faults } = readStore(world.store)
        for (const fault of faults) tally.violation(fault)
        tally.checked(events.length)
        say(`round ${round} of ${rounds}: ${events.length} records in order`)
      } finally {
        await world.close()
      }
    }
  },
}
