import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Campaign, Tally } from './campaign.ts'
import { fateOf, type Call, type Caller } from './caller.ts'
import { createLoopDisk, loopDiskNeeds, type LoopDisk } from './loop-disk.ts'
import { createWorld, type World } from './world.ts'

/** What a disk can refuse, and how that ends. */
interface Fault {
  readonly name: string
  begin(disk: LoopDisk, store: string): void
  end(disk: LoopDisk, store: string): void
}

const filler = (disk: LoopDisk) => join(disk.directory, 'filler')
const full: Fault = {
  name: 'a full disk',
  begin(disk) {
    const file = openSync(filler(disk), 'w')
    try {
      for (const size of [1 << 20, 1 << 12]) writeUntilFull(file, Buffer.alloc(size))
    } finally {
      closeSync(file)
    }
  },
  end: (disk) => rmSync(filler(disk)),
}
function writeUntilFull(file: number, block: Buffer): void {
  try {
    for (;;) writeSync(file, block)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

/** Nobody may change the files any more, root and those who have them open included. */
const change = (how: '+i' | '-i') => (_disk: LoopDisk, store: string) => void execFileSync('chattr', [how, store, `${store}-wal`])
const unwritable: Fault = { name: 'a store that must not be written', begin: change('+i'), end: change('-i') }

/** Refusals must have begun this long after the fault, and have ended this long after it, in milliseconds. */
const refusesWithin = 1_000
const healsWithin = 5_000
const endsWithin = 40_000
const lasts = 4_000
const perSecond = 50

async function underFault(fault: Fault, tally: Tally, say: (text: string) => void): Promise<void> {
  const disk = createLoopDisk(24)
  const world = await createWorld({ store: join(disk.directory, 'store', 'sallyport.db') })
  try {
    const { pid } = await world.start()
    const callers = [await world.caller('r'), await world.caller('s')]
    const stop = new AbortController()
    const load = callers.map((caller) => caller.load(perSecond, stop.signal))
    await wait(1_000)
    fault.begin(disk, world.store)
    const began = Date.now()
    await wait(lasts)
    await ready(world, 503, fault, tally)
    fault.end(disk, world.store)
    const ended = Date.now()
    await answeredSince(callers, ended)
    await ready(world, 200, fault, tally)
    stop.abort()
    await Promise.all(load)
    const calls = callers.flatMap((caller) => caller.calls)
    check(fault, calls, began, ended, tally, say)
    if (world.gateway().pid !== pid) tally.violation(`${fault.name}: the gateway was started again`)
    await settle(world, callers, tally)
    await endAndStart(fault, disk, world, tally, say)
  } finally {
    await world.close()
    disk.remove()
  }
}

/** On such a disk the gateway ends when it is told to, and says why it does not start, where it does not. */
async function endAndStart(fault: Fault, disk: LoopDisk, world: World, tally: Tally, say: (text: string) => void): Promise<void> {
  const caller = await world.caller('t')
  await caller.call()
  fault.begin(disk, world.store)
  while (fateOf(await caller.call()) === 'answered');
  const began = performance.now()
  const ended = await Promise.race([world.gateway().kill('SIGTERM'), wait(endsWithin, 'it does not end', { ref: false })])
  if (ended !== 0) tally.violation(`${fault.name}: told to end, ${ended}`)
  const took = performance.now() - began
  const refusal = await world.start().then(() => undefined, (error: Error) => error.message)
  if (refusal !== undefined && !/does not start: [1-9]/.test(refusal)) tally.violation(`${fault.name}: told to start, ${refusal}`)
  say(`${fault.name}: ended after ${Math.round(took)} ms; ${refusal?.trim().split('\n').at(-1) ?? 'starts'}`)
  fault.end(disk, world.store)
  if (refusal !== undefined) await world.start()
  const since = performance.now()
  while (fateOf(await caller.call()) !== 'answered') {
    if (performance.now() - since > 2 * healsWithin) return tally.violation(`${fault.name}: does not serve after a start`)
    await wait(20)
  }
  caller.close()
  tally.checked(2)
}

async function ready({ files }: World, wanted: number, fault: Fault, tally: Tally): Promise<void> {
  const { status } = await fetch(`${files.url}/readyz`)
  if (status !== wanted) tally.violation(`${fault.name}: /readyz says ${status}, not ${wanted}`)
}

async function answeredSince(callers: readonly Caller[], since: number): Promise<void> {
  const until = Date.now() + 2 * healsWithin
  while (Date.now() < until && !callers.some(({ calls }) => calls.some((call) => call.startedAt >= since && fateOf(call) === 'answered'))) await wait(20)
}

function check(fault: Fault, calls: readonly Call[], began: number, ended: number, tally: Tally, say: (text: string) => void): void {
  const during = calls.filter(({ startedAt }) => startedAt > began + refusesWithin && startedAt < ended)
  const fates = Map.groupBy(during, fateOf)
  for (const call of during) {
    tally.checked()
    if (fateOf(call) === 'answered') continue
    const { id } = JSON.parse(call.body || '{}')
    if (call.status !== 503 || call.retryAfter === undefined || `${call.nonce.slice(0, 2)}${id}` !== call.nonce) tally.violation(`${fault.name}: ${call.nonce} was told ${call.status} ${call.body}`)
  }
  if (!fates.has('refused')) tally.violation(`${fault.name}: nothing was refused`)
  const healed = calls.filter((call) => call.startedAt >= ended && fateOf(call) === 'answered').map(({ startedAt, took = 0 }) => startedAt + took - ended)
  const after = Math.min(...healed)
  if (after > healsWithin) tally.violation(`${fault.name}: answered again ${after} ms after it ended`)
  say(`${fault.name}: ${during.length} calls meanwhile, ${[...fates].map(([fate, { length }]) => `${length} ${fate}`).join(', ')}; answered again after ${after} ms`)
}

/** Stops and starts it, so that whatever could not be told in time is, and compares. `told`: of whose calls none may go without an answer. */
export async function settle(world: World, callers: readonly Caller[], tally: Tally, told = callers): Promise<void> {
  const code = await world.gateway().kill('SIGTERM')
  if (code !== 0) tally.violation(`the gateway ended with ${code}`)
  await world.start()
  for (const caller of callers) {
    caller.close()
    for (const call of told.includes(caller) ? caller.calls : []) if (fateOf(call) === 'lost') tally.violation(`${call.nonce} got no answer: ${call.status} ${call.body} ${call.trouble}`)
  }
  const found = world.reconcile(...callers)
  for (const difference of found.differences) tally.violation(difference)
  tally.note(`${found.calls} calls, ${found.sent} sent, ${found.answered} answered, ${found.refused} refused, ${found.unknown} unknown`)
}

export const diskFault: Campaign = {
  title: 'a disk that takes nothing is a refusal, and is recovered from without a restart',
  needs: [...loopDiskNeeds, 'chattr'],
  size: { rounds: 3 },
  async run({ rounds, tally, say }) {
    for (let round = 1; round <= rounds; round += 1) for (const fault of [full, unwritable]) await underFault(fault, tally, say)
  },
}
