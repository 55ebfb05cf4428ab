import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { startFixture, type Fixture } from '../conformance/http.ts'
import { openCurl, openInspector, openSdkV1, openSdkV2, openSseV1, openSseV2, type OpenClient } from '../support/clients.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'

const policy = `package policies.clients

allow if {
	input.actor.kind != "nobody"
	not hidden
}

hidden if input.message.call.name in {"get-env", "move_file", "delete_relations", "test_image_content"}

allow_server if "ops" in input.actor.groups

allow_server if input.message.method == "roots/list"

deny contains {"code": "read_only", "message": "changes are not allowed here"} if {
	input.message.direction == "to_server"
	input.message.call.name in {"toggle-simulated-logging", "write_file", "delete_entities", "test_error_handling"}
}

mask contains {"detector": "card_number", "with": "[CARD]"} if input.message.direction == "to_client"
`
const card = '4111 1111 1111 1111'
const modules = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol')
const directory = realpathSync(mkdtempSync(join(tmpdir(), 'clients-')))
const script = (name: string, ...args: string[]) => ({ command: process.execPath, args: [join(modules, name, 'dist/index.js'), ...args] })
let gateway: TestGateway
let fixture: Fixture
const everything: ChildProcess[] = []
let users = 0

beforeAll(async () => {
  writeFileSync(join(directory, 'order.txt'), `paid with ${card}`)
  writeFileSync(join(directory, 'memory.jsonl'), `${JSON.stringify({ type: 'entity', name: 'ada', entityType: 'person', observations: [`pays with ${card}`] })}\n`)
  const [port, ssePort] = await Promise.all([startEverything('streamableHttp'), startEverything('sse')])
  fixture = await startFixture()
  gateway = await startGateway({
    upstreams: {
      'everything-http': { url: `http://127.0.0.1:${port}/mcp` },
      'everything-sse': { url: `http://127.0.0.1:${ssePort}/sse`, transport: 'sse' },
      'everything-stdio': script('server-everything', 'stdio'),
      files: script('server-filesystem', directory),
      memory: { ...script('server-memory'), env: { MEMORY_FILE_PATH: join(directory, 'memory.jsonl') } },
      fixture: { url: fixture.url },
    },
    rego: { 'policies/clients/clients.rego': policy },
  })
})
afterAll(async () => {
  await gateway?.close()
  await fixture?.close()
  for (const server of everything) server.kill()
  rmSync(directory, { recursive: true, force: true })
})

async function startEverything(transport: 'streamableHttp' | 'sse'): Promise<number> {
  const port = await freePort()
  const server = spawn(process.execPath, [join(modules, 'server-everything/dist/index.js'), transport], { env: { ...process.env, PORT: String(port) }, stdio: ['ignore', 'ignore', 'pipe'] })
  everything.push(server)
  await new Promise<void>((resolve) => server.stderr?.on('data', (text) => String(text).includes(String(port)) && resolve()))
  return port
}

interface Server {
  readonly lists: string
  readonly hides: string
  /** Answers with the card number. */
  readonly masked: readonly [string, Readonly<Record<string, unknown>>]
  readonly denied: readonly [string, Readonly<Record<string, unknown>>]
}
const everythingServer: Server = { lists: 'echo', hides: 'get-env', masked: ['echo', { message: `card ${card}` }], denied: ['toggle-simulated-logging', {}] }
const servers: Readonly<Record<string, Server>> = {
  'everything-http': everythingServer,
  'everything-sse': everythingServer,
  'everything-stdio': everythingServer,
  files: { lists: 'read_text_file', hides: 'move_file', masked: ['read_text_file', { path: join(directory, 'order.txt') }], denied: ['write_file', { path: join(directory, 'new.txt'), content: 'x' }] },
  memory: { lists: 'read_graph', hides: 'delete_relations', masked: ['read_graph', {}], denied: ['delete_entities', { entityNames: ['ada'] }] },
}
const fixtureServer: Server = { lists: 'json_schema_2020_12_tool', hides: 'test_image_content', masked: ['json_schema_2020_12_tool', { name: `card ${card}`, email: 'none' }], denied: ['test_error_handling', {}] }

const clients: Readonly<Record<string, OpenClient>> = {
  'SDK v1': openSdkV1,
  'SDK v2, legacy': openSdkV2('legacy'),
  'SDK v2, auto': openSdkV2('auto'),
  'Inspector': openInspector,
  'curl': openCurl,
  'SDK v1, HTTP+SSE': openSseV1,
  'SDK v2, HTTP+SSE': openSseV2('auto'),
}
const rows = Object.entries(servers).flatMap(([upstream, server]) => Object.entries(clients).map(([client, open]) => ({ client, upstream, open, server })))
const modern = [
  { client: 'SDK v2, auto', upstream: 'fixture', open: clients['SDK v2, auto'] ?? openSdkV1, server: fixtureServer, revision: '2026-07-28' },
  { client: 'SDK v2, pinned', upstream: 'fixture', open: openSdkV2({ pin: '2026-07-28' }), server: fixtureServer, revision: '2026-07-28' },
  { client: 'SDK v2, legacy', upstream: 'fixture', open: openSdkV2('legacy'), server: fixtureServer, revision: '2025-11-25' },
]

async function uses(open: OpenClient, upstream: string, server: Server): Promise<string | undefined> {
  const client = await open(gateway.mcp(upstream), await gateway.token({ subject: `sam ${(users += 1)}`, groups: ['support'] }, upstream))
  try {
    const tools = await client.tools()
    expect(tools).toContain(server.lists)
    expect(tools).toContain(server.denied[0])
    expect(tools).not.toContain(server.hides)

    const masked = await client.call(...server.masked)
    expect(masked).toMatchObject({ isError: false })
    expect(masked.text).toContain('[CARD]')
    expect(masked.text).not.toContain('1111')

    const denied = await client.call(...server.denied)
    expect(denied).toMatchObject({ isError: true })
    expect(denied.text).toContain('changes are not allowed here')
    expect((await client.call(server.hides, {})).text).toContain(server.hides)
    return client.revision
  } finally {
    await client.close()
  }
}

test.each(rows)('$client uses $upstream: lists, an answer masked, a refusal that tells why', async ({ open, upstream, server }) => {
  const revision = await uses(open, upstream, server)
  if (revision !== undefined) expect(revision).toBe('2025-11-25')
})

test.each(modern)('$client uses a server of both eras in $revision', async ({ open, upstream, server, revision }) => {
  expect(await uses(open, upstream, server)).toBe(revision)
})

const openAsked = async (upstream: string, groups: readonly string[]) => {
  const client = new Client({ name: 'asked', version: '1.0.0' }, { capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } } })
  const asked: string[] = []
  client.setRequestHandler(CreateMessageRequestSchema, async ({ method }) => (asked.push(method), { role: 'assistant', model: 'm', content: { type: 'text', text: 'sampled here' } }))
  client.setRequestHandler(ElicitRequestSchema, async ({ method }) => (asked.push(method), { action: 'accept', content: { name: 'Ada Lovelace' } }))
  client.setRequestHandler(ListRootsRequestSchema, async ({ method }) => (asked.push(method), { roots: [{ uri: 'file:///srv/docs', name: 'docs' }] }))
  const token = await gateway.token({ subject: `asked ${groups.join()}`, groups: ['support', ...groups], claims: {} }, upstream)
  // See test/support/clients.ts for the cast.
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.mcp(upstream)), { requestInit: { headers: { authorization: `Bearer ${token}` } } }) as StreamableHTTPClientTransport & Transport)
  const call = async (name: string, args: Record<string, unknown> = {}) => JSON.stringify(await client.callTool({ name, arguments: args }))
  return { client, asked, call }
}

test.each(['everything-http', 'everything-sse', 'everything-stdio'])('%s: sampling, elicitation and roots go through to the client and back', async (upstream) => {
  const { client, asked, call } = await openAsked(upstream, ['ops'])
  try {
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['trigger-sampling-request', 'trigger-elicitation-request', 'get-roots-list']))
    expect(await call('trigger-sampling-request', { prompt: 'say something' })).toContain('sampled here')
    expect(await call('trigger-elicitation-request')).toContain('Ada Lovelace')
    expect(await call('get-roots-list')).toContain('file:///srv/docs')
    expect(asked).toEqual(expect.arrayContaining(['sampling/createMessage', 'elicitation/create', 'roots/list']))
  } finally {
    await client.close()
  }
})

test.each(['everything-http', 'everything-sse', 'everything-stdio'])('%s: what allow_server does not allow never reaches the client, and the server is told', async (upstream) => {
  const { client, asked, call } = await openAsked(upstream, [])
  try {
    expect(await call('trigger-sampling-request', { prompt: 'say something' })).toMatch(/isError":true/)
    expect(asked).not.toContain('sampling/createMessage')
  } finally {
    await client.close()
  }
})
