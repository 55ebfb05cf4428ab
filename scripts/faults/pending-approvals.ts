import { inParallel } from '../../test/campaigns/client.ts'
import { connect, type PlainClient } from '../../test/support/gateway.ts'
import { createTally, type Campaign, type Tally } from './campaign.ts'
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

const call = (client: PlainClient, nonce: string) => client.request('tools/call', { name: 'work', arguments: { nonce } })
type Told = Awaited<ReturnType<typeof call>>
const approvalOf = ({ result }: Told) => (result?.['_meta'] as { 'sallyport/decision'?: { approval_id?: string; expires_at?: string } } | undefined)?.['sallyport/decision']

async function api<T>({ files }: World, path: string, body?: object): Promise<T> {
  const token = await files.token({ subject: 'rita', groups: ['oncall'] }, 'api')
  const response = await fetch(`${files.url}/api/v1/${path}`, { method: body === undefined ? 'GET' : 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
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
  return connect(world.files.mcp('stub'), await world.files.token({ subject: 'sam', groups: [], expires: '12h' }, 'stub'), '2025-11-25')
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
    const { result } = await call(first, nonce)
    if (!JSON.stringify(result).includes(`did ${nonce}.`)) tally.violation(`${nonce} was approved before the crash and does not run: ${JSON.stringify(result)}`)
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

export const pendingApprovals: Campaign = {
  title: 'approvals survive a crash: none runs unapproved, none runs twice, expiries are kept',
  needs: [],
  async run({ messages = 1_000, say }) {
    const tally = createTally()
    const world = await createWorld({ rego: policy, settings: { approvals: { hold: '200ms' } } })
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
    } finally {
      await world.close()
    }
    return tally.report()
  },
}
