/** The load generator: a process of its own that is told what to measure and says when it begins and what came of it. */
import { argumentsOf, wrongIn, type Case } from './cases.ts'
import { connect, type Connection } from './connection.ts'

export interface LoadTarget {
  readonly port: number
  readonly path: string
  /** Of one caller, or of several whose sessions take turns. */
  readonly tokens: readonly string[]
  readonly masks: boolean
}
export type LoadOrder =
  | { readonly do: 'measure'; readonly target: LoadTarget; readonly sessions: number; readonly case: Case; readonly warmUp: number; readonly duration: number }
  | { readonly do: 'open'; readonly target: LoadTarget; readonly sessions: number }
export type LoadReport =
  | { readonly told: 'begin' }
  | { readonly told: 'end'; readonly calls: number; readonly errors: number; readonly error: string | undefined; readonly seconds: number; readonly latencies: readonly number[] }
  | { readonly told: 'opened' }

interface Session {
  readonly connection: Connection
  readonly head: string
}
const revision = '2025-11-25'
const pools = new Map<string, Session[]>()
let serial = 0

async function open(target: LoadTarget, reply: Case['reply'], index: number, shared?: Connection): Promise<Session> {
  const connection = shared ?? (await connect(target.port))
  const head = `POST ${target.path} HTTP/1.1\r\nhost: 127.0.0.1:${target.port}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\nauthorization: Bearer ${target.tokens[index % target.tokens.length]}\r\n`
  const greeting = { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: revision, capabilities: {}, clientInfo: { name: `bench-${reply}`, version: '1' } } }
  const { status, head: answered } = await connection.request(head, JSON.stringify(greeting))
  const id = /\r\nmcp-session-id: *(\S+)/i.exec(answered)?.[1]
  if (status !== 200 || id === undefined) throw new Error(`initialize was answered with ${status}`)
  const own = `${head}mcp-session-id: ${id}\r\nmcp-protocol-version: ${revision}\r\n`
  await connection.request(own, '{"jsonrpc":"2.0","method":"notifications/initialized"}')
  return { connection, head: own }
}

async function sessionsOf(target: LoadTarget, reply: Case['reply'], count: number): Promise<readonly Session[]> {
  const key = `${target.port} ${reply}`
  const pool = pools.get(key) ?? []
  pools.set(key, pool)
  while (pool.length < count) pool.push(await open(target, reply, pool.length))
  return pool.slice(0, count)
}

async function measure(order: Extract<LoadOrder, { do: 'measure' }>): Promise<LoadReport> {
  const sessions = await sessionsOf(order.target, order.case.reply, order.sessions)
  const latencies: number[] = []
  let errors = 0
  let error: string | undefined
  const started = performance.now()
  const begin = started + order.warmUp
  const end = begin + order.duration
  setTimeout(() => process.send?.({ told: 'begin' } satisfies LoadReport), order.warmUp)
  const work = async ({ connection, head }: Session) => {
    for (;;) {
      const id = ++serial
      const nonce = `n${id.toString(36).padStart(8, '0')}e`
      const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${order.case.tool}","arguments":${JSON.stringify(argumentsOf(order.case, nonce))}}}`
      const sent = performance.now()
      if (sent >= end) return
      const reply = await connection.request(head, body)
      const now = performance.now()
      const wrong = reply.status === 200 ? wrongIn(reply.body, order.case, nonce, order.target.masks) : `HTTP ${reply.status}`
      if (wrong !== undefined) {
        errors += 1
        error ??= `${wrong}: ${reply.body.slice(0, 300)}`
      }
      if (now >= begin && now <= end) latencies.push(now - sent)
    }
  }
  await Promise.all(sessions.map(work))
  return { told: 'end', calls: latencies.length, errors, error, seconds: order.duration / 1000, latencies }
}

async function openIdle({ target, sessions }: Extract<LoadOrder, { do: 'open' }>): Promise<LoadReport> {
  const connection = await connect(target.port)
  for (let index = 0; index < sessions; index += 1) await open(target, 'json', index, connection)
  connection.close()
  return { told: 'opened' }
}

process.on('message', (order: LoadOrder) => {
  const done = order.do === 'measure' ? measure(order) : openIdle(order)
  done.then(
    (report) => process.send?.(report),
    (cause: unknown) => {
      process.stderr.write(`the load generator failed: ${cause instanceof Error ? cause.stack : String(cause)}\n`)
      process.exit(1)
    },
  )
})
process.stdout.write('ready\n')
