import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client as ClientV2 } from '@modelcontextprotocol/client'
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { loadSettings } from '../../../src/config/load.ts'
import type { Gateway } from '../../../src/gateway.ts'
import { openGateway } from '../../../src/open.ts'
import { startFixture, type Fixture } from '../../conformance/http.ts'
import { startWorld, type World } from '../../oauth/world.ts'
import { until } from '../../support/conditions.ts'
import { quiet } from '../../support/gateway.ts'
import { createTerminal, sayYes, type Terminal } from './terminal.ts'

const program = join(import.meta.dirname, '../../../src/cli/main.ts')
const inspector = join(import.meta.dirname, '../../../node_modules/.bin/mcp-inspector')
const card = '4111 1111 1111 1111'
const policy = `package policies.open

allow if input.actor.kind == "person"

allow_server := true

allow_other := true

deny contains {"code": "no_images", "message": "images are not allowed here"} if {
	input.message.direction == "to_server"
	input.message.call.name == "test_image_content"
}

require_approval contains {"code": "sound", "reviewers": ["oncall"], "ttl": "10m"} if {
	input.message.direction == "to_server"
	input.message.call.name == "test_audio_content"
}

mask contains {"detector": "card_number", "with": "[CARD]"} if input.message.direction == "to_client"
`
let fixture: Fixture
let world: World
let me: Terminal
let restarted: Gateway | undefined
const clients: { close(): Promise<void> }[] = []
const children: ChildProcess[] = []

beforeAll(async () => {
  fixture = await startFixture()
  world = await startWorld({
    rego: { 'policies/open/open.rego': policy },
    upstreams: { fixture: { url: fixture.url, scopes: { sounds: { tools: ['test_simple_text'], description: 'say simple things' } } } },
    identity: { issuers: [{ name: 'people', issuer: 'https://people.example', kind: 'person', trusted_groups: ['oncall'], jwks: { file: 'jwks.json' }, algorithms: ['ES256'] }] },
  })
  me = createTerminal()
})
afterAll(async () => {
  for (const client of clients) await client.close()
  for (const child of children) child.kill('SIGKILL')
  await restarted?.close()
  await world?.close()
  await fixture?.close()
  me?.close()
})

const args = ['--no-warnings', program, 'connect', 'fixture']
const env = (): Record<string, string> => ({ ...me.env, SALLYPORT_URL: world.url })
const about = { name: 'a-desktop', version: '1.0.0' }
const textOf = (result: unknown): string => JSON.stringify(result)

/** Whoever is on call says yes to whatever comes next. */
async function approveNext(): Promise<void> {
  const token = await world.gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api')
  const ask = (path: string, init: RequestInit = {}) => fetch(`${world.url}/api/v1/${path}`, { ...init, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } })
  const id = await until(async () => ((await (await ask('approvals?state=pending')).json()) as { items: { id: string }[] }).items[0]?.id)
  expect((await ask(`approvals/${id}/approve`, { method: 'POST', body: JSON.stringify({ reason: 'agreed' }) })).status).toBe(200)
}
const keptFile = (): string => {
  const place = join(me.home, 'config/sallyport/gateways')
  return join(place, readdirSync(place).find((name) => name.endsWith('.json')) ?? '')
}
interface Kept { readonly resources: Record<string, { expires_at: number; tokens: { access_token: string; refresh_token: string } }> }
const kept = () => JSON.parse(readFileSync(keptFile(), 'utf8')) as Kept
const tokens = () => kept().resources[`${world.url}/mcp/fixture`]?.tokens

/** The lines of a client that writes them itself. */
function startLines() {
  const child = spawn(process.execPath, args, { env: env(), stdio: ['pipe', 'pipe', 'pipe'] })
  children.push(child)
  const heard: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => void heard.push(line))
  const ended = once(child, 'exit').then(([code]: (number | null)[]) => code)
  return {
    child, heard, ended,
    say: (line: string) => void child.stdin.write(`${line}\n`),
    answer: (id: string) => until(() => heard.find((line) => line.includes(`"id":${id}`) && !line.includes('"method"'))),
  }
}
const greeting = (id = '0') => `{"jsonrpc":"2.0","id":${id},"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"lines","version":"1"}}}`

interface Talker {
  tools(): Promise<string>
  call(name: string, given?: Record<string, unknown>): Promise<unknown>
}
async function uses(client: Talker): Promise<void> {
  expect(await client.tools()).toContain('test_simple_text')
  const masked = textOf(await client.call('json_schema_2020_12_tool', { name: `card ${card}`, email: 'none' }))
  expect(masked).toContain('[CARD]')
  expect(masked).not.toContain('4111 1111')
  expect(await client.call('test_image_content')).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'no_images' }] } } })
  expect(textOf(await client.call('test_x_mcp_header', { region: 'Zürich' }))).toContain('region Zürich')
  expect(textOf(await client.call('test_reconnection'))).toContain('answered after the stream was closed')
  const held = client.call('test_audio_content')
  await approveNext()
  expect(textOf(await held)).toContain('audio/wav')
}

describe('sallyport connect', () => {
  test('SDK 1: its person signs in by a browser; then lists, masks, denials, approvals and what the server asks', async () => {
    const client = new ClientV1(about, { capabilities: { sampling: {} } })
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({ model: 'none', role: 'assistant' as const, content: { type: 'text' as const, text: 'I am asked' } }))
    const errors: unknown[] = []
    client.onerror = (error) => void errors.push(error)
    const before = me.opened().length
    const connecting = client.connect(new StdioV1({ command: process.execPath, args, env: env(), stderr: 'ignore' }))
    await sayYes(await until(() => me.opened()[before]?.[0]))
    await connecting
    clients.push(client)
    await uses({ tools: async () => textOf(await client.listTools()), call: (name, given = {}) => client.callTool({ name, arguments: given }) })
    expect(textOf(await client.callTool({ name: 'test_sampling', arguments: { prompt: 'hello' } }))).toContain('I am asked')
    expect(errors).toEqual([])
    await client.close()
  })

  test.each([['legacy', '2025-11-25'], ['auto', '2026-07-28']] as const)('SDK 2, %s: the same, and nobody is asked again', async (mode, revision) => {
    const before = me.opened().length
    const client = new ClientV2(about, { versionNegotiation: { mode } })
    await client.connect(new StdioV2({ command: process.execPath, args, env: env(), stderr: 'ignore' }))
    clients.push(client)
    expect(client.getNegotiatedProtocolVersion()).toBe(revision)
    await uses({ tools: async () => textOf(await client.listTools()), call: (name, given = {}) => client.callTool({ name, arguments: given }) })
    await client.close()
    expect(me.opened()).toHaveLength(before)
  })

  test('a call that wants more scopes has its person asked for them, and then runs', async () => {
    const { say, answer, child, ended } = startLines()
    say(greeting())
    await answer('0')
    say('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    const before = me.opened().length
    say('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_simple_text","arguments":{}}}')
    const asked = await until(() => me.opened()[before]?.[0])
    expect(new URL(asked).searchParams.get('scope')?.split(' ')).toEqual(expect.arrayContaining(['mcp:fixture', 'mcp:fixture:sounds']))
    await sayYes(asked)
    expect(await answer('1')).toContain('a simple line of text')
    child.stdin.end()
    expect(await ended).toBe(0)
  })

  test('2026-07-28: a call that is taken back gets no answer, and the others go on', async () => {
    const { say, answer, heard, child, ended } = startLines()
    const meta = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
    const token = await world.gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api')
    const pending = async () => ((await (await fetch(`${world.url}/api/v1/approvals?state=pending`, { headers: { authorization: `Bearer ${token}` } })).json()) as { items: unknown[] }).items.length
    say(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_audio_content","arguments":{},${meta}}}`)
    await until(async () => (await pending()) === 1)
    say('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')
    say(`{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{${meta}}}`)
    expect(await answer('2')).toContain('test_simple_text')
    expect(heard.filter((line) => line.includes('"id":1'))).toEqual([])
    child.stdin.end()
    expect(await ended).toBe(0)
  })

  test('2026-07-28: a call whose arguments are wanted in headers goes through before anything was listed, and as it is written', async () => {
    const { child, heard, say, answer, ended } = startLines()
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, progressToken: 7 }
    say(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_x_mcp_header","arguments":{"region":"Zürich"},"_meta":${JSON.stringify(meta)}}}`)
    expect(await answer('1')).toContain('region Zürich')
    expect(heard.filter((line) => !line.includes('"method"'))).toHaveLength(1)
    child.stdin.end()
    expect(await ended).toBe(0)
  })

  test('Inspector', async () => {
    const set = Object.entries({ ...env() }).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    const out = await new Promise<string>((resolve) => execFile(process.execPath, [inspector, '--cli', ...set, process.execPath, ...args, '--method', 'tools/list'], { timeout: 120_000, env: { ...process.env, HOME: me.home } }, (_error, stdout, stderr) => resolve(`${stdout}${stderr}`)))
    expect(out).toContain('test_simple_text')
  })

  test('messages pass as they are written, and nothing else is on the standard output', async () => {
    const { say, answer, heard, child, ended } = startLines()
    say(greeting('"a\\u0062c"'))
    await answer('"abc"')
    say('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    say('{"jsonrpc":"2.0","id":12345678901234567890,"method":"tools/call","params":{"name":"json_schema_2020_12_tool","arguments":{"name":"\u2028 one line","amount":1.0},"_meta":{"x/unknown":1e2}}}')
    await answer('12345678901234567890')
    say('{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"test_tool_with_progress","arguments":{},"_meta":{"progressToken":"p"}}}')
    const done = await answer('5')
    expect(heard.slice(0, heard.indexOf(done)).flatMap((line) => /"progressToken":"p"/.test(line) ? [(JSON.parse(line) as { params: { progress: number } }).params.progress] : [])).toEqual([0, 50, 100])
    say('{"jsonrpc":"2.0","id":7,"method":"no/such"}')
    expect(JSON.parse(await answer('7'))).toMatchObject({ id: 7, error: { code: -32601 } })
    say('not json')
    expect(JSON.parse(await answer('null'))).toMatchObject({ error: { code: -32700 } })
    for (const line of heard) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' })
    child.stdin.end()
    expect(await ended).toBe(0)
  })

  test('a token that runs out in between is renewed, also where only the gateway knows', async () => {
    const { say, answer, child, ended } = startLines()
    say(greeting())
    await answer('0')
    say('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    const [before, value] = [tokens()?.refresh_token, kept()]
    const entry = value.resources[`${world.url}/mcp/fixture`]
    if (entry === undefined) throw new Error('nothing is kept')
    entry.expires_at = 0
    writeFileSync(keptFile(), JSON.stringify(value), { mode: 0o600 })
    say('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
    expect(await answer('1')).toContain('test_simple_text')
    const between = tokens()
    expect(between?.refresh_token).not.toBe(before)
    const later = kept()
    const refused = later.resources[`${world.url}/mcp/fixture`]
    if (refused === undefined) throw new Error('nothing is kept')
    refused.tokens.access_token = `${refused.tokens.access_token.slice(0, -6)}AAAAAA`
    writeFileSync(keptFile(), JSON.stringify(later), { mode: 0o600 })
    say('{"jsonrpc":"2.0","id":2,"method":"tools/list"}')
    expect(await answer('2')).toContain('test_simple_text')
    expect(tokens()?.refresh_token).not.toBe(between?.refresh_token)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })

  test('a gateway that starts again is greeted again, and the client notices nothing', async () => {
    const { say, answer, heard, child, ended } = startLines()
    say(greeting())
    await answer('0')
    say('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    say('{"jsonrpc":"2.0","id":1,"method":"ping"}')
    await answer('1')
    await world.gateway.gateway.close()
    say('{"jsonrpc":"2.0","id":2,"method":"tools/list"}')
    const loaded = await loadSettings(world.gateway.config, { PATH: process.env['PATH'], HOME: process.env['HOME'], IDP_SECRET: world.idp.client.secret })
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    restarted = await openGateway({ settings: loaded.settings, secrets: loaded.secrets, logger: quiet })
    await restarted.listen()
    expect(await answer('2')).toContain('test_simple_text')
    expect(heard.filter((line) => line.includes('protocolVersion'))).toHaveLength(1)
    child.stdin.end()
    expect(await ended).toBe(0)
  })

  test('what cannot be connected to is told: wrong use before, an error for each request after', async () => {
    const run = (more: readonly string[]) => me.run(['connect', ...more], { SALLYPORT_URL: world.url })
    expect(await run(['Not/A/Name'])).toMatchObject({ code: 2, out: '' })
    expect(await me.run(['connect', 'fixture'], { SALLYPORT_URL: 'gateway' })).toMatchObject({ code: 2, out: '' })
    const child = spawn(process.execPath, args, { env: { ...env(), SALLYPORT_TOKEN: 'wrong' }, stdio: ['pipe', 'pipe', 'ignore'] })
    child.stdin.end(`${greeting()}\n`)
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    expect(JSON.parse(line)).toMatchObject({ id: 0, error: { message: expect.stringContaining('SALLYPORT_TOKEN') } })
  })
})
