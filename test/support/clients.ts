import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client as ClientV2, SSEClientTransport as SseV2, StreamableHTTPClientTransport as HttpV2 } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport as SseV1 } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport as TransportV1 } from '@modelcontextprotocol/sdk/shared/transport.js'

/** A call as the program behind a client sees it: what the model is given, or the error it is told. */
export interface Seen {
  readonly text: string
  readonly isError: boolean
}
export interface RealClient {
  /** The revision that was agreed upon, where the client tells. */
  readonly revision: string | undefined
  tools(): Promise<readonly string[]>
  call(name: string, args: Readonly<Record<string, unknown>>): Promise<Seen>
  close(): Promise<void>
}
export type OpenClient = (url: string, token: string) => Promise<RealClient>

const info = { name: 'real-client', version: '1.0.0' }
const withToken = (token: string) => ({ requestInit: { headers: { authorization: `Bearer ${token}` } } })
const seenOf = (result: unknown): Seen => ({ text: JSON.stringify(result), isError: (result as { isError?: boolean }).isError === true })
const failed = (error: unknown): Seen => ({ text: error instanceof Error ? error.message : String(error), isError: true })

export const openSdkV1: OpenClient = async (url, token) => {
  const client = new ClientV1(info)
  // The SDK's own transport has optional members that its interface spells without `undefined`.
  const transport = new HttpV1(new URL(url), withToken(token)) as HttpV1 & TransportV1
  await client.connect(transport)
  return { ...clientV1(client), revision: transport.protocolVersion }
}

const clientV1 = (client: ClientV1): RealClient => ({
  revision: undefined,
  tools: async () => (await client.listTools()).tools.map(({ name }) => name),
  call: (name, args) => client.callTool({ name, arguments: { ...args } }).then(seenOf, failed),
  close: () => client.close(),
})
const clientV2 = (client: ClientV2): RealClient => ({
  revision: client.getNegotiatedProtocolVersion(),
  tools: async () => (await client.listTools()).tools.map(({ name }) => name),
  call: (name, args) => client.callTool({ name, arguments: { ...args } }).then(seenOf, failed),
  close: () => client.close(),
})

export const openSdkV2 = (mode: 'legacy' | 'auto' | { readonly pin: string }): OpenClient => async (url, token) => {
  const client = new ClientV2(info, { versionNegotiation: { mode } })
  await client.connect(new HttpV2(new URL(url), withToken(token)))
  return clientV2(client)
}

/** Over HTTP+SSE, as a client that has tried Streamable HTTP at that address and was told that it is not spoken there. */
export const openSseV1: OpenClient = async (url, token) => {
  const address = new URL(`${url}/sse`)
  const refused = await new ClientV1(info).connect(new HttpV1(address, withToken(token)) as HttpV1 & TransportV1).then(() => 'connected', (error: { code?: number }) => error.code)
  if (refused !== 405) throw new Error(`expected 405, got ${refused}`)
  const client = new ClientV1(info)
  await client.connect(new SseV1(address, withToken(token)))
  return clientV1(client)
}

export const openSseV2 = (mode: 'legacy' | 'auto'): OpenClient => async (url, token) => {
  const client = new ClientV2(info, { versionNegotiation: { mode } })
  await client.connect(new SseV2(new URL(`${url}/sse`), withToken(token)))
  return clientV2(client)
}

const root = join(import.meta.dirname, '../..')

/** Resolves with what a program printed, whatever its exit code: 5 is the inspector's for a tool's own error. */
const run = (file: string, args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}): Promise<{ readonly code: number; readonly output: string }> =>
  new Promise((resolve) => {
    const child = execFile(file, args, { timeout: 240_000, env: { ...process.env, ...env } }, (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: stdout === '' ? stderr : stdout }))
    child.stdin?.end(input)
  })

export const openInspector: OpenClient = async (url, token) => {
  const inspector = join(root, 'node_modules/.bin/mcp-inspector')
  const home = mkdtempSync(join(tmpdir(), 'inspector-')) // it keeps state there
  const ask = (...args: string[]) => run(process.execPath, [inspector, '--cli', url, '--transport', 'http', '--header', `Authorization: Bearer ${token}`, ...args], '', { HOME: home })
  return {
    revision: undefined,
    async tools() {
      const { code, output } = await ask('--method', 'tools/list')
      if (code !== 0) throw new Error(output)
      return (JSON.parse(output) as { tools: { name: string }[] }).tools.map(({ name }) => name)
    },
    async call(name, args) {
      const given = Object.entries(args).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      const { code, output } = await ask('--method', 'tools/call', '--tool-name', name, ...(given.length === 0 ? [] : ['--tool-arg', ...given]))
      return { text: output, isError: code !== 0 }
    },
    close: async () => rmSync(home, { recursive: true, force: true }),
  }
}

/** Plain curl, as in a pipeline step: a greeting, then requests with the session it was given. */
export const openCurl: OpenClient = async (url, token) => {
  const revision = '2025-11-25'
  const post = async (message: object, session?: string) => {
    const headers = [`Authorization: Bearer ${token}`, 'Content-Type: application/json', 'Accept: application/json, text/event-stream', ...(session === undefined ? [] : [`Mcp-Session-Id: ${session}`, `MCP-Protocol-Version: ${revision}`])]
    const { output } = await run('curl', ['-sS', '-i', '--max-time', '200', ...headers.flatMap((header) => ['-H', header]), '-d', '@-', url], JSON.stringify({ jsonrpc: '2.0', ...message }))
    const [head = '', body = ''] = output.split('\r\n\r\n')
    const data = body.split('\n').filter((line) => line.startsWith('data: {')).map((line) => line.slice(6))
    return { session: /^mcp-session-id: (\S+)/im.exec(head)?.[1], answer: JSON.parse(data.at(-1) ?? (body === '' ? '{}' : body)) as { result?: Record<string, unknown>; error?: { message: string } } }
  }
  const { session, answer } = await post({ id: 0, method: 'initialize', params: { protocolVersion: revision, capabilities: {}, clientInfo: info } })
  if (session === undefined) throw new Error(JSON.stringify(answer))
  await post({ method: 'notifications/initialized' }, session)
  return {
    revision: String(answer.result?.['protocolVersion']),
    tools: async () => ((await post({ id: 1, method: 'tools/list' }, session)).answer.result?.['tools'] as { name: string }[]).map(({ name }) => name),
    async call(name, args) {
      const { result, error } = (await post({ id: 2, method: 'tools/call', params: { name, arguments: args } }, session)).answer
      return error === undefined ? seenOf(result) : failed(error.message)
    },
    close: async () => void (await run('curl', ['-sS', '-X', 'DELETE', '-H', `Authorization: Bearer ${token}`, '-H', `Mcp-Session-Id: ${session}`, url])),
  }
}
