import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { stringify } from 'yaml'
import { loadSettings } from '../../src/config/load.ts'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import type { Logger } from '../../src/model.ts'

export const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
export const loud: Logger = { debug: () => undefined, info: () => undefined, warn: (...all) => console.warn(...all), error: (...all) => console.error(...all) }

export interface Who {
  readonly subject: string
  readonly groups: readonly string[]
  readonly issuer?: 'people' | 'machines'
  readonly email?: string
  readonly claims?: Readonly<Record<string, unknown>>
  /** `10m` where nothing else is said. */
  readonly expires?: string
}
export interface TestGateway {
  readonly url: string
  readonly directory: string
  readonly gateway: Gateway
  /** A token for one upstream, or for the API. */
  token(who: Who, resource: string): Promise<string>
  mcp(upstream: string): string
  writePolicy(name: string, text: string): void
  close(): Promise<void>
}
export interface TestGatewayOptions {
  readonly upstreams: Readonly<Record<string, unknown>>
  /** Rego by file name, e.g. `{ 'policies/crm/crm.rego': '…' }`. */
  readonly rego: Readonly<Record<string, string>>
  readonly settings?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
  readonly logger?: Logger
  /** An earlier gateway's directory, to start again on its store. */
  readonly directory?: string
}

export const allowAll = `package policies.open

# METADATA
# title: Everything
allow if input.actor.kind != "nobody"

allow_server := true

allow_other := true
`

const issuers = { people: 'https://people.example', machines: 'https://machines.example' } as const
const keys = await generateKeyPair('ES256', { extractable: true })

/** A whole gateway on a free port, with its own keys, policies and store. */
export async function startGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'sallyport-'))
  const write = (name: string, text: string, mode?: number) => {
    const file = join(directory, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text, mode === undefined ? {} : { mode })
  }
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  if (options.directory === undefined) {
    write('jwks.json', JSON.stringify({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] }))
    write('store.key', randomBytes(32).toString('hex'), 0o600)
  }
  for (const [name, text] of Object.entries(options.rego)) write(join('rego', name), text)
  const issuer = { jwks: { file: 'jwks.json' }, algorithms: ['ES256'] }
  const content = {
    listen: { host: '127.0.0.1', port },
    public_url: url,
    store: { kind: 'sqlite', path: 'sallyport.db', key_from: { file: 'store.key' } },
    policy: { source: { kind: 'directory', path: 'rego' } },
    identity: {
      issuers: [
        { name: 'people', issuer: issuers.people, kind: 'person', trusted_groups: ['support', 'oncall', 'audit', 'ops'], ...issuer },
        { name: 'machines', issuer: issuers.machines, kind: 'service', trusted_groups: ['ci'], ...issuer },
      ],
    },
    admin: { roles: { reviewer: ['oncall'], auditor: ['audit'], operator: ['ops'] } },
    upstreams: options.upstreams,
    ...options.settings,
  }
  write('sallyport.yaml', stringify(content))
  const loaded = await loadSettings(join(directory, 'sallyport.yaml'), { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env })
  if (!loaded.ok) throw new Error(`settings: ${JSON.stringify(loaded.problems, null, 1)}`)
  const gateway = await createGateway({ settings: loaded.settings, secrets: loaded.secrets, logger: options.logger ?? quiet })
  await gateway.listen()
  return {
    url, directory, gateway,
    mcp: (upstream) => `${url}/mcp/${upstream}`,
    token: ({ subject, groups, issuer: from = 'people', email, claims = {}, expires = '10m' }, resource) =>
      new SignJWT({ groups, ...(email === undefined ? {} : { email, email_verified: true }), ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setIssuer(issuers[from]).setSubject(subject).setAudience(resource === 'api' ? `${url}/api/v1` : `${url}/mcp/${resource}`)
        .setIssuedAt().setExpirationTime(expires).sign(keys.privateKey),
    writePolicy: (name, text) => write(join('rego', name), text),
    async close() {
      await gateway.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
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
