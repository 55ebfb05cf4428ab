// The command that the client scenarios run: uses the server at the URL given last, directly or (`--gateway`) through a gateway of its own.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { allowAll, startGateway } from '../../test/support/gateway.ts'
import { startAdapter } from './adapter.ts'

const scenario = process.env['MCP_CONFORMANCE_SCENARIO'] ?? ''
const context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as { toolCalls?: readonly Call[] }
const url = process.argv.at(-1) ?? ''

interface Call {
  readonly name: string
  readonly arguments: Record<string, unknown>
}

if (process.argv.includes('--gateway')) {
  const gateway = await startGateway({ upstreams: { server: { url } }, rego: { 'policies/open/open.rego': allowAll } })
  const adapter = await startAdapter(gateway.mcp('server'), await gateway.token({ subject: 'client', groups: [] }, 'server'))
  await play(adapter.url).finally(async () => {
    await adapter.close()
    await gateway.close()
  })
} else await play(url)

/** Lists what there is and uses it once. What comes of it is checked by the server of the scenario. */
async function play(server: string): Promise<void> {
  // Some servers of the newer era answer no `server/discover`: their clients are told here what they would say.
  const isMute = scenario.startsWith('http-') || scenario.startsWith('sep-2322')
  const isModern = isMute || process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] === '2026-07-28'
  const client = new Client(
    { name: 'test-client', version: '1.0.0' },
    { capabilities: { elicitation: { form: { applyDefaults: true } }, ...(scenario === 'request-metadata' ? { roots: { listChanged: true }, sampling: {} } : {}) }, versionNegotiation: { mode: isModern ? 'auto' : 'legacy' } },
  )
  client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: scenario.startsWith('sep-2322') ? { confirmed: true } : {} }))
  await client.connect(new StreamableHTTPClientTransport(new URL(server), isMute ? { fetch: discovered } : {}))
  if (scenario !== 'request-metadata') await useAll(client)
  await client.close()
}

async function useAll(client: Client): Promise<void> {
  const { tools } = await client.listTools()
  const schema = tools.find(({ name }) => name === 'json_schema_2020_12_tool')?.inputSchema
  const known: Readonly<Record<string, Call['arguments']>> = { add_numbers: { a: 5, b: 3 }, json_schema_echo: { schema }, valid_tool: { region: 'us-west1' } }
  const usable = ['initialize', 'json-schema-ref-no-deref'].includes(scenario) ? [] : tools.filter(({ inputSchema }) => inputSchema !== schema)
  for (const call of context.toolCalls ?? usable.map(({ name }) => ({ name, arguments: known[name] ?? {} }))) {
    await client.callTool(call).catch((error: unknown) => console.log(`${call.name}: ${String(error)}`))
  }
  if (scenario !== 'http-standard-headers') return
  for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri })
  for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name, arguments: {} })
}

async function discovered(input: string | URL, init?: RequestInit): Promise<Response> {
  const message = typeof init?.body === 'string' ? (JSON.parse(init.body) as { id?: unknown; method?: string }) : {}
  if (message.method !== 'server/discover') return fetch(input, init)
  const capabilities = { tools: {}, resources: {}, prompts: {} }
  return Response.json({ jsonrpc: '2.0', id: message.id, result: { supportedVersions: ['2026-07-28'], capabilities, _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'mute', version: '1' } } } })
}
