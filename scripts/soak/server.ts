// The MCP server of the soak: quick calls, large answers, streams that tick, streams that flood.
//   node server.ts JOURNAL      prints its port; GET /stats tells what its streams did
import { createWriteStream } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const [journal = ''] = process.argv.slice(2)
const file = createWriteStream(journal)
const tools = ['work', 'large', 'ticks', 'flood'].map((name) => ({ name, inputSchema: { type: 'object' } }))
const person = 'Ann Ward, card 4111 1111 1111 1111, SSN 536-90-4399, ann.ward@example.com'
const padding = 'The quick brown fox jumps over the lazy dog. '.repeat(40)
const row = `${person}, ${'a customer since the year of the flood; '.repeat(4)}\n`
const rows = row.repeat(Math.floor((1024 * 1024) / row.length))
const stats = { ticking: 0, floods: 0, floodsEnded: 0, mostFlooded: 0 }

const event = (message: object) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`
const news = (data: string) => event({ method: 'notifications/message', params: { level: 'info', data } })
const complete = (text: string) => ({ resultType: 'complete', content: [{ type: 'text', text }] })

/** An event each second, until the reader leaves. */
function tick(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  stats.ticking += 1
  const first = setTimeout(() => {
    const timer = setInterval(() => response.write(news(`tick of ${person}`)), 1_000)
    response.once('close', () => clearInterval(timer))
  }, Math.random() * 1_000)
  response.once('close', () => {
    clearTimeout(first)
    stats.ticking -= 1
  })
}

/** Events as fast as they are taken, until the reader leaves. */
function flood(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  stats.floods += 1
  let written = 0
  const frame = news('x'.repeat(60_000))
  const more = () => {
    while (!response.destroyed) {
      written += frame.length
      stats.mostFlooded = Math.max(stats.mostFlooded, written)
      if (!response.write(frame)) return void response.once('drain', more)
    }
  }
  more()
  response.once('close', () => (stats.floodsEnded += 1))
}

interface Call {
  readonly id?: unknown
  readonly method: string
  readonly params?: { readonly name?: string; readonly protocolVersion?: unknown; readonly arguments?: { readonly nonce?: string } }
}

function resultOf({ method, params = {} }: Call): object {
  if (method === 'initialize') return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'soak', version: '1' } }
  if (method === 'tools/list') return { resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools }
  if (method !== 'tools/call') return { resultType: 'complete' }
  return params.name === 'large' ? complete(rows) : complete(`did ${params.arguments?.nonce}. ${person}. ${padding}`)
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/stats') return void response.end(JSON.stringify(stats))
  if (request.method !== 'POST') return void response.writeHead(request.method === 'DELETE' ? 200 : 405).end()
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const message = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Call
  if (message.id === undefined) return void response.writeHead(202).end()
  const name = message.method === 'tools/call' ? message.params?.name : undefined
  if (name === 'work') file.write(`${JSON.stringify({ at: Date.now(), message })}\n`)
  if (name === 'ticks') return tick(response)
  if (name === 'flood') return flood(response)
  response.writeHead(200, { 'content-type': 'application/json', ...(message.method === 'initialize' ? { 'mcp-session-id': 'soak' } : {}) })
  response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: resultOf(message) }))
}

const server = http.createServer({ keepAliveTimeout: 600_000 }, (request, response) => void answer(request, response).catch(() => response.destroy()))
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`))
process.once('SIGTERM', () => file.end(() => process.exit(0)))
process.once('disconnect', () => process.exit(0))
