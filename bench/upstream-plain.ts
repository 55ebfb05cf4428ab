/**
 * MCP over plain `node:http`, without a library: the cheapest server there could be, so that nothing hides what a gateway costs.
 * It prints its port.
 */
import http, { type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openDatabase } from './database.ts'

interface Message {
  readonly id?: string | number
  readonly method: string
  readonly params?: { readonly protocolVersion?: string; readonly name?: string; readonly arguments?: Readonly<Record<string, string>> }
}
const tools = [
  { name: 'query', description: 'Runs a statement', inputSchema: { type: 'object', properties: { sql: { type: 'string' } } }, annotations: { readOnlyHint: true } },
  { name: 'list_customers', description: 'A hundred customers', inputSchema: { type: 'object', properties: { limit: { type: 'integer' } } }, annotations: { readOnlyHint: true } },
]

const db = openDatabase()

function called({ params }: Message): unknown {
  const args = params?.arguments ?? {}
  if (params?.name === 'query') return { content: [{ type: 'text', text: JSON.stringify(db.query(args['sql'] ?? '')) }] }
  const rows = db.list(Number(args['limit'] ?? 100))
  // The nonce stands after the rows: whoever cuts an answer off loses it.
  if (args['as'] === 'structured') return { content: [{ type: 'text', text: `${rows.length} rows` }], structuredContent: { rows, nonce: args['nonce'] } }
  return { content: [{ type: 'text', text: JSON.stringify(rows) }, { type: 'text', text: args['nonce'] }] }
}

function resultOf(message: Message): unknown {
  const { method, params } = message
  if (method === 'tools/call') return called(message)
  if (method === 'tools/list') return { tools }
  if (method === 'initialize') return { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'bench', version: '1' } }
  return {}
}

let sessions = 0
function answer(message: Message, response: ServerResponse): void {
  if (message.id === undefined) return void response.writeHead(202).end()
  const body = JSON.stringify({ jsonrpc: '2.0', id: message.id, result: resultOf(message) })
  if (message.params?.arguments?.['reply'] === 'sse') return void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${body}\n\n`)
  const session: Record<string, string> = message.method === 'initialize' ? { 'mcp-session-id': `s${++sessions}` } : {}
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...session }).end(body)
}

const server = http.createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  if (request.method !== 'POST') return void response.writeHead(request.method === 'DELETE' ? 200 : 405).end()
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => answer(JSON.parse(Buffer.concat(chunks).toString()) as Message, response))
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`))
process.once('disconnect', () => process.exit(0))
