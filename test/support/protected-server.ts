import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { TokenServer } from './token-server.ts'

export interface ProtectedServer {
  readonly url: string
  /** Every `Authorization` it was sent. */
  readonly shown: string[]
  /** In place of its own metadata (RFC 9728). */
  metadata: unknown
  /** Whether it has no answer to GET, and so no challenge. */
  hasNoStreams: boolean
  /** A scope without which it does nothing. */
  wants: string | undefined
  /** Where its challenge says that they are. */
  metadataAt: string
  close(): Promise<void>
}

/** An MCP server of the SDK that takes tokens of an authorization server, made for itself and nobody else, and tells who calls. */
export async function startProtectedServer(tokens: TokenServer): Promise<ProtectedServer> {
  const server = http.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const url = `${origin}/mcp`
  const made = { url, shown: [] as string[], metadata: { resource: url, authorization_servers: [tokens.issuer], scopes_supported: ['crm.read'], bearer_methods_supported: ['header'] } as unknown, metadataAt: `${origin}/.well-known/oauth-protected-resource/mcp`, hasNoStreams: false, wants: undefined as string | undefined }
  let current = ''
  const handler = createMcpHandler(() => {
    const mcp = new McpServer({ name: 'protected', version: '1.0.0' })
    const who = current
    mcp.registerTool('whoami', { description: 'who calls', inputSchema: z.object({ echo: z.string().optional() }) }, async ({ echo }) => ({ content: [{ type: 'text', text: `you are ${who}${echo === undefined ? '' : ` ${made.shown.at(-1)}`}` }] }))
    return mcp
  })
  const serve = toNodeHandler(handler)
  const challenge = () => `Bearer error="invalid_token", resource_metadata="${made.metadataAt}", scope="crm.read"`
  server.on('request', async (request, response) => {
    if (request.url === '/.well-known/oauth-protected-resource/mcp') return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(made.metadata))
    if (request.url !== '/mcp') return void response.writeHead(404).end()
    if (request.method === 'GET' && made.hasNoStreams) return void response.writeHead(405).end()
    const { authorization } = request.headers
    if (authorization !== undefined) made.shown.push(authorization)
    const found = await tokens.accept(authorization?.replace(/^Bearer /, '') ?? '')
    if (found === undefined || found.audience !== url) return void response.writeHead(401, { 'www-authenticate': challenge() }).end()
    if (made.wants !== undefined && !found.scopes.includes(made.wants)) return void response.writeHead(403, { 'www-authenticate': `Bearer error="insufficient_scope", scope="${made.wants}", resource_metadata="${made.metadataAt}"` }).end()
    current = found.who
    await serve(request as Parameters<typeof serve>[0], response)
  })
  return Object.assign(made, {
    close: () => new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    }),
  })
}
