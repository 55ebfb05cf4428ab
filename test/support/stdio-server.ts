// A small MCP server over stdio that misbehaves as its tools are called. The file named in the arguments gets a line per event.
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [, , journal = '/dev/null'] = process.argv
const note = (text: string) => appendFileSync(journal, `${text}\n`)
const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const done = (id: unknown, text = 'done') => send({ id, result: { resultType: 'complete', content: [{ type: 'text', text }] } })
const hung: unknown[] = []
let flooding = false

async function flood(id: unknown): Promise<void> {
  flooding = true
  for (let count = 1; count <= 400; count += 1) {
    if (!send({ method: 'notifications/message', params: { level: 'info', data: 'x'.repeat(100_000) } })) await new Promise((resolve) => process.stdout.once('drain', resolve))
    note(`flood ${count}`)
  }
  done(id)
}

/** Says it again and again, and notes how much was taken. */
async function pour(stream: NodeJS.WriteStream, line: string): Promise<void> {
  flooding = true
  const piece = `${line}\n`.repeat(65_536 / (line.length + 1))
  for (let count = 1; count <= 200; count += 1) {
    if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve))
    note(`poured ${count}`)
  }
}

/** Left behind where its parent ends, by no group's end; it writes until nobody can read. */
const straggler = `const { appendFileSync } = require('node:fs')
process.stdout.on('error', () => (appendFileSync(process.argv[1], 'nobody reads\\n'), process.exit()))
setInterval(() => process.stdout.write('still here\\n'), 20)`

const tools: Record<string, (id: unknown, message: { params: { _meta?: Record<string, unknown> } }) => void> = {
  echo: (id) => done(id),
  garbage: (id) => {
    process.stdout.write('Server started!\n{"jsonrpc":"2.0"\n\n[]\n')
    done(id)
  },
  null_error: (id) => {
    send({ id: null, error: { code: -32700, message: 'Parse error' } })
    done(id)
  },
  twice: (id) => {
    done(id, 'first')
    done(id, 'second')
  },
  last_words: (id) => {
    done(id, 'last words')
    process.stdout.write('', () => process.exit(0))
  },
  crash: () => process.exit(3),
  hang: (id) => void hung.push(id),
  release: (id) => {
    for (const waiting of hung.splice(0)) done(waiting, 'released')
    done(id)
  },
  launch: (id) => {
    const { pid } = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => 0); setInterval(() => 0, 1000)'], { stdio: 'ignore' })
    done(id, String(pid))
  },
  huge: (id) => done(id, 'x'.repeat(6 * 1024 * 1024)),
  tell_secret: (id) => {
    process.stderr.write(`my key is ${process.env['API_SECRET']}\n`)
    done(id, `key ${process.env['API_SECRET']}`)
  },
  flood: (id) => void flood(id),
  pour_noise: (id) => (done(id), void pour(process.stdout, 'x')),
  pour_blanks: (id) => (done(id), void pour(process.stdout, '')),
  pour_news: (id) => (done(id), void pour(process.stdout, '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":""}}')),
  pour_complaints: (id) => (done(id), void pour(process.stderr, 'x')),
  leave_behind: (id) => {
    spawn(process.execPath, ['-e', straggler, journal], { stdio: ['ignore', 'inherit', 'inherit'], detached: true }).unref()
    done(id)
    process.stdout.write('', () => process.exit(0))
  },
  ask: (id) => {
    send({ id: 'q1', method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } })
    hung.push(id)
  },
}

note('start')
createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line)
  const { id, method, params } = message
  note(`got ${method ?? 'answer'}${method === 'notifications/cancelled' ? ` ${hung.includes(params.requestId) ? 'known' : 'unknown'}` : ''}`)
  if (method === undefined) return done(hung.shift(), JSON.stringify(message.result ?? message.error))
  if (method === 'initialize') return void send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'stdio', version: '1' } } })
  if (method === 'tools/list') return void send({ id, result: { resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })) } })
  if (method === 'notifications/cancelled') return done(params.requestId, 'late')
  if (method === 'tools/call') return tools[params.name]?.(id, message)
  if (id !== undefined) send({ id, result: { resultType: 'complete' } })
})
process.stdin.on('end', () => !flooding && process.exit(0))
