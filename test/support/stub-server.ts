import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly method: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: string
}
export interface StubServer {
  readonly url: string
  /** Every request that reached the server, in order. */
  readonly received: Received[]
  readonly messages: () => readonly { readonly method?: string; readonly id?: unknown; readonly params?: Record<string, unknown> }[]
  close(): Promise<void>
}
export type Answer = (request: Received, response: ServerResponse) => void | Promise<void>

/** A real HTTP server that keeps the bytes it got and answers as the test says. */
export async function startStubServer(answer: Answer, tls?: https.ServerOptions): Promise<StubServer> {
  const received: Received[] = []
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const seen = { method: request.method ?? '', headers: request.headers, rawHeaders: request.rawHeaders, body: Buffer.concat(chunks).toString('utf8') }
    received.push(seen)
    await answer(seen, response)
  }
  // A machine with much else to do may stop this process for longer than idle connections are kept: no call is to meet one that dies.
  const server = tls === undefined ? http.createServer({ keepAliveTimeout: 600_000 }, take) : https.createServer({ keepAliveTimeout: 600_000, ...tls }, take)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/mcp`,
    received,
    messages: () => received.filter(({ body }) => body !== '').map(({ body }) => JSON.parse(body)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export const json = (response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

export const events = (response: ServerResponse, frames: readonly string[]): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const frame of frames) response.write(frame)
}

type Method = (params: Record<string, unknown>, message: { id?: unknown; method: string }) => unknown

/** A small MCP server over plain JSON: `initialize` and lists are given, the rest is the test's. */
export const mcpAnswers = (methods: Readonly<Record<string, Method>>, session: string | null = 'upstream-session'): Answer => (request, response) => {
  if (request.method !== 'POST') return void response.writeHead(request.method === 'DELETE' ? 200 : 405).end()
  const message = JSON.parse(request.body) as { id?: unknown; method: string; params?: Record<string, unknown> }
  if (message.id === undefined || message.method === undefined) return void response.writeHead(202).end()
  const found = methods[message.method]
  if (found !== undefined) {
    const made = found(message.params ?? {}, message)
    if (made instanceof Promise) return made.then((result) => json(response, { jsonrpc: '2.0', id: message.id, result }))
    return json(response, { jsonrpc: '2.0', id: message.id, result: made })
  }
  if (message.method === 'initialize') {
    const result = { protocolVersion: message.params?.['protocolVersion'], capabilities: { tools: {}, prompts: {}, resources: {} }, serverInfo: { name: 'stub', version: '1' } }
    return json(response, { jsonrpc: '2.0', id: message.id, result }, 200, session === null ? {} : { 'mcp-session-id': session })
  }
  const empty: Record<string, unknown> = { 'tools/list': { tools: [] }, 'prompts/list': { prompts: [] }, 'resources/list': { resources: [] }, ping: {} }
  const result = empty[message.method]
  if (result !== undefined) return json(response, { jsonrpc: '2.0', id: message.id, result })
  json(response, { jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Method not found' } })
}
