/**
 * The server behind the gateways: MCP over plain `node:http`, with answers that are mostly made beforehand, so that what is
 * measured is not the server. It prints its port.
 */
import http, { type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { customers } from './cases.ts'

interface Message {
  readonly id?: string | number
  readonly method: string
  readonly params?: { readonly protocolVersion?: string; readonly name?: string; readonly arguments?: Readonly<Record<string, string>> }
}
const tools = [
  { name: 'query', description: 'Echoes a statement', inputSchema: { type: 'object', properties: { sql: { type: 'string' } } }, annotations: { readOnlyHint: true } },
  { name: 'list_customers', description: 'A hundred customers', inputSchema: { type: 'object', properties: { limit: { type: 'integer' } } }, annotations: { readOnlyHint: true } },
]
const rows = JSON.stringify(customers)
const text = JSON.stringify(rows).slice(1, -1)
// The nonce stands after the rows: whoever cuts an answer off loses it.
const asText = (nonce: string) => `{"content":[{"type":"text","text":"${text}"},{"type":"text","text":"${nonce}"}]}`
const asStructured = (nonce: string) => `{"content":[{"type":"text","text":"a hundred rows"}],"structuredContent":{"rows":${rows},"nonce":"${nonce}"}}`

function resultOf({ method, params }: Message): string {
  const args = params?.arguments ?? {}
  if (method === 'tools/call' && params?.name === 'query') return `{"content":[{"type":"text","text":${JSON.stringify(args['sql'])}}]}`
  if (method === 'tools/call') return args['as'] === 'structured' ? asStructured(args['nonce'] ?? '') : asText(args['nonce'] ?? '')
  if (method === 'tools/list') return JSON.stringify({ tools })
  if (method === 'initialize') return JSON.stringify({ protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'bench', version: '1' } })
  return '{}'
}

let sessions = 0
function answer(message: Message, response: ServerResponse): void {
  if (message.id === undefined) return void response.writeHead(202).end()
  const body = `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":${resultOf(message)}}`
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
