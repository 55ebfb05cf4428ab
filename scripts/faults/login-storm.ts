import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { cpuOf } from '../../bench/processes.ts'
import { post } from '../../test/support/gateway.ts'
import { createPersonBrowser } from '../../test/support/person-browser.ts'
import { stormIdentity, type StormIssuers, type StormOptions, type StormReport } from '../../test/campaigns/login-storm.ts'
import type { Campaign, Tally } from './campaign.ts'
import { fateOf } from './caller.ts'
import { medianOf, timesOf, type Times } from './figures.ts'
import { createWorld, type World } from './world.ts'

const callsPerSecond = 200
const loginsPerSecond = 50
const unknownPerSecond = 500
const phase = 10
/** What all of it needs, in calls a second; a machine that does other things gets less of it. */
const neededForAll = 1_000

interface Storm {
  readonly issuers: Parameters<typeof stormIdentity>[0] & StormIssuers
  ask<T>(order: object): Promise<T>
  close(): void
}
async function startStorm(): Promise<Storm> {
  const child = fork(join(import.meta.dirname, 'storm-process.ts'), { execArgv: ['--no-warnings'] })
  const next = async () => (await once(child, 'message'))[0]
  return {
    issuers: await next(),
    ask(order) {
      child.send(order)
      return next()
    },
    close: () => void child.kill('SIGKILL'),
  }
}

/** Which part of the load this machine has time for. */
async function scaleOf(world: World): Promise<number> {
  const caller = await world.caller('w')
  const half = await caller.loadDuring(100_000, async () => {
    await wait(5_000)
    const { length } = caller.calls
    await wait(5_000)
    return length
  }, 32)
  caller.close()
  return Math.max(0.05, Math.min(1, (caller.calls.length - half) / 5 / neededForAll))
}
async function callsFor(world: World, tally: Tally, name: string, rate: number, during: Promise<unknown>): Promise<Times> {
  const caller = await world.caller(`l${Math.random().toString(36).slice(2)}`)
  await caller.loadDuring(rate, () => during)
  caller.close()
  tally.checked(caller.calls.length)
  const odd = caller.calls.map(fateOf).filter((fate) => fate !== 'answered')
  if (odd.length > 0) tally.violation(`${name}: ${odd.length} of ${caller.calls.length} calls were not answered (${odd[0]})`)
  return timesOf(caller.calls)
}
/** CPU milliseconds of the gateway for each sign-in, and for each token. */
async function costsOf(world: World, storm: Storm, options: StormOptions): Promise<{ readonly login: number; readonly unknown: number }> {
  const { pid } = world.gateway()
  const spent = async (rates: Pick<StormOptions, 'loginsPerSecond' | 'unknownPerSecond'>) => {
    const before = cpuOf(pid)
    const { logins, unknown } = await storm.ask<StormReport>({ what: 'storm', options: { ...options, ...rates, seconds: 10 } })
    return (cpuOf(pid) - before) / (logins + unknown)
  }
  return { login: await spent({ loginsPerSecond: 10, unknownPerSecond: 0 }), unknown: await spent({ loginsPerSecond: 0, unknownPerSecond: 50 }) }
}
/** What the calls themselves may take at this rate (L1), so that a quiet disk does not make the bar smaller than that. */
const ordinary = 50

export const loginStorm: Campaign = {
  title: 'everybody signs in, and tokens of unknown keys come in, beside calls: keys are fetched once in five minutes, and calls are as quick as before',
  needs: [],
  size: { rounds: 3 },
  async run({ rounds, tally, say }) {
    const storm = await startStorm()
    const world = await createWorld({ settings: { identity: stormIdentity(storm.issuers, { file: 'idp.secret' }) } })
    try {
      writeFileSync(join(world.files.directory, 'idp.secret'), storm.issuers.corp.client.secret, { mode: 0o600 })
      await world.start()
      const { url } = world.files
      const mcp = world.files.mcp('stub')
      // What everybody has asked for once is there.
      await createPersonBrowser().visit(`${url}/login`)
      await post(mcp, await storm.ask<string>({ what: 'token', audience: mcp }), { jsonrpc: '2.0', id: 1, method: 'ping' })
      const scale = await scaleOf(world)
      say(`${(scale * 100).toFixed(0)} % of the load`)
      const rate = callsPerSecond * scale
      const options: StormOptions = { url, mcp, seconds: phase, loginsPerSecond: loginsPerSecond * scale, unknownPerSecond: unknownPerSecond * scale }
      const costs = await costsOf(world, storm, options)
      const share = (loginsPerSecond * costs.login + unknownPerSecond * costs.unknown) / 1_000
      const used = `${costs.login.toFixed(1)} ms of CPU a sign-in, ${costs.unknown.toFixed(2)} ms a token of an unknown key: the whole storm takes ${(share * 100).toFixed(0)} % of a core`
      tally.note(used)
      const began = performance.now()
      const before = await storm.ask<readonly number[]>({ what: 'fetched' })
      const calm: Times[] = []
      const stormy: Times[] = []
      for (let round = 0; round < rounds; round += 1) {
        calm.push(await callsFor(world, tally, 'calm', rate, wait(phase * 1_000)))
        const raging = storm.ask<StormReport>({ what: 'storm', options })
        const seen = await callsFor(world, tally, 'stormy', rate, raging)
        stormy.push(seen)
        const { logins, shed, slowestLogin, unknown, wrong } = await raging
        if (scale === 1 && shed > logins / 100) tally.violation(`${shed} of ${logins} sign-ins were told to come back later`)
        tally.checked(logins + unknown)
        for (const one of wrong) tally.violation(one)
        say(`calls p50 ${calm.at(-1)?.p50.toFixed(1)} → ${seen.p50.toFixed(1)} ms, p99 ${calm.at(-1)?.p99.toFixed(0)} → ${seen.p99.toFixed(0)} ms; ${logins} sign-ins, ${shed} of them shed, the slowest in ${slowestLogin.toFixed(0)} ms; ${unknown} tokens of unknown keys`)
      }
      const fetched = await storm.ask<readonly number[]>({ what: 'fetched' })
      const most = 1 + Math.floor((performance.now() - began) / 300_000)
      for (const [index, name] of ['corp', 'ci'].entries()) {
        const more = (fetched[index] ?? NaN) - (before[index] ?? NaN)
        say(`the keys of ${name} were fetched ${more} times in the storm`)
        if (!(more <= most)) tally.violation(`the keys of ${name} were fetched ${more} times, in place of ${most}`)
      }
      const [calmly, stormily] = [medianOf(calm.map(({ p99 }) => p99)), medianOf(stormy.map(({ p99 }) => p99))]
      const told = `p99 of calls ${calmly.toFixed(0)} → ${stormily.toFixed(0)} ms (median of ${rounds})`
      if (scale < 1) tally.note(`${told}: NOT PROVED, this machine had time for ${(scale * 100).toFixed(0)} % of the load`)
      else if (stormily > 2 * Math.max(calmly, ordinary)) tally.violation(told)
      else tally.note(told)
    } finally {
      storm.close()
      await world.close()
    }
  },
}
