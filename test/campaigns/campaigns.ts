import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { json, mcpAnswers, startStubServer, type Answer } from '../support/stub-server.ts'
import { createSender, inParallel, isNotExecuted, modernHeaders, modernText, patiently, refusalIn, type Reply } from './client.ts'

export interface CampaignReport {
  readonly messages: number
  /** What must not be, counted; empty is good. */
  readonly violations: readonly string[]
}

const policy = `package policies.campaign

allow if input.message.call.name in {"echo", "denied"}

allow if input.message.method == "resources/read"

deny contains {"code": "no"} if input.message.call.name == "denied"

deny contains {"code": "no_answer"} if {
	input.message.direction == "to_client"
	input.message.body.withhold == true
}
`
export const tools = ['echo', 'denied', 'hidden'].map((name) => ({ name, inputSchema: { type: 'object' } }))

export async function withGateway(answer: Answer, run: (gateway: TestGateway, stub: { received: readonly { body: string }[] }) => Promise<CampaignReport>, rego = policy): Promise<CampaignReport> {
  const stub = await startStubServer(answer)
  try {
    const gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/campaign/campaign.rego': rego } })
    try {
      return await run(gateway, stub)
    } finally {
      await gateway.close()
    }
  } finally {
    await stub.close()
  }
}

interface Row {
  readonly exchange: string
  readonly direction: string
  readonly kind: string
  readonly method: string
  readonly outcome: string
  readonly message: string
  readonly findings: string
}
export function recorded(gateway: TestGateway): readonly Row[] {
  const db = new DatabaseSync(join(gateway.directory, 'sallyport.db'), { readOnly: true })
  try {
    return db.prepare('SELECT exchange, direction, kind, method, outcome, message, findings FROM event').all() as unknown as Row[]
  } finally {
    db.close()
  }
}

async function metric(gateway: TestGateway, name: string): Promise<number> {
  const text = await gateway.gateway.metrics.print()
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? NaN)
}

/** P10: what the server and the clients got is exactly what was judged, let pass and recorded, in number and by message; and what the policy says decides. Under another policy that must show. */
export const everyMessageIsJudged = (messages: number, rego = policy): Promise<CampaignReport> =>
  withGateway(
    (request, response) => {
      const message = JSON.parse(request.body)
      if (message.id === undefined) return void response.writeHead(202).end()
      if (message.method === 'tools/list') return json(response, { jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', tools } })
      json(response, { jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', nonce: message.params.arguments?.n ?? null, ...(message.params.arguments?.withhold === true ? { withhold: true } : {}), content: [] } })
    },
    async (gateway, stub) => {
      const sender = createSender(gateway.mcp('stub'), await gateway.token({ subject: 'p10', groups: [] }, 'stub'))
      const violations: string[] = []
      let released = 0
      await inParallel(messages, 32, async (n) => {
        const { method, params, name, ends } = mixed[n % mixed.length]?.(n) ?? ping
        const isNotice = method.startsWith('notifications/')
        const text = modernText(n, method, params)
        const reply = await patiently(() => sender.send(isNotice ? text.replace(`"id":${n},`, '') : text, modernHeaders(method, name)), isNotExecuted)
        const { status, body } = reply
        if (isNotice) return void (status === 202 || violations.push(`notification ${n}: ${status}`))
        if (refusalIn(reply) === 'withheld' && ends !== 'refused') return
        const answer = JSON.parse(body)
        if (answer.id !== n) violations.push(`answer of ${n} carries ${answer.id}`)
        const isAnswer = answer.result?.resultType === 'complete' && answer.result.isError !== true
        if (isAnswer) released += 1
        if (isAnswer !== (ends === 'answered')) violations.push(`${method} ${n} is ${ends}, and its client got ${body.slice(0, 200)}`)
      })
      sender.close()
      const rows = recorded(gateway)
      const sent = stub.received.length
      const passed = rows.filter(({ direction, outcome }) => direction === 'to_server' && outcome === 'forwarded').length
      if (sent !== passed) violations.push(`the server got ${sent} messages, ${passed} were let pass`)
      const answered = rows.filter(({ direction, outcome, kind }) => direction === 'to_client' && kind === 'result' && outcome === 'forwarded').length
      if (released !== answered) violations.push(`clients got ${released} results, ${answered} were let pass`)
      violations.push(...arrivals(messages, stub.received.map(({ body }) => body)))
      if ((await metric(gateway, 'sallyport_unjudged_total')) !== 0) violations.push('sallyport_unjudged_total is not 0')
      return { messages, violations }
    },
    rego,
  )

/** `refused` never reaches the server; what is `withheld` does, and its answer never reaches the client. */
interface Mixed {
  readonly method: string
  readonly params: string
  readonly name?: string
  readonly ends: 'answered' | 'refused' | 'withheld'
}
const call = (name: string, args: string, ends: Mixed['ends']): Mixed => ({ method: 'tools/call', params: `"name":"${name}","arguments":{${args}}`, name, ends })
const ping: Mixed = { method: 'ping', params: '', ends: 'refused' }
const mixed: readonly ((n: number) => Mixed)[] = [
  (n) => call('echo', `"n":${n}`, 'answered'),
  (n) => call('denied', `"n":${n}`, 'refused'),
  (n) => call('hidden', `"n":${n}`, 'refused'),
  (n) => call('echo', `"n":${n},"withhold":true`, 'withheld'),
  () => ({ method: 'tools/list', params: '', ends: 'answered' }),
  (n) => ({ method: 'resources/read', params: `"uri":"mem://${n}"`, name: `mem://${n}`, ends: 'answered' }),
  () => ({ method: 'notifications/initialized', params: '', ends: 'refused' }),
  () => ({ method: 'notifications/x', params: '', ends: 'refused' }),
  () => ({ method: 'x/y', params: '', ends: 'refused' }),
]

/** What the gateway asks a server for itself, too. */
const ownQuestions: ReadonlySet<string> = new Set(['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list', 'server/discover'])

/** Each message that bears its number arrived once if it may, and never if it may not; of the others, no kind arrived that may not. */
export function arrivals(messages: number, bodies: readonly string[]): readonly string[] {
  const came = new Map<number, number>()
  const violations: string[] = []
  for (const body of bodies) {
    const { method } = JSON.parse(body) as { method: string }
    const [, call, uri] = /"n":(\d+)|"uri":"mem:\/\/(\d+)"/.exec(body) ?? []
    const n = call ?? uri
    if (n !== undefined) came.set(Number(n), (came.get(Number(n)) ?? 0) + 1)
    else if (!ownQuestions.has(method)) violations.push(`the server got ${method}`)
  }
  for (let n = 0; n < messages; n += 1) {
    const { method, params, ends } = mixed[n % mixed.length]?.(n) ?? ping
    const wanted = ends === 'refused' || !params.includes(String(n)) ? 0 : 1
    if ((came.get(n) ?? 0) !== wanted) violations.push(`${method} ${n} reached the server ${came.get(n) ?? 0} times, and may ${wanted} times`)
  }
  return violations
}

/** P23: many clients under the same JSON-RPC ids, answers in random order: each gets its own. What a busy gateway turns away is sent again. */
export const nobodyGetsAnothersAnswer = (messages: number): Promise<CampaignReport> => fromClients(messages, 200)

const fromClients = (messages: number, clients: number): Promise<CampaignReport> => {
  const executed = new Map<string, number>()
  const execute = ({ nonce }: { readonly nonce: string }) => {
    executed.set(nonce, (executed.get(nonce) ?? 0) + 1)
    return new Promise((resolve) => setTimeout(() => resolve({ content: [{ type: 'text', text: nonce }] }), Math.random() * 8))
  }
  return withGateway(
    mcpAnswers({ 'tools/list': () => ({ tools }), 'tools/call': (params) => execute(params['arguments'] as { nonce: string }) }),
    async (gateway) => {
      const violations: string[] = []
      const perClient = Math.ceil(messages / clients)
      let answered = 0
      await inParallel(clients, clients, async (index) => {
        const token = await gateway.token({ subject: `client-${index}`, groups: [], expires: '12h' }, 'stub')
        const revision = index % 2 === 0 ? '2025-11-25' : '2025-06-18'
        const client = await patiently(() => connect(gateway.mcp('stub'), token, revision))
        const sender = createSender(gateway.mcp('stub'), token)
        for (let id = 1; id <= perClient; id += 1) {
          const nonce = `nonce-${randomUUID()}`
          const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: { nonce } } })
          const reply = await patiently(() => sender.send(body, { 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': revision }), isNotExecuted)
          if (refusalIn(reply) === undefined) answered += 1
          const wrong = wrongWith(reply, { id, nonce, times: executed.get(nonce) ?? 0 })
          if (wrong !== undefined) violations.push(`client ${index}, id ${id}, ${nonce}: ${wrong}: ${reply.status} ${reply.body.slice(0, 200)}`)
        }
        sender.close()
      })
      const all = perClient * clients
      if (answered < all * 0.9) violations.push(`only ${answered} of ${all} calls were answered: that proves nothing`)
      return { messages: answered, violations }
    },
  )
}

/** A refusal is no answer that went astray, if what it says is true: its server knows. */
export function wrongWith(reply: Reply, { id, nonce, times }: { readonly id: number; readonly nonce: string; readonly times: number }): string | undefined {
  const nonces = reply.body.match(/nonce-[0-9a-f-]{36}/g) ?? []
  if (nonces.some((each) => each !== nonce)) return 'it got the answer of another call'
  if (times > 1) return `the server got it ${times} times`
  const refusal = refusalIn(reply)
  if (refusal === undefined) return nonces.length > 0 && reply.body.includes(`"id":${id},`) ? undefined : 'it got no answer of its own'
  if (refusal === 'withheld') return times === 1 ? undefined : 'its answer is said to be withheld, and the server never got it'
  return times === 0 ? undefined : 'it is said not to have reached the server, which got it'
}
