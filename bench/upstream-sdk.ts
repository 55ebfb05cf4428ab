/** A server as most are: the official SDK, sessions, JSON or an event stream, before a database in memory. It prints its port. */
import { randomUUID } from 'node:crypto'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node'
import { McpServer } from '@modelcontextprotocol/server'
import * as z from 'zod/v4'
import { openDatabase } from './database.ts'

const db = openDatabase()
const sessions = new Map<string, NodeStreamableHTTPServerTransport>()
const reply = z.enum(['json', 'sse'])

function createServer(): McpServer {
  const server = new McpServer({ name: 'bench', version: '1' })
  server.registerTool('query', { description: 'Runs a statement', inputSchema: z.object({ sql: z.string(), reply }), annotations: { readOnlyHint: true } }, ({ sql }) => ({
    content: [{ type: 'text', text: JSON.stringify(db.query(sql)) }],
  }))
  const listed = z.object({ limit: z.number(), nonce: z.string(), as: z.enum(['text', 'structured']), reply })
  server.registerTool('list_customers', { description: 'A hundred customers', inputSchema: listed, annotations: { readOnlyHint: true } }, ({ limit, nonce, as }) => {
    const rows = db.list(limit)
    // The nonce stands after the rows: whoever cuts an answer off loses it.
    if (as === 'structured') return { content: [{ type: 'text', text: `${rows.length} rows` }], structuredContent: { rows, nonce } }
    return { content: [{ type: 'text', text: JSON.stringify(rows) }, { type: 'text', text: nonce }] }
  })
  return server
}

interface Greeting {
  readonly params?: { readonly clientInfo?: { readonly name?: string } }
}

/** How a session is answered is settled when it is opened: by the name of its client. */
async function openSession(greeting: Greeting): Promise<NodeStreamableHTTPServerTransport> {
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: greeting.params?.clientInfo?.name !== 'bench-sse',
    onsessioninitialized: (id) => void sessions.set(id, transport),
  })
  transport.onclose = () => void (transport.sessionId !== undefined && sessions.delete(transport.sessionId))
  await createServer().connect(transport)
  return transport
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const body: unknown = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString())
  const id = request.headers['mcp-session-id']
  const transport = typeof id === 'string' ? sessions.get(id) : await openSession(body as Greeting) // what comes first is the greeting
  if (transport === undefined) return void response.writeHead(404).end()
  await transport.handleRequest(request, response, body)
}

const server = http.createServer({ keepAliveTimeout: 600_000 }, (request, response) => void serve(request, response).catch(() => response.destroy()))
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`))
process.once('disconnect', () => process.exit(0))
