import { randomUUID, timingSafeEqual, createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { localhostHostValidation, localhostOriginValidation, type NodeIncomingMessageLike, NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } from '@modelcontextprotocol/node'
import { createMcpHandler, isLegacyRequest } from '@modelcontextprotocol/server'
import { createCrmDatabase } from './crm-database.ts'
import { createCrm } from './crm-tools.ts'
import { makeCustomers } from './customers.ts'

export interface CrmServer {
  readonly url: string
  close(): Promise<void>
}

const mostSessions = 500
const largestBody = 1024 * 1024

const hash = (text: string) => createHash('sha256').update(text).digest()

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > largestBody) throw new Error('body too large')
    parts.push(part)
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8'))
}

/** A CRM as any team may have one: an MCP server of both eras on loopback, behind one credential, with more power than it should have. */
export async function startCrmServer({ token, customers = 5000 }: { readonly token: string; readonly customers?: number }): Promise<CrmServer> {
  const db = createCrmDatabase(makeCustomers(customers))
  const wanted = hash(`Bearer ${token}`)
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>()
  const modern = createMcpHandler(() => createCrm(db), { legacy: 'reject' })
  const serveModern = toNodeHandler(modern)
  const [isLocalHost, isLocalOrigin] = [localhostHostValidation(), localhostOriginValidation()]

  async function openSession(): Promise<NodeStreamableHTTPServerTransport> {
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => {
        sessions.set(id, transport)
        const [oldest] = sessions.keys()
        if (sessions.size > mostSessions && oldest !== undefined) void sessions.get(oldest)?.close()
      },
    })
    transport.onclose = () => void (transport.sessionId !== undefined && sessions.delete(transport.sessionId))
    await createCrm(db).connect(transport)
    return transport
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isLocalHost(request, response) || !isLocalOrigin(request, response)) return
    if (!timingSafeEqual(hash(request.headers.authorization ?? ''), wanted)) return end(response, 401)
    if (request.url !== '/mcp') return end(response, 404)
    const body = request.method === 'POST' ? await readJson(request) : undefined
    const id = request.headers['mcp-session-id']
    if (typeof id === 'string') {
      const transport = sessions.get(id)
      return transport === undefined ? end(response, 404) : transport.handleRequest(request, response, body)
    }
    // The adapter's shape is narrower than Node's only in how it spells what is optional.
    const like = request as NodeIncomingMessageLike
    if (request.method === 'POST' && (await isLegacyRequest(await toWebRequest(like, body), body))) {
      return (await openSession()).handleRequest(request, response, body)
    }
    await serveModern(like, response, body)
  }

  const http = createServer((request, response) => {
    serve(request, response).catch(() => end(response, 400))
  })
  await new Promise<void>((resolve, reject) => http.once('error', reject).listen(0, '127.0.0.1', resolve))
  // A TCP listener has an address that is an object.
  const { port } = http.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async close() {
      await modern.close()
      await Promise.all([...sessions.values()].map((transport) => transport.close()))
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      db.close()
    },
  }
}

function end(response: ServerResponse, status: number): void {
  if (!response.headersSent) response.writeHead(status, status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {})
  response.end()
}
