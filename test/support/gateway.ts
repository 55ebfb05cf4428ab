import { rmSync } from 'node:fs'
import { loadSettings } from '../../src/config/load.ts'
import type { Gateway } from '../../src/gateway.ts'
import type { Logger } from '../../src/model.ts'
import { openGateway } from '../../src/open.ts'
import { writeGatewayFiles, type GatewayFiles, type GatewayFilesOptions } from './gateway-files.ts'

export type { Who } from './gateway-files.ts'
export const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

export interface TestGateway extends GatewayFiles {
  readonly gateway: Gateway
  close(): Promise<void>
}
export interface TestGatewayOptions extends GatewayFilesOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly logger?: Logger
}

export const allowAll = `package policies.open

# METADATA
# title: Everything
allow if input.actor.kind != "nobody"

allow_server := true

allow_other := true
`

/** A whole gateway on a free port, with its own keys, policies and store. */
export async function startGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const files = await writeGatewayFiles(options)
  const loaded = await loadSettings(files.config, { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env })
  if (!loaded.ok) throw new Error(`settings: ${JSON.stringify(loaded.problems, null, 1)}`)
  const gateway = await openGateway({ settings: loaded.settings, secrets: loaded.secrets, logger: options.logger ?? quiet })
  await gateway.listen()
  return {
    ...files, gateway,
    async close() {
      await gateway.close()
      rmSync(files.directory, { recursive: true, force: true })
    },
  }
}

/** A plain client: one POST with the headers a legacy or modern client sends. */
export async function post(url: string, token: string | undefined, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  })
}

/** How a client of a legacy revision begins. */
export const greetingOf = (name: string) => ({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name, version: '1' } } })

/** Asks the admin API of a gateway; with a body, by POST. */
export const askApi = (gateway: string, token: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${gateway}/api/v1/${path}`, { headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }) })

/** The JSON-RPC answer of a response, as JSON or as the last event of its stream. */
export async function answerOf(response: Response): Promise<{ result?: Record<string, unknown>; error?: { code: number; message: string; data?: unknown }; id?: unknown }> {
  const text = await response.text()
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) return JSON.parse(text)
  const data = text.split('\n').filter((line) => line.startsWith('data:') && line.length > 6).map((line) => JSON.parse(line.slice(5)))
  return data.findLast((message) => 'result' in message || 'error' in message)
}

export interface PlainClient {
  readonly session: string | undefined
  request(method: string, params?: unknown, headers?: Readonly<Record<string, string>>): Promise<Awaited<ReturnType<typeof answerOf>> & { status: number }>
  send(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
}

export const modernMeta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 'plain', version: '1' } }

/** A client of one revision that speaks plain HTTP: for legacy ones the session is opened. */
export async function connect(url: string, token: string, revision: string, capabilities: unknown = {}): Promise<PlainClient> {
  let next = 1
  if (revision === '2026-07-28') {
    const headersOf = (method: string, params: Record<string, unknown>) => {
      const name = method === 'resources/read' ? params['uri'] : params['name']
      return { 'mcp-protocol-version': revision, 'mcp-method': method, ...(['tools/call', 'prompts/get', 'resources/read'].includes(method) && typeof name === 'string' ? { 'mcp-name': name } : {}) }
    }
    return {
      session: undefined,
      send: (body, headers = {}) => post(url, token, body, headers),
      async request(method, params = {}, headers = {}) {
        const body = { jsonrpc: '2.0', id: next++, method, params: { ...(params as object), _meta: { ...modernMeta, 'io.modelcontextprotocol/clientCapabilities': capabilities, ...((params as { _meta?: object })._meta ?? {}) } } }
        const response = await post(url, token, body, { ...headersOf(method, params as Record<string, unknown>), ...headers })
        return { ...(await answerOf(response)), status: response.status }
      },
    }
  }
  const opened = await post(url, token, { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: revision, capabilities, clientInfo: { name: 'plain', version: '1' } } })
  const session = opened.headers.get('mcp-session-id') ?? undefined
  const answer = await answerOf(opened)
  if (answer.error !== undefined || session === undefined) throw new Error(`initialize failed: ${opened.status} ${JSON.stringify(answer)}`)
  const own: Record<string, string> = { 'mcp-session-id': session, ...(revision === '2025-03-26' ? {} : { 'mcp-protocol-version': revision }) }
  await post(url, token, { jsonrpc: '2.0', method: 'notifications/initialized' }, own)
  return {
    session,
    send: (body, headers = {}) => post(url, token, body, { ...own, ...headers }),
    async request(method, params = {}, headers = {}) {
      const response = await post(url, token, { jsonrpc: '2.0', id: next++, method, params }, { ...own, ...headers })
      return { ...(await answerOf(response)), status: response.status }
    },
  }
}
