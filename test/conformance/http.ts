import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMcpExpressApp } from '@modelcontextprotocol/express'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { classifyInboundRequest, createMcpHandler, isInitializeRequest, type EventStore } from '@modelcontextprotocol/server'
import type { Request, Response } from 'express'
import { createServer } from './server.ts'

export interface Fixture {
  readonly url: string
  close(): Promise<void>
}

/** The fixture over Streamable HTTP in both eras on one URL, on loopback. Port 0 takes a free one. */
export async function startFixture(port = 0): Promise<Fixture> {
  const modern = createMcpHandler(() => createServer({ tools: () => modern.notify.toolsChanged(), prompts: () => modern.notify.promptsChanged() }))
  const serveModern = toNodeHandler(modern)
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>()
  const nothingToTell = { tools: () => undefined, prompts: () => undefined }

  const openSession = async () => {
    const server = createServer(nothingToTell)
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: createEventStore(),
      retryInterval: 500,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    })
    await server.connect(transport)
    return transport
  }
  const serveLegacy = async (request: Request, response: Response) => {
    const id = request.get('mcp-session-id')
    const found = id === undefined ? undefined : sessions.get(id)
    if (found !== undefined) return found.handleRequest(request, response, request.body)
    if (id === undefined && isInitializeRequest(request.body)) return (await openSession()).handleRequest(request, response, request.body)
    const [status, code, message] = id === undefined ? [400, -32000, 'send initialize first'] : [404, -32001, 'Session not found']
    response.status(status).json({ jsonrpc: '2.0', id: null, error: { code, message } })
  }

  const app = createMcpExpressApp({ jsonLimit: '4mb' })
  app.post('/mcp', async (request, response) => {
    const [revision, method] = [request.get('mcp-protocol-version'), request.get('mcp-method')]
    const { kind } = classifyInboundRequest({
      httpMethod: 'POST',
      ...(revision === undefined ? {} : { protocolVersionHeader: revision }),
      ...(method === undefined ? {} : { mcpMethodHeader: method }),
      body: request.body,
    })
    await (kind === 'legacy' ? serveLegacy(request, response) : serveModern(request, response, request.body))
  })
  app.get('/mcp', serveLegacy)
  app.delete('/mcp', serveLegacy)

  const listening = await new Promise<Server>((resolve, reject) => {
    const server: Server = app.listen(port, '127.0.0.1', () => resolve(server)).once('error', reject)
  })
  return {
    url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}/mcp`,
    async close() {
      await modern.close()
      await Promise.all([...sessions.values()].map((transport) => transport.close()))
      await new Promise<void>((resolve) => {
        listening.close(() => resolve())
        listening.closeAllConnections()
      })
    },
  }
}

/** Keeps a session's events, so that a stream which was cut can be read on (MCP 2025-11-25 basic/transports, "Resumability"). */
function createEventStore(): EventStore {
  type Message = Parameters<EventStore['storeEvent']>[1]
  const events: { readonly id: string; readonly stream: string; readonly message: Message }[] = []
  return {
    async storeEvent(stream, message) {
      const id = `${stream}/${events.length}`
      events.push({ id, stream, message })
      return id
    },
    async replayEventsAfter(last, { send }) {
      const at = events.findIndex(({ id }) => id === last)
      const stream = events[at]?.stream ?? ''
      for (const event of events.slice(at + 1)) {
        // A priming event has no message: there is nothing to send again.
        if (event.stream === stream && Object.keys(event.message).length > 0) await send(event.id, event.message)
      }
      return stream
    },
  }
}
