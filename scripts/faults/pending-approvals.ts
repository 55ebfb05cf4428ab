import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { inParallel, patiently } from '../../test/campaigns/client.ts'
import { answerOf, connect, type PlainClient } from '../../test/support/gateway.ts'
import type { Campaign, Tally } from './campaign.ts'
import { createWorld, type World } from './world.ts'

const policy = `package policies.faults

allow if input.message.call.name == "work"

require_approval contains {"code": "ask", "reviewers": ["oncall"], "ttl": "1h"} if {
	input.message.direction == "to_server"
	input.message.call.name == "work"
}
`
interface Shown {
  readonly id: string
  readonly state: string
  readonly expires_at: string
}
const most = 20

type Told = Awaited<ReturnType<typeof answerOf>>
/** Once more where the gateway was too busy to read it. */
async function call(client: PlainClient, nonce: string): Promise<Told> {
  for (;;) {
    const response = await client.send({ jsonrpc: '2.0', id: randomUUID(), method: 'tools/call', params: { name: 'work', arguments: { nonce } } })
    if (response.status !== 408) return answerOf(response).catch((error: unknown) => Promise.reject(new Error(`${nonce} was told ${response.status} and no answer`, { cause: error })))
  }
}
const isDone = (told: Told, nonce: string) => JSON.stringify(told).includes(`did ${nonce}.`)
const approvalOf = ({ result }: Told) => (result?.['_meta'] as { 'sallyport/decision'?: { approval_id?: string; expires_at?: string } } | undefined)?.['sallyport/decision']

async function api<T>(world: World, path: string, body?: object): Promise<T> {
  const response = await world.api(path, body)
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

async function pending(world: World): Promise<ReadonlyMap<string, Shown>> {
  const found = new Map<string, Shown>()
  for (let cursor = ''; ; ) {
    const page = await api<{ items: Shown[]; next_cursor: string | null }>(world, `approvals?state=pending&limit=200${cursor}`)
    for (const item of page.items) found.set(item.id, item)
    if (page.next_cursor === null) return found
    cursor = `&cursor=${page.next_cursor}`
  }
}

const executions = (world: World, nonce: string): number => world.stub.arrived().filter(({ message }) => message.method === 'tools/call' && message.params?.arguments?.nonce === nonce).length

async function open(world: World): Promise<PlainClient> {
  const token = await world.files.token({ subject: 'sam', groups: [], expires: '12h' }, 'stub')
  return patiently(() => connect(world.files.mcp('stub'), token, '2025-11-25'))
}

async function killAndStart(world: World): Promise<void> {
  await world.gateway().kill('SIGKILL')
  await world.start()
}

/** What callers were told is pending, and until when, is so after the crash, and nothing has run. */
async function checkPending(world: World, told: ReadonlyMap<string, { readonly expires: string | undefined }>, tally: Tally): Promise<void> {
  const kept = await pending(world)
  for (const [id, { expires }] of told) {
    tally.checked()
    const row = kept.get(id)
    if (row === undefined) tally.violation(`${id} was told to a caller and is no longer pending`)
    else if (expires !== undefined && Date.parse(row.expires_at) !== Date.parse(expires)) tally.violation(`${id} expired at ${expires}, now at ${row.expires_at}`)
  }
  const ran = world.stub.arrived().filter(({ message }) => message.method === 'tools/call').length
  if (ran > 0) tally.violation(`${ran} calls ran that nobody approved`)
}

/** Approved before one crash, executed before the next: each runs once, and an approval that was used is not used again. */
async function checkExecution(world: World, nonces: ReadonlyMap<string, string>, tally: Tally): Promise<void> {
  for (const id of nonces.keys()) await api(world, `approvals/${id}/approve`, { reason: 'seen' })
  await killAndStart(world)
  const first = await open(world)
  for (const nonce of nonces.values()) {
    const told = await call(first, nonce)
    if (!isDone(told, nonce)) tally.violation(`${nonce} was approved before the crash and does not run: ${JSON.stringify(told)}`)
  }
  await killAndStart(world)
  const second = await open(world)
  for (const [id, nonce] of nonces) {
    const told = approvalOf(await call(second, nonce))
    if (told?.approval_id === undefined || told.approval_id === id) tally.violation(`${nonce} is not held anew after its approval was used`)
    if (executions(world, nonce) !== 1) tally.violation(`${nonce} ran ${executions(world, nonce)} times`)
    tally.checked()
  }
}

/** As many as one round approves. */
const perRound = 24
const killedWithin = 60

/** What was told to its reviewer as approved is approved after the crash, and whatever else became of the others, nothing ran. */
async function killWhileApproved(world: World, ids: readonly string[], tally: Tally): Promise<void> {
  const told = new Set<string>()
  const answers = ids.map((id) => api(world, `approvals/${id}/approve`, { reason: 'seen' }).then(() => told.add(id), () => undefined))
  await Promise.race(answers)
  await wait(Math.random() * killedWithin)
  await world.gateway().kill('SIGKILL')
  await Promise.all(answers)
  await world.start()
  for (const id of ids) {
    tally.checked()
    const { state } = await api<Shown>(world, `approvals/${id}`)
    if (state !== 'granted' && (told.has(id) || state !== 'pending')) tally.violation(`${id} is ${state} after the crash, and was ${told.has(id) ? 'approved' : 'being approved'}`)
    if (state === 'pending') await api(world, `approvals/${id}/approve`, { reason: 'seen' })
  }
}

/** Approved calls are made, and the gateway is killed while they run: what ran is not run again by whoever asks again. Resolves with how many the crash caught. */
async function killWhileTheyRun(world: World, nonces: readonly string[], tally: Tally): Promise<number> {
  const first = await open(world)
  const ran = () => nonces.filter((nonce) => executions(world, nonce) > 0)
  const answered = new Set<string>()
  const before = nonces.map((nonce) => call(first, nonce).then((told) => void (isDone(told, nonce) && answered.add(nonce)), () => undefined))
  const until = performance.now() + 20_000
  while (ran().length === 0 && performance.now() < until) await wait(2)
  await wait(Math.random() * killedWithin)
  await world.gateway().kill('SIGKILL')
  await Promise.all(before)
  const caught = ran().filter((nonce) => !answered.has(nonce)).length
  await world.start()
  const second = await open(world)
  await Promise.all(nonces.flatMap((nonce) => [call(second, nonce), call(second, nonce)]))
  for (const nonce of nonces) {
    tally.checked()
    if (executions(world, nonce) > 1) tally.violation(`${nonce} was approved once and ran ${executions(world, nonce)} times`)
    if (answered.has(nonce) && executions(world, nonce) !== 1) tally.violation(`${nonce} was answered and ran ${executions(world, nonce)} times`)
  }
  return caught
}

/** Each time with calls of their own, some milliseconds after the first of them was approved, or ran. */
async function checkCrashes(world: World, rounds: number, tally: Tally, say: (text: string) => void): Promise<void> {
  let caught = 0
  for (let round = 1; round <= rounds; round += 1) {
    const client = await open(world)
    const nonces = Array.from({ length: perRound }, (_, at) => `x${round}y${at}`)
    const held = await Promise.all(nonces.map((nonce) => call(client, nonce)))
    const ids = held.flatMap((told) => approvalOf(told)?.approval_id ?? [])
    if (ids.length !== nonces.length) tally.violation(`${nonces.length - ids.length} calls were not held`)
    await killWhileApproved(world, ids, tally)
    if (nonces.some((nonce) => executions(world, nonce) > 0)) tally.violation('a call ran that nobody made again')
    const now = await killWhileTheyRun(world, nonces, tally)
    caught += now
    say(`round ${round} of ${rounds}: ${now} approved calls were in flight at the crash`)
  }
  if (caught === 0) tally.violation('no approved call was in flight at any crash: that proves nothing')
}

export const pendingApprovals: Campaign = {
  title: 'approvals survive a crash, also one while they are given or used: none runs unapproved, none runs twice, expiries are kept',
  needs: [],
  size: { messages: 1_000, rounds: 10 },
  async run({ messages, rounds, tally, say }) {
    const world = await createWorld({ rego: policy, delay: 20, settings: { approvals: { hold: '200ms' } } })
    try {
      await world.start()
      const client = await open(world)
      const told = new Map<string, { readonly nonce: string; readonly expires: string | undefined }>()
      await inParallel(messages, 50, async (index) => {
        const answer = approvalOf(await call(client, `a${index}`))
        if (answer?.approval_id === undefined) tally.violation(`a${index} was not held`)
        else told.set(answer.approval_id, { nonce: `a${index}`, expires: answer.expires_at })
      })
      await killAndStart(world)
      await checkPending(world, told, tally)
      say(`${told.size} approvals pending over a crash`)
      await checkExecution(world, new Map([...told].slice(0, most).map(([id, { nonce }]) => [id, nonce])), tally)
      await checkCrashes(world, rounds, tally, say)
    } finally {
      await world.close()
    }
  },
}
