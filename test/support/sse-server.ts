import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Record<string, unknown>
}
export interface SseConnection {
  readonly id: number
  send(message: object): void
  /** Cuts the stream as a crash would. */
  cut(): void
}
export interface SseServer {
  readonly url: string
  readonly posts: { readonly connection: number; readonly message: Message; readonly headers: IncomingMessage['headers'] }[]
  readonly gets: IncomingMessage['headers'][]
  close(): Promise<void>
}
export interface SseServerOptions {
  /** What the endpoint event says; the server's own path otherwise. */
  readonly endpoint?: (connection: number) => string
  readonly open?: (response: ServerResponse) => boolean
  /** The server greets when it resolves. */
  readonly greets?: (connection: number) => Promise<void>
  /** True where the call was dealt with. */
  readonly call?: (message: Message, connection: SseConnection, response: ServerResponse) => boolean
  /** Told of every message that is posted. */
  readonly heard?: (message: Message, connection: SseConnection) => void
}

/** A small server over HTTP+SSE (MCP 2024-11-05) that keeps what it got. */
export async function startSseServer(options: SseServerOptions = {}): Promise<SseServer> {
  const posts: SseServer['posts'] = []
  const gets: IncomingMessage['headers'][] = []
  const connections = new Map<number, SseConnection>()
  const server = http.createServer(async (request, response) => {
    if (request.method === 'GET') return listen(request, response)
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const id = Number(new URL(request.url ?? '', 'http://x').searchParams.get('session'))
    const connection = connections.get(id)
    if (connection === undefined) return void response.writeHead(404).end()
    const message = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Message
    posts.push({ connection: id, message, headers: request.headers })
    options.heard?.(message, connection)
    if (message.method === 'tools/call' && options.call?.(message, connection, response) === true) return
    if (message.method === 'initialize') await options.greets?.(id)
    response.writeHead(202).end('Accepted')
    const result = answerTo(message)
    if (message.id !== undefined && result !== undefined) connection.send({ id: message.id, ...result })
  })
  function listen(request: IncomingMessage, response: ServerResponse): void {
    gets.push(request.headers)
    if (options.open?.(response) === true) return
    const id = gets.length
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`event: endpoint\ndata: ${options.endpoint?.(id) ?? `/message?session=${id}`}\n\n`)
    connections.set(id, { id, send: (message) => void response.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`), cut: () => void response.destroy() })
    response.once('close', () => connections.delete(id))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sse`,
    posts, gets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answerTo({ method, params }: Message): object | undefined {
  if (method === 'initialize') return { result: { protocolVersion: params?.['protocolVersion'], capabilities: { tools: {} }, serverInfo: { name: 'sse', version: '1' } } }
  if (method === 'tools/list') return { result: { tools: [{ name: 't', inputSchema: { type: 'object' } }] } }
  if (method === 'tools/call') return { result: { content: [{ type: 'text', text: 'done' }] } }
  return method === undefined ? undefined : { error: { code: -32601, message: 'Method not found' } }
}
