import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

// What servers say in the campaign over all doors: each message carries a mark of its own, so that every journal can be searched for it.

/** `c1n2-a` belongs to the second call of the first client; what ends in x may not pass. */
export const marksIn = (text: string): readonly string[] => text.match(/\bc\d+n\d+-[a-z]+/g) ?? []
export const stemOf = (mark: string): string => mark.slice(0, mark.indexOf('-'))

/** To the server: calls, notices, replies; to the client: progress, log lines, questions, answers, and what the server was replied. */
export const kindsOfMarks = ['c', 'n', 'r', 'p', 'l', 'q', 'a', 'e'] as const
/** What of a conversation may not pass: nothing, the call, the question, the reply, or the answer. */
export const bans = ['', 'c', 'q', 'r', 'a'] as const
export interface MarkedCall {
  readonly id: unknown
  readonly params: { readonly _meta?: { readonly progressToken?: unknown }; readonly arguments: { readonly mark: string; readonly ban: string; readonly asks: boolean } }
}
export interface Says {
  say(message: object): void
  /** Resolves with the text of the reply. */
  ask(message: object): Promise<string>
}

/** Two notices, a question where the client takes some, and an answer that tells what was replied. */
export async function converse({ id, params: { _meta, arguments: { mark, ban, asks } } }: MarkedCall, { say, ask }: Says): Promise<void> {
  const as = (kind: string) => `${stemOf(mark)}-${kind}${kind === ban ? 'x' : ''}`
  if (_meta?.progressToken !== undefined) say({ method: 'notifications/progress', params: { progressToken: _meta.progressToken, progress: 1, message: as('p') } })
  say({ method: 'notifications/message', params: { level: 'info', data: as('px') } })
  say({ method: 'notifications/message', params: { level: 'info', data: as('l') } })
  const replied = asks ? marksIn(await ask({ method: 'sampling/createMessage', params: { messages: [{ role: 'user', content: { type: 'text', text: as('q') } }], maxTokens: 1 } })) : []
  await wait(Math.random() * 5)
  say({ id, result: { resultType: 'complete', content: [{ type: 'text', text: [as('a'), ...replied.map((each) => `${stemOf(each)}-e`)].join(' ') }] } })
}

const tools = [{ name: 'work', inputSchema: { type: 'object' } }]
/** What is answered without a conversation. */
export function plainResultOf(method: string, params: Record<string, unknown> = {}): object | undefined {
  if (method === 'initialize') return { protocolVersion: params['protocolVersion'], capabilities: { tools: {}, logging: {} }, serverInfo: { name: 'marked', version: '1' } }
  if (method === 'tools/list') return { resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools }
  return undefined
}

/** As a child process: every line that comes is kept in a file first. */
function serveLines(journal: string): void {
  const say = (message: object) => void process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const waiting = new Map<unknown, (text: string) => void>()
  createInterface({ input: process.stdin }).on('line', (line) => {
    appendFileSync(journal, `${line}\n`)
    const message = JSON.parse(line)
    if (message.method === undefined) return waiting.get(message.id)?.(line)
    if (message.method === 'tools/call') {
      const ask = (question: object) => new Promise<string>((resolve) => {
        const id = `u${waiting.size}`
        waiting.set(id, resolve)
        say({ id, ...question })
      })
      return void converse(message, { say, ask })
    }
    const result = plainResultOf(message.method, message.params)
    if (message.id !== undefined) say(result === undefined ? { id: message.id, error: { code: -32601, message: 'Method not found' } } : { id: message.id, result })
  })
}
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) serveLines(process.argv[2] ?? '')
