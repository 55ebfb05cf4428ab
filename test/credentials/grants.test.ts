import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { jwtVerify } from 'jose'
import { allowAll, connect, startGateway, type PlainClient } from '../support/gateway.ts'
import { sam, signInBy, startWorld, registered, type World } from '../oauth/world.ts'
import { startProtectedServer, type ProtectedServer } from '../support/protected-server.ts'
import { bearerGrant, clientWithSecret, exchangeGrant, startTokenServer, type TokenServer } from '../support/token-server.ts'
import { startShapedIssuer } from '../support/shaped-issuer.ts'
import { json, startStubServer, type StubServer } from '../support/stub-server.ts'
import { until } from '../support/conditions.ts'
import { createPersonBrowser } from '../support/person-browser.ts'

// Tokens that the gateway asks for: its own, and in exchange for those of the person that calls (P22: nothing of them goes anywhere else).

const secret = 'canary-secret-of-the-gateway-at-the-token-server'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const lines: string[] = []
const log = (level: string) => (message: string, fields?: object) => void lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
/** Tokens of people at their provider, and whom the token server takes them for. */
const subjects = new Map<string, string>()
let tokens: TokenServer
let keyed: StubServer
let server: ProtectedServer
let world: World
let people = 0

beforeAll(async () => {
  tokens = await startTokenServer({
    subjects: (token) => subjects.get(token) ?? (token.length > 20 ? 'sam-by-exchange' : undefined),
    clients: [clientWithSecret('gateway', secret, ['client_credentials', exchangeGrant, bearerGrant])],
  })
  server = await startProtectedServer(tokens)
  // A token endpoint that looks at the proof in the test, and gives what the other one gives.
  keyed = await startStubServer(async ({ method }, response) => {
    const issuer = new URL(keyed.url).origin
    if (method === 'GET') return json(response, { issuer, token_endpoint: `${issuer}/token`, authorization_endpoint: `${issuer}/authorize`, response_types_supported: ['code'] })
    const given = await fetch(`${tokens.issuer}/token`, { method: 'POST', headers: { authorization: `Basic ${Buffer.from(`gateway:${secret}`).toString('base64')}` }, body: new URLSearchParams({ grant_type: 'client_credentials', resource: server.url }) })
    json(response, await given.json())
  })
  const as = { token_url: `${tokens.issuer}/token`, client_id: 'gateway', client_secret_from: { env: 'AS_SECRET' } }
  const of = (credentials: object) => ({ url: server.url, credentials })
  tokens.resource = server.url
  const idp = await startShapedIssuer({ ...sam })
  world = await startWorld({
    logger, idp, identity: { issuers: [{ name: 'corp', issuer: idp.issuer, algorithms: ['RS256'] }, { name: 'machines', issuer: 'https://machines.example', kind: 'service', trusted_groups: ['audit'], jwks: { file: 'jwks.json' }, algorithms: ['ES256'] }] }, env: { AS_SECRET: secret, AS_KEY: key },
    upstreams: {
      own: of({ kind: 'client_credentials', ...as, scope: 'crm.read' }),
      keyed: of({ kind: 'client_credentials', issuer: new URL(keyed.url).origin, client_id: 'keyed', private_key_from: { env: 'AS_KEY' }, private_key_id: 'k1' }),
      exchange: of({ kind: 'token_exchange', ...as }),
      behalf: of({ kind: 'on_behalf_of', ...as, scope: 'crm.read' }),
    },
  })
})
afterAll(async () => {
  await world?.close()
  await world?.idp.close()
  await server?.close()
  await keyed?.close()
  await tokens?.close()
})
beforeEach(() => {
  tokens.asked.length = 0
  tokens.broken = undefined
  tokens.ttl = 3600
})

/** Somebody new each time: what the gateway has for others is no help. */
const person = async (upstream: string): Promise<{ client: PlainClient; token: string }> => {
  const url = world.url
  world.idp.shape.claims = { ...sam, sub: `sam-${(people += 1)}` }
  const resource = `${url}/mcp/${upstream}`
  const { access_token: token } = await signInBy(url, await registered(url), { browser: createPersonBrowser(), resource, scope: `mcp:${upstream}` })
  return { client: await connect(resource, token, '2026-07-28'), token }
}
const service = async (upstream: string) => connect(world.gateway.mcp(upstream), await world.gateway.token({ subject: 'job', groups: [], issuer: 'machines' }, upstream), '2026-07-28')
const textOf = ({ result }: { result?: Record<string, unknown> }) => (result?.['content'] as { text: string }[] | undefined)?.[0]?.text
const whoami = async (client: PlainClient, args: object = {}) => client.request('tools/call', { name: 'whoami', arguments: args })
const files = (directory: string): string[] => readdirSync(directory).flatMap((name) => (statSync(join(directory, name)).isDirectory() ? files(join(directory, name)) : [join(directory, name)]))

test('client credentials: one token for all callers, asked for once, made for the server', async () => {
  const { client } = await person('own')
  const answers = await Promise.all(Array.from({ length: 20 }, () => whoami(client)))
  expect(new Set(answers.map(textOf))).toEqual(new Set(['you are gateway']))
  expect(tokens.asked).toHaveLength(1)
  expect(Object.fromEntries(tokens.asked[0]?.params ?? [])).toEqual({ grant_type: 'client_credentials', scope: 'crm.read', resource: server.url })
  expect(tokens.asked[0]?.authorization).toMatch(/^Basic /)
})

test('client credentials by a key: the secret is a signature', async () => {
  const { client } = await person('keyed')
  expect(textOf(await whoami(client))).toBe('you are gateway')
  const form = new URLSearchParams(keyed.received.at(-1)?.body)
  expect(form.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
  expect(form.has('client_secret')).toBe(false)
  const { payload, protectedHeader } = await jwtVerify(form.get('client_assertion') ?? '', publicKey, { algorithms: ['ES256'], issuer: 'keyed', subject: 'keyed', audience: new URL(keyed.url).origin })
  expect(protectedHeader.kid).toBe('k1')
  expect(payload.jti).toBeDefined()
})

test('a token that the server does not take any more is replaced, and no call is lost', async () => {
  const { client } = await person('own')
  await whoami(client)
  await tokens.revoke((server.shown.at(-1) ?? '').slice('Bearer '.length))
  const answers = await Promise.all(Array.from({ length: 10 }, () => whoami(client)))
  expect(new Set(answers.map(textOf))).toEqual(new Set(['you are gateway']))
  expect(tokens.asked).toHaveLength(1)
})

test('an echoed token reaches nobody, whichever it is by then', async () => {
  const { client } = await person('own')
  expect(textOf(await whoami(client, { echo: 'yes' }))).toBe('you are gateway Bearer [CREDENTIAL]')
  await tokens.revoke((server.shown.at(-1) ?? '').slice('Bearer '.length))
  const revoked = server.shown.at(-1)
  // A token may be asked for because of a 401 only so often.
  const echoed = await until(async () => textOf(await whoami(client, { echo: 'yes' })))
  expect(server.shown.at(-1)).not.toBe(revoked)
  expect(echoed).toBe('you are gateway Bearer [CREDENTIAL]')
})

test.each(['exchange', 'behalf'])('%s: the person\'s own token buys one for the server, which knows the person', async (upstream) => {
  const { client } = await person(upstream)
  expect(textOf(await whoami(client))).toBe('you are sam-by-exchange')
  const { params } = tokens.asked.at(-1) ?? { params: new URLSearchParams() }
  if (upstream === 'exchange') {
    expect(params.get('subject_token_type')).toBe('urn:ietf:params:oauth:token-type:access_token')
    expect(params.get('resource')).toBe(server.url)
  } else {
    expect(params.get('requested_token_use')).toBe('on_behalf_of')
    expect(params.get('grant_type')).toBe(bearerGrant)
    expect(params.has('resource')).toBe(false)
  }
})

test('who is nobody that signed in is told so, and the server hears nothing', async () => {
  const before = server.shown.length
  const answer = await whoami(await service('exchange'))
  expect(answer.result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { kind: 'deny', executed: false, reasons: [{ code: 'sign_in_again' }] } } })
  expect(textOf(answer)).toContain('only people who signed in')
  expect(server.shown).toHaveLength(before)
})

// RFC 9068 section 5: one issuer may call a program and a person alike.
test.each([
  ['a service', (sub: string) => ({ sub, client_id: sub })],
  ['an agent', (sub: string) => ({ sub: 'somebody', act: { sub } })],
])('%s that is called like somebody who signed in is given nothing of theirs', async (_, claimsOf) => {
  const { client } = await person('exchange')
  expect(textOf(await whoami(client))).toBe('you are sam-by-exchange')
  const token = await world.idp.sign({ ...claimsOf(`sam-${people}`), aud: `${world.url}/mcp/exchange` }, { typ: 'at+jwt' })
  const shown = server.shown.length
  const answer = await whoami(await connect(world.gateway.mcp('exchange'), token, '2026-07-28'))
  expect(answer.result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { kind: 'deny', reasons: [{ code: 'sign_in_again' }] } } })
  expect(server.shown).toHaveLength(shown)
  expect(textOf(await whoami(client))).toBe('you are sam-by-exchange')
})

test.each([['invalid_grant', 'sign_in_again', '/login'], ['interaction_required', 'not_granted', 'ask whoever administers it']])('a provider that says %s: the person is told what to do', async (error, code, says) => {
  const { client } = await person('exchange')
  tokens.broken = { status: 400, body: { error, error_description: `${secret} ${error}` } }
  const answer = await whoami(client)
  expect(answer.result?.['_meta']).toMatchObject({ 'sallyport/decision': { reasons: [{ code }] } })
  expect(textOf(answer)).toContain(says)
  expect(JSON.stringify(answer)).not.toContain(secret)
})

test('P22: no token, secret or key is in an answer, a file or a log line; the caller\'s own reaches nobody', async () => {
  const { client, token } = await person('own')
  const answers: unknown[] = [await whoami(client, { echo: 'yes' })]
  for (const upstream of ['exchange', 'keyed', 'behalf']) answers.push(await whoami((await person(upstream)).client, { echo: 'yes' }))
  tokens.broken = { status: 500, body: { error: 'server_error', error_description: `${secret} failed` } }
  await tokens.revoke((server.shown.at(-1) ?? '').slice('Bearer '.length))
  answers.push(await whoami(client))
  const auditor = { authorization: `Bearer ${await world.gateway.token({ subject: 'audit-job', groups: ['audit'], issuer: 'machines' }, 'api')}` }
  const sessions = (await (await fetch(`${world.url}/api/v1/sessions`, { headers: auditor })).json()) as { items?: { id: string }[] }
  expect(sessions.items?.length).toBeGreaterThan(3)
  for (const { id } of sessions.items ?? []) answers.push(await (await fetch(`${world.url}/api/v1/sessions/${id}/events`, { headers: auditor })).text())
  answers.push(await world.gateway.gateway.metrics.print())
  const keyLine = key.split('\n')[1] ?? ''
  expect(answers.filter((answer) => JSON.stringify(answer).includes('[CREDENTIAL]')).length).toBeGreaterThan(3)
  const subjectTokens = tokens.asked.flatMap(({ params }) => [params.get('subject_token'), params.get('assertion')]).filter((one) => one !== null)
  expect(subjectTokens.length).toBeGreaterThan(1)
  const canaries = [...subjectTokens, secret, Buffer.from(`gateway:${secret}`).toString('base64'), keyLine, token, ...new Set(server.shown.map((shown) => shown.slice('Bearer '.length)))]
  const places = [...answers.map((answer) => JSON.stringify(answer)), ...lines, ...files(world.gateway.directory).map((file) => readFileSync(file, 'latin1'))]
  expect(canaries.length).toBeGreaterThan(4)
  expect(places.flatMap((text) => canaries.filter((canary) => text.includes(canary)).map((canary) => `${canary.slice(0, 12)}… in ${text.slice(0, 100)}`))).toEqual([])
  expect([...server.shown, ...world.idp.asked].some((shown) => shown.includes(token))).toBe(false)
  expect(tokens.asked.some(({ params }) => params.toString().includes(token))).toBe(false)
})

test('a server of tokens that is gone, or that sends the gateway elsewhere, costs the call and not the start; elsewhere hears nothing', async () => {
  const elsewhere = await startStubServer((_request, response) => json(response, { access_token: 'of-somebody-else', token_type: 'Bearer', expires_in: 60 }))
  const moved = await startStubServer((_request, response) => void response.writeHead(307, { location: elsewhere.url }).end())
  const of = (url: string, tokenUrl: string) => ({ url, credentials: { kind: 'client_credentials', token_url: tokenUrl, client_id: 'g', client_secret_from: { env: 'S' } } })
  const gateway = await startGateway({
    upstreams: { own: of(server.url, 'http://127.0.0.1:9/token'), moved: of(server.url, moved.url), server: { url: moved.url, credentials: { kind: 'bearer', token_from: { env: 'S' } } } },
    rego: { 'policies/open/open.rego': allowAll }, env: { S: 'the-secret' },
  })
  try {
    for (const upstream of ['own', 'moved', 'server']) {
      const client = await connect(gateway.mcp(upstream), await gateway.token({ subject: 'sam', groups: [] }, upstream), '2026-07-28')
      const { error } = await whoami(client)
      expect(error?.message).toMatch(upstream === 'server' ? /the protocol does not know/ : /could not be reached/)
    }
    expect(moved.received.length).toBeGreaterThan(1)
    expect(elsewhere.received).toEqual([])
  } finally {
    await gateway.close()
    await Promise.all([moved.close(), elsewhere.close()])
  }
})
