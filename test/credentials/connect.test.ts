import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { redirectUriFor } from '../../src/credentials/oauth/client.ts'
import { until } from '../support/conditions.ts'
import { connect, greetingOf } from '../support/gateway.ts'
import { createPersonBrowser, type PersonBrowser } from '../support/person-browser.ts'
import { startProtectedServer, type ProtectedServer } from '../support/protected-server.ts'
import { startTokenServer, type TokenServer } from '../support/token-server.ts'
import { registered, sam, signInBy, startWorld, type World } from '../oauth/world.ts'

// People call a server with accounts of their own there: an MCP server of the SDK behind a real authorization server.

let tokens: TokenServer
let server: ProtectedServer
let liar: ProtectedServer
let world: World
let people = 0
const lines: string[] = []
const log = (message: string, fields?: object) => void lines.push(`${message} ${JSON.stringify(fields)}`)

beforeAll(async () => {
  tokens = await startTokenServer()
  tokens.tellsExpiry = false
  server = await startProtectedServer(tokens)
  server.hasNoStreams = true
  // More than its challenge asks for, and so more than is asked of people.
  server.metadata = { ...(server.metadata as object), scopes_supported: ['crm.read', 'crm.admin'] }
  liar = await startProtectedServer(tokens)
  liar.metadata = { resource: server.url, authorization_servers: [tokens.issuer] }
  world = await startWorld({
    upstreams: {
      crm: { url: server.url, credentials: { kind: 'oauth' } },
      liar: { url: liar.url, credentials: { kind: 'oauth' } },
      elsewhere: { url: 'http://127.0.0.1:9/mcp', credentials: { kind: 'oauth' } },
    },
    // Whoever a server names may be on this machine, in tests only.
    settings: { outbound: { allow: ['127.0.0.1'] } },
    logger: { debug: log, info: log, warn: log, error: log },
  })
})
afterAll(async () => {
  await world?.close()
  await Promise.all([server?.close(), liar?.close()])
  await tokens?.close()
})

interface Sam {
  readonly browser: PersonBrowser
  readonly token: string
}
/** Somebody new, signed in at the gateway, with a client that has a token for the server. */
async function somebody(): Promise<Sam> {
  world.idp.shape.claims = { ...sam, sub: `person-${(people += 1)}` }
  tokens.person = `account-${people}-at-the-server`
  const browser = createPersonBrowser()
  const { access_token: token } = await signInBy(world.url, await registered(world.url), { browser, resource: `${world.url}/mcp/crm`, scope: 'mcp:crm' })
  return { browser, token }
}
const linkIn = (text: string): string => `${world.url}${/href="(\/connect\/[^"]+\/begin[^"]*)"/.exec(text)?.[1] ?? '/none'}`
const open = ({ browser }: Sam, upstream = 'crm') => browser.visit(`${world.url}/connect/${upstream}`)
/** As far as `until`, if given. */
async function connectAccount(who: Sam, until?: (next: URL) => boolean) {
  return who.browser.visit(linkIn((await open(who)).text), until === undefined ? {} : { follow: until })
}
const call = async ({ token }: Sam, args: object = {}) => (await connect(`${world.url}/mcp/crm`, token, '2026-07-28')).request('tools/call', { name: 'whoami', arguments: args })
const textOf = ({ result }: { result?: Record<string, unknown> }) => (result?.['content'] as { text: string }[] | undefined)?.[0]?.text
const refreshes = () => tokens.asked.filter(({ grant }) => grant === 'refresh_token').length
const lastToken = () => (server.shown.at(-1) ?? '').slice('Bearer '.length)

test('whoever is not connected is sent to the page, and the server hears nothing; connected, it knows them', async () => {
  const who = await somebody()
  const before = server.shown.length
  const refused = await call(who)
  expect(refused).toMatchObject({ status: 200, result: { isError: true, _meta: { 'sallyport/decision': { executed: false, reasons: [{ code: 'not_connected', link: `${world.url}/connect/crm` }] } } } })
  expect(textOf(refused)).toContain(`${world.url}/connect/crm`)
  const legacy = await fetch(`${world.url}/mcp/crm`, {
    method: 'POST', headers: { authorization: `Bearer ${who.token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify(greetingOf('x')),
  })
  expect(await legacy.json()).toMatchObject({ id: 1, error: { message: expect.stringContaining(`${world.url}/connect/crm`) } })
  expect(server.shown).toHaveLength(before)

  const page = await connectAccount(who)
  expect(page.url).toBe(`${world.url}/connect/crm`)
  expect(page.text).toContain('Connected since')
  const asked = new URL(page.way.find((url) => url.startsWith(`${tokens.issuer}/auth?`)) ?? '')
  expect(Object.fromEntries(asked.searchParams)).toMatchObject({ response_type: 'code', code_challenge_method: 'S256', resource: server.url, redirect_uri: redirectUriFor(tokens.issuer, `${world.url}/connect/crm/callback`), scope: 'crm.read offline_access' })
  expect(textOf(await call(who))).toBe(`you are ${tokens.person}`)
})

test('the gateway registered itself once; nobody else is connected by it', async () => {
  const [one, other] = [await somebody(), await somebody()]
  await connectAccount(one)
  expect(tokens.paths.filter((path) => path === 'POST /reg')).toHaveLength(1)
  expect((await call(other)).result).toMatchObject({ isError: true })
  expect((await other.browser.visit(`${world.url}/connect`)).text).toContain('not connected')
})

test('a token that ended is refreshed once for all calls, and an echo of it reaches nobody', async () => {
  const who = await somebody()
  await connectAccount(who)
  await call(who)
  const old = lastToken()
  await tokens.revoke(old)
  const before = refreshes()
  const answers = await Promise.all(Array.from({ length: 10 }, () => call(who)))
  expect(new Set(answers.map(textOf))).toEqual(new Set([`you are ${tokens.person}`]))
  expect(refreshes() - before).toBe(1)
  expect(lastToken()).not.toBe(old)
  expect(textOf(await call(who, { echo: 'yes' }))).toBe(`you are ${tokens.person} Bearer [CREDENTIAL]`)
})

test('a refresh that is refused ends the connection, and the person is asked to connect again', async () => {
  const who = await somebody()
  await connectAccount(who)
  await call(who)
  await tokens.revoke(lastToken())
  tokens.broken = { status: 400, body: { error: 'invalid_grant' } }
  const refused = await call(who)
  tokens.broken = undefined
  expect(refused.result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'not_connected' }] } } })
  await connectAccount(who)
  expect(textOf(await call(who))).toBe(`you are ${tokens.person}`)
})

test('a server that wants more is granted more by its person, who keeps what there was', async () => {
  const who = await somebody()
  await connectAccount(who)
  expect(textOf(await call(who))).toBe(`you are ${tokens.person}`)
  server.wants = 'crm.write'
  try {
    const refused = await call(who)
    expect(refused).toMatchObject({ status: 200, result: { isError: true, _meta: { 'sallyport/decision': { executed: false, reasons: [{ code: 'more_scopes', link: `${world.url}/connect/crm` }] } } } })
    expect(JSON.stringify(refused)).not.toContain('crm.write') // the server's words, which no policy judged
    expect((await open(who)).text).toMatch(/The server wants.*crm\.write/s)
    await tokens.revoke(lastToken())
    expect(textOf(await call(who))).toContain('more_scopes') // a refresh does not forget it
    const page = await connectAccount(who)
    const asked = new URL(page.way.find((url) => url.startsWith(`${tokens.issuer}/auth?`)) ?? '')
    expect(asked.searchParams.get('scope')?.split(' ').toSorted()).toEqual(['crm.read', 'crm.write', 'offline_access'])
    expect(page.text).not.toContain('The server wants')
    expect(textOf(await call(who))).toBe(`you are ${tokens.person}`)
  } finally {
    server.wants = undefined
  }
})

test('a server of tokens that is away costs the call, not the connection', async () => {
  const who = await somebody()
  await connectAccount(who)
  await call(who)
  await tokens.revoke(lastToken())
  tokens.broken = { status: 503, body: {} }
  expect((await call(who)).error).toBeDefined()
  tokens.broken = undefined
  // A token may be asked for because of a 401 only so often.
  expect(await until(async () => textOf(await call(who)))).toBe(`you are ${tokens.person}`)
})

test('a client that can show pages is told to (MCP 2025-11-25, URL elicitation)', async () => {
  const who = await somebody()
  await connectAccount(who)
  const client = await connect(`${world.url}/mcp/crm`, who.token, '2025-11-25', { elicitation: { url: {} } })
  expect(textOf(await client.request('tools/call', { name: 'whoami', arguments: {} }))).toBe(`you are ${tokens.person}`)
  await who.browser.submit(await open(who), {}, 'disconnect')
  const { error } = await client.request('tools/call', { name: 'whoami', arguments: {} })
  expect(error).toMatchObject({ code: -32042, data: { elicitations: [{ mode: 'url', url: `${world.url}/connect/crm` }] } })
})

test('disconnecting takes the tokens back at their server too; only a form of the page does it', async () => {
  const who = await somebody()
  await connectAccount(who)
  await call(who)
  const token = lastToken()
  const forged = await who.browser.submit(await open(who), { csrf: 'guessed' }, 'disconnect')
  expect(forged.status).toBe(403)
  expect(textOf(await call(who))).toBe(`you are ${tokens.person}`)
  const done = await who.browser.submit(await open(who), {}, 'disconnect')
  expect(done.text).toContain('given back')
  expect(await tokens.accept(token)).toBeUndefined()
  expect((await call(who)).result).toMatchObject({ isError: true })
})

test('who says no there is not connected, and is told', async () => {
  const who = await somebody()
  tokens.person = undefined
  const page = await connectAccount(who)
  expect(page).toMatchObject({ status: 400, text: expect.stringContaining('Access was not granted there') })
  expect((await open(who)).text).toContain('You are not connected')
})

test('an answer is good once, for whoever began, in their own browser', async () => {
  const [one, other] = [await somebody(), await somebody()]
  const atCallback = await connectAccount(one, (next) => !next.pathname.startsWith('/connect/crm/callback'))
  const callback = new URL(atCallback.headers.get('location') ?? '', atCallback.url).href
  expect((await other.browser.visit(callback)).status).toBe(400)
  expect((await open(other)).text).toContain('You are not connected')
  expect((await createPersonBrowser().visit(callback, { follow: false })).headers.get('location')).toContain('/login')
  expect((await one.browser.visit(callback)).text).toContain('Connected since')
  expect((await one.browser.visit(callback)).status).toBe(400)
  // Begun only from the page itself: a link of somebody else's leads to it.
  expect((await one.browser.visit(`${world.url}/connect/crm/begin?key=guessed`)).url).toBe(`${world.url}/connect/crm`)
})

test('a server that names another resource, or that cannot be asked, connects nobody', async () => {
  const who = await somebody()
  const before = tokens.paths.length
  liar.metadataAt = `${world.idp.issuer}/metadata-of-somebody-else`
  expect(await who.browser.visit(linkIn((await open(who, 'liar')).text))).toMatchObject({ status: 502, text: expect.stringContaining('another resource') })
  expect(await who.browser.visit(linkIn((await open(who, 'elsewhere')).text))).toMatchObject({ status: 502 })
  expect(tokens.paths).toHaveLength(before)
  expect(world.idp.asked.some((path) => path.includes('metadata-of-somebody-else'))).toBe(false)
})

test('no token of anybody is in a file or a log line', () => {
  const files = (directory: string): string[] => readdirSync(directory).flatMap((name) => (statSync(join(directory, name)).isDirectory() ? files(join(directory, name)) : [join(directory, name)]))
  const given = [...server.shown.map((shown) => shown.slice('Bearer '.length)), ...tokens.asked.flatMap(({ params }) => [params.get('refresh_token'), params.get('code'), params.get('code_verifier')])].filter((one) => one !== null)
  const places = [...lines, ...files(world.gateway.directory).map((file) => readFileSync(file, 'latin1'))]
  expect(given.length).toBeGreaterThan(10)
  expect(given.filter((secret) => places.some((text) => text.includes(secret)))).toEqual([])
})
