import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startSseServer } from '../support/sse-server.ts'
import { events, json, startStubServer, type Answer } from '../support/stub-server.ts'
import type { CampaignReport } from './campaigns.ts'
import { inParallel } from './client.ts'
import { talk, type Door } from './door-clients.ts'
import { converse, kindsOfMarks, marksIn, plainResultOf, stemOf, type MarkedCall } from './marked-server.ts'

const policy = `package policies.campaign

allow if input.actor.kind != "nobody"

allow_server := true

allow_other := true

deny contains {"code": "banned"} if regex.match(\`\\bc[0-9]+n[0-9]+-[a-z]+x\\b\`, json.marshal(input.message.body))
`
const doors: readonly Door[] = ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', 'sse']
const upstreams = ['streams', 'child', 'older'] as const
/** Two clients are one person, come through the same door, and use the same ids at the same time. */
const ways = upstreams.flatMap((upstream) => doors.map((door) => ({ upstream, door })))
/** As many as there are bans. */
const fewestEach = 5
const mostEach = 20
const atOnce = 12

interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Record<string, unknown>
}
interface Servers {
  readonly urls: Readonly<Record<string, unknown>>
  /** Everything that reached them, as text. */
  heard(): string
  close(): Promise<void>
}

async function startServers(journal: string): Promise<Servers> {
  const http = await startStubServer(overStreams())
  const waiting = new Map<string, (text: string) => void>()
  const older = await startSseServer({
    heard(message, connection) {
      if (message.method === undefined) waiting.get(`${connection.id} ${message.id}`)?.(JSON.stringify(message))
    },
    call(message, connection, response) {
      response.writeHead(202).end()
      const ask = (question: object) => new Promise<string>((resolve) => {
        const id = `u${waiting.size}`
        waiting.set(`${connection.id} ${id}`, resolve)
        connection.send({ id, ...question })
      })
      void converse(message as unknown as MarkedCall, { say: connection.send, ask })
      return true
    },
  })
  return {
    urls: {
      streams: { url: http.url },
      child: { command: process.execPath, args: ['--no-warnings', join(import.meta.dirname, 'marked-server.ts'), journal] },
      older: { url: older.url, transport: 'sse' },
    },
    heard: () => [...http.received.map(({ body }) => body), ...older.posts.map(({ message }) => JSON.stringify(message)), existsSync(journal) ? readFileSync(journal, 'utf8') : ''].join('\n'),
    close: async () => void (await Promise.all([http.close(), older.close()])),
  }
}

/** Every session asks under the same ids. */
function overStreams(): Answer {
  const waiting = new Map<string, (text: string) => void>()
  const asked = new Map<string, number>()
  return (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(request.method === 'DELETE' ? 200 : 405).end()
    const session = String(request.headers['mcp-session-id'])
    const message = JSON.parse(request.body) as Message
    if (message.method === undefined) waiting.get(`${session} ${message.id}`)?.(request.body)
    if (message.method === undefined || message.id === undefined) return void response.writeHead(202).end()
    if (message.method !== 'tools/call') {
      const result = plainResultOf(message.method, message.params)
      return json(response, { jsonrpc: '2.0', id: message.id, ...(result === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result }) }, 200, message.method === 'initialize' ? { 'mcp-session-id': randomUUID() } : {})
    }
    events(response, [])
    const say = (more: object) => void response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...more })}\n\n`)
    const ask = (question: object) => new Promise<string>((resolve) => {
      const count = (asked.get(session) ?? 0) + 1
      asked.set(session, count)
      waiting.set(`${session} u${count}`, resolve)
      say({ id: `u${count}`, ...question })
    })
    void converse(message as unknown as MarkedCall, { say, ask }).then(() => response.end())
  }
}

interface Row {
  readonly direction: 'to_server' | 'to_client'
  readonly message: string
}
const forwarded = ({ directory }: TestGateway, direction: Row['direction']): readonly string[] => {
  const db = new DatabaseSync(join(directory, 'sallyport.db'), { readOnly: true })
  try {
    return db.prepare("SELECT message FROM event WHERE outcome = 'forwarded' AND direction = ?").all(direction).flatMap((row) => marksIn(String(row['message'])))
  } finally {
    db.close()
  }
}
const countsOf = (marks: readonly string[]): ReadonlyMap<string, number> => new Map([...Map.groupBy(marks, (mark) => mark)].map(([mark, all]) => [mark, all.length]))

/** What names no call is for any call of that person on a channel that all of them share; everything else is for one call. */
const isOwn = (mark: string, stem: string): boolean => stemOf(mark) === stem || (mark.endsWith('-l') && personOf(stemOf(mark)) === personOf(stem))
const personOf = (stem: string): number => Number(/^c(\d+)/.exec(stem)?.[1]) >> 1

/** Every mark that arrived was let pass as often as it arrived, and the other way round; and nothing arrived that may not. */
export function compare(where: string, arrived: readonly string[], passed: readonly string[]): readonly string[] {
  const [came, recorded] = [countsOf(arrived), countsOf(passed)]
  return [...new Set([...came.keys(), ...recorded.keys()])].flatMap((mark) => [
    ...(came.get(mark) === recorded.get(mark) ? [] : [`${where} got ${mark} ${came.get(mark) ?? 0} times, it was let pass ${recorded.get(mark) ?? 0} times`]),
    ...(mark.endsWith('x') ? [`${where} got ${mark}, which may not pass`] : []),
  ])
}

/** P10 and P23 over every door and to every kind of server, in both directions: requests, notices, questions, replies, answers. Under another policy that must show. */
export async function nothingPassesUnjudgedOrAstray(calls: number, rego = policy): Promise<CampaignReport> {
  const place = mkdtempSync(join(tmpdir(), 'sallyport-doors-'))
  const servers = await startServers(join(place, 'journal'))
  try {
    const gateway = await startGateway({ upstreams: servers.urls, rego: { 'policies/campaign/campaign.rego': rego } })
    try {
      return await throughEveryDoor(gateway, servers, calls)
    } finally {
      await gateway.close()
    }
  } finally {
    await servers.close()
    rmSync(place, { recursive: true, force: true })
  }
}

async function throughEveryDoor(gateway: TestGateway, servers: Servers, calls: number): Promise<CampaignReport> {
  const each = Math.min(mostEach, Math.max(fewestEach, Math.floor(calls / ways.length / 2)))
  const clients = Math.ceil(calls / each)
  const violations: string[] = []
  const told: string[] = []
  await inParallel(clients, atOnce, async (client) => {
    const way = ways[(client >> 1) % ways.length]
    if (way === undefined) return
    const token = await gateway.token({ subject: `person-${client >> 1}`, groups: [], expires: '12h' }, way.upstream)
    const heard = await talk({ ...way, url: gateway.mcp(way.upstream), token, calls: each, markOf: (n) => `c${client}n${n}` })
    for (const { stem, text } of heard) {
      const marks = marksIn(text)
      told.push(...marks)
      for (const mark of marks) if (!isOwn(mark, stem)) violations.push(`${way.door} to ${way.upstream}: ${stem} was told ${mark}`)
      if (!marks.some((mark) => mark.endsWith('-a')) && !text.includes('isError') && !text.includes('"code":-33002')) violations.push(`${way.door} to ${way.upstream}: ${stem} got no answer: ${text.slice(0, 300)}`)
    }
  })
  const arrived = marksIn(servers.heard())
  violations.push(...compare('the server', arrived, forwarded(gateway, 'to_server')), ...compare('the client', told, forwarded(gateway, 'to_client')))
  const kinds = new Set([...arrived, ...told].map((mark) => mark.slice(mark.indexOf('-') + 1)))
  for (const kind of kindsOfMarks) if (!kinds.has(kind)) violations.push(`nothing of the kind ${kind} arrived anywhere: that proves nothing`)
  return { messages: told.length + arrived.length, violations }
}
