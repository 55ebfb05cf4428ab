import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { decodeProtectedHeader } from 'jose'
import { freePort } from '../support/free-port.ts'
import { connect, post } from '../support/gateway.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { agree, authorizationUrl, pkce, redeem, redirect, refresh, register, registered, sam, sentBack, signInBy, startWorld, tokenRequest, untilBack, type Tokens, type World } from './world.ts'
import { openV1, openV2, signingIn, type Open } from './sdk.ts'

const policy = `package policies.people

allow if {
	input.actor.kind == "person"
	input.actor.provider == "corp"
	"support" in input.actor.groups
}
`
const conformance = fileURLToPath(new URL('../../node_modules/conformance-0.2/dist/index.js', import.meta.url))
const secret = 'a-secret-of-the-confidential-client'
const webRedirect = 'https://app.example/callback'
let world: World
let url: string
let client: string

beforeAll(async () => {
  world = await startWorld({
    rego: { 'policies/people/people.rego': policy },
    identity: {
      clients: [
        { client_id: 'web-app', name: 'The web app', redirect_uris: [webRedirect], client_secret_from: { env: 'WEB_APP_SECRET' } },
        { client_id: 'desk', name: 'The desk', redirect_uris: ['http://127.0.0.1/callback'] },
      ],
    },
    upstreamSettings: { crm: { scopes: { write: { tools: ['delete_*'], description: 'delete customers' }, all: { tools: ['*_all'] } } } },
    env: { WEB_APP_SECRET: secret },
  })
  url = world.url
  client = await registered(url)
})
afterAll(() => world.close())

/** A stream that a token opened which its client then gave back; of somebody of whom nothing else ends. */
let cut: Promise<number>
beforeAll(async () => {
  Object.assign(world.idp.shape.claims, { sub: 'pat', email: 'pat@example.com' })
  const { access_token: token } = await signInBy(url, client)
  Object.assign(world.idp.shape.claims, sam)
  const session = (await connect(`${url}/mcp/crm`, token, '2025-11-25')).session ?? ''
  const stream = await fetch(`${url}/mcp/crm`, { headers: { accept: 'text/event-stream', authorization: `Bearer ${token}`, 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' } })
  if (stream.status !== 200) throw new Error(`no stream: ${stream.status}`)
  await fetch(`${url}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ client_id: client, token }) })
  const since = performance.now()
  cut = stream.text().then(() => performance.now() - since)
})

const basic = { authorization: `Basic ${Buffer.from(`web-app:${secret}`).toString('base64')}` }
const list = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'plain', version: '1' } } }
const statusWith = async (token: string, upstream = 'crm'): Promise<number> => (await post(`${url}/mcp/${upstream}`, token, list)).status
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
const errorOf = async (response: Response): Promise<unknown> => ((await response.json()) as { error?: unknown }).error
const codeFor = async (own = pkce(), more: Readonly<Record<string, string | undefined>> = {}): Promise<string> => (await agree(authorizationUrl(url, client, own, more))).searchParams.get('code') ?? ''

describe('what a client finds out', () => {
  test('a request without a token is told where to ask for one, and for what', async () => {
    const response = await post(`${url}/mcp/crm`, undefined, list)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe(`Bearer resource_metadata="${url}/.well-known/oauth-protected-resource/mcp/crm", scope="mcp:crm"`)
    expect(await (await fetch(`${url}/.well-known/oauth-protected-resource/mcp/crm`)).json()).toEqual({
      resource: `${url}/mcp/crm`, authorization_servers: [url], scopes_supported: ['mcp:crm', 'mcp:crm:write', 'mcp:crm:all'], bearer_methods_supported: ['header'],
    })
  })

  test.each(['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'])('%s describes the server', async (path) => {
    expect(await (await fetch(`${url}${path}`)).json()).toMatchObject({
      issuer: url, authorization_endpoint: `${url}/oauth/authorize`, token_endpoint: `${url}/oauth/token`, registration_endpoint: `${url}/oauth/register`,
      revocation_endpoint: `${url}/oauth/revoke`, introspection_endpoint: `${url}/oauth/introspect`, jwks_uri: `${url}/oauth/jwks`,
      code_challenge_methods_supported: ['S256'], response_types_supported: ['code'], grant_types_supported: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code', 'client_credentials', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
      client_id_metadata_document_supported: true, authorization_response_iss_parameter_supported: true,
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      scopes_supported: ['mcp:crm', 'mcp:crm:write', 'mcp:crm:all', 'mcp:wiki', 'api', 'offline_access'],
    })
  })

  test('addresses are those of public_url, whatever a proxy says', async () => {
    const response = await fetch(`${url}/.well-known/oauth-authorization-server`, { headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' } })
    expect(await response.text()).not.toContain('evil')
  })

  test('the published keys are public ones', async () => {
    const { keys } = (await (await fetch(`${url}/oauth/jwks`)).json()) as { keys: Record<string, unknown>[] }
    expect(keys).toHaveLength(1)
    expect(Object.keys(keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  })
})

describe('a token', () => {
  let tokens: Tokens
  beforeAll(async () => {
    tokens = await signInBy(url, client)
  })

  test('is for one server, says whose account it is, and nothing of the person', async () => {
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ typ: 'at+jwt', alg: 'ES256' })
    const claims = claimsOf(tokens.access_token)
    expect(claims).toMatchObject({ iss: url, aud: `${url}/mcp/crm`, client_id: client, scope: 'mcp:crm' })
    expect(claims['sub']).toMatch(/^acc_/)
    expect(Object.keys(claims).sort()).toEqual(['aud', 'client_id', 'exp', 'grant_id', 'iat', 'iss', 'jti', 'scope', 'sub'])
    expect(tokens.expires_in).toBe(600)
  })

  test('lets its person in there, as the identity provider knows them, and nowhere else', async () => {
    const person = await connect(`${url}/mcp/crm`, tokens.access_token, '2025-11-25')
    expect((await person.request('tools/call', { name: 'read_one', arguments: {} })).result).toMatchObject({ content: [{ text: 'did read_one' }] })
    expect(await statusWith(tokens.access_token, 'wiki')).toBe(401)
    expect((await fetch(`${url}/api/v1/sessions`, { headers: { authorization: `Bearer ${tokens.access_token}` } })).status).toBe(401)
  })

  test('with another key, algorithm or type is none', async () => {
    const [head = '', body = '', signature = ''] = tokens.access_token.split('.')
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as object
    expect(await statusWith(`${part({ ...header, alg: 'none' })}.${body}.`)).toBe(401)
    expect(await statusWith(`${part({ ...header, typ: 'JWT' })}.${body}.${signature}`)).toBe(401)
    expect(await statusWith(`${part({ ...header, kid: 'another' })}.${body}.${signature}`)).toBe(401)
    expect(await statusWith(`${head}.${part({ ...claimsOf(tokens.access_token), aud: `${url}/mcp/wiki` })}.${signature}`, 'wiki')).toBe(401)
  })

  test('an ID token is no access token', async () => {
    const own = pkce()
    const back = await agree(authorizationUrl(url, client, own, { scope: 'openid mcp:crm' }))
    const { id_token: idToken } = (await (await redeem(url, client, back.searchParams.get('code') ?? '', own.verifier)).json()) as { id_token: string }
    expect(claimsOf(idToken)['sub']).toMatch(/^acc_/)
    expect(await statusWith(idToken)).toBe(401)
  })
})

describe('the way back to the client', () => {
  test('carries the state and who answers', async () => {
    const back = await agree(authorizationUrl(url, client, pkce()))
    expect(back.href.startsWith(`${redirect}?`)).toBe(true)
    expect(Object.fromEntries(back.searchParams)).toEqual({ code: expect.any(String), state: 'a-state', iss: url })
  })

  test('a program on this machine may listen on any port, at the same address', async () => {
    const elsewhere = redirect.replace('33418', '51000')
    const page = await createPersonBrowser().visit(authorizationUrl(url, client, pkce(), { redirect_uri: elsewhere }))
    expect(page.status).toBe(200)
    expect(page.text).toContain('127.0.0.1:51000')
  })

  test.each([
    ['an extra path', `${redirect}/more`], ['a query', `${redirect}?a=b`], ['another host', 'http://localhost:33418/callback'], ['another scheme', 'https://127.0.0.1:33418/callback'],
    ['a user name', 'http://evil@127.0.0.1:33418/callback'], ['somewhere else', 'https://evil.example/callback'],
  ])('%s is no registered address: the person is told, and nothing is sent there', async (_, redirect_uri) => {
    const page = await createPersonBrowser().visit(authorizationUrl(url, client, pkce(), { redirect_uri }))
    expect(page.status).toBe(400)
    expect(page.way).toHaveLength(1)
    expect(page.text).toContain('This cannot go on')
  })

  test.each<readonly [string, Readonly<Record<string, string | undefined>>, string]>([
    ['no PKCE', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['a PKCE challenge that does not say how', { code_challenge_method: undefined }, 'invalid_request'],
    ['an implicit grant', { response_type: 'token' }, 'unsupported_response_type'],
    ['a resource that is not here', { resource: 'https://other.example/mcp/crm' }, 'invalid_target'],
    ['no resource, with two servers', { resource: undefined }, 'invalid_target'],
    ['nobody signed in, and no page to be shown', { prompt: 'none' }, 'login_required'],
  ])('%s is refused there', async (_, more, error) => {
    const page = await createPersonBrowser().visit(authorizationUrl(url, client, pkce(), more), { follow: untilBack })
    const back = new URL(page.headers.get('location') ?? 'none:')
    expect(`${back.searchParams.get('error') ?? new URLSearchParams(back.hash.slice(1)).get('error')}`).toBe(error)
    expect(back.origin + back.pathname).toBe(redirect)
  })

  test('a token is for one resource', async () => {
    const page = await createPersonBrowser().visit(`${authorizationUrl(url, client, pkce())}&resource=${encodeURIComponent(`${url}/mcp/wiki`)}`, { follow: untilBack })
    expect(new URL(page.headers.get('location') ?? 'none:').searchParams.get('error')).toBe('invalid_target')
    const own = pkce()
    expect(await errorOf(await redeem(url, client, await codeFor(own), own.verifier, { resource: `${url}/mcp/wiki` }))).toBe('invalid_target')
  })

  test('an unknown client is told so on a page', async () => {
    const page = await createPersonBrowser().visit(authorizationUrl(url, 'nobody', pkce()))
    expect([page.status, page.way.length]).toEqual([400, 1])
  })
})

describe('what is good once', () => {
  test('a code: the second time ends everything that came of it', async () => {
    const own = pkce()
    const code = await codeFor(own)
    const tokens = (await (await redeem(url, client, code, own.verifier)).json()) as Tokens
    expect(await statusWith(tokens.access_token)).toBe(200)
    const again = await redeem(url, client, code, own.verifier)
    expect([again.status, await errorOf(again)]).toEqual([400, 'invalid_grant'])
    expect(await statusWith(tokens.access_token)).toBe(401)
    expect(await errorOf(await refresh(url, client, tokens.refresh_token))).toBe('invalid_grant')
  })

  test('a code, of many who bring it at once', async () => {
    const own = pkce()
    const code = await codeFor(own)
    const answers = await Promise.all(Array.from({ length: 8 }, () => redeem(url, client, code, own.verifier)))
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
  })

  test.each<readonly [string, (own: ReturnType<typeof pkce>) => Readonly<Record<string, string>>]>([
    ['a wrong verifier', () => ({ code_verifier: pkce().verifier })],
    ['another address', () => ({ redirect_uri: `${redirect}/more` })],
    ['another client', () => ({ client_id: 'desk' })],
  ])('a code is nothing with %s', async (_, wrong) => {
    const own = pkce()
    const answer = await redeem(url, client, await codeFor(own), own.verifier, wrong(own))
    expect([answer.status, await errorOf(answer)]).toEqual([400, 'invalid_grant'])
  })

  test('a refresh token: used again, it ends its whole family', async () => {
    const first = await signInBy(url, client)
    const second = (await (await refresh(url, client, first.refresh_token)).json()) as Tokens
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(await statusWith(second.access_token)).toBe(200)
    const reused = await refresh(url, client, first.refresh_token)
    expect([reused.status, await errorOf(reused)]).toEqual([400, 'invalid_grant'])
    expect(await errorOf(await refresh(url, client, second.refresh_token))).toBe('invalid_grant')
    expect(await statusWith(second.access_token)).toBe(401)
  })

  test('a refresh token is its client\'s', async () => {
    const { refresh_token: token } = await signInBy(url, client)
    expect(await errorOf(await refresh(url, await registered(url), token))).toBe('invalid_grant')
    expect(await errorOf(await refresh(url, client, token, { resource: `${url}/mcp/wiki` }))).toBe('invalid_target')
  })
})

describe('an end', () => {
  const end = (form: Readonly<Record<string, string>>, headers = {}) => fetch(`${url}/oauth/revoke`, { method: 'POST', headers, body: new URLSearchParams(form) })

  test.each(['access_token', 'refresh_token'] as const)('a client gives its %s back, and the other one is nothing either', async (which) => {
    const tokens = await signInBy(url, client)
    expect(await statusWith(tokens.access_token)).toBe(200)
    expect((await end({ client_id: client, token: tokens[which] })).status).toBe(200)
    expect(await statusWith(tokens.access_token)).toBe(401)
    expect(await errorOf(await refresh(url, client, tokens.refresh_token))).toBe('invalid_grant')
  })

  test('nobody gives back what another client has', async () => {
    const tokens = await signInBy(url, client)
    await end({ client_id: await registered(url), token: tokens.access_token })
    await end({ client_id: 'desk', token: tokens.refresh_token })
    expect(await statusWith(tokens.access_token)).toBe(200)
  })

  test('who signs out everywhere has no token left', async () => {
    const browser = createPersonBrowser()
    const tokens = await signInBy(url, client, { browser })
    expect(await statusWith(tokens.access_token)).toBe(200)
    await browser.submit(await browser.visit(`${url}/logout`), {}, 'value="everywhere"')
    expect(await statusWith(tokens.access_token)).toBe(401)
    expect(await errorOf(await refresh(url, client, tokens.refresh_token))).toBe('invalid_grant')
  })

  test('a confidential client may ask what a token is; others may not', async () => {
    const { access_token: token } = await signInBy(url, client)
    const ask = async (headers: Record<string, string>, form: Record<string, string> = {}) => (await fetch(`${url}/oauth/introspect`, { method: 'POST', headers, body: new URLSearchParams({ token, ...form }) })).json()
    expect(await ask(basic)).toMatchObject({ active: true, client_id: client, scope: 'mcp:crm', aud: `${url}/mcp/crm`, sub: claimsOf(token)['sub'] })
    expect(await ask(basic, { token: `${token.slice(0, -4)}AAAA` })).toEqual({ active: false })
    expect(await ask({}, { client_id: client })).toEqual({ active: false })
    const secretive = (await (await register(url, { token_endpoint_auth_method: 'client_secret_post' })).json()) as { client_id: string; client_secret: string }
    expect(await ask({}, { client_id: secretive.client_id, client_secret: secretive.client_secret })).toEqual({ active: false })
    await end({ client_id: client, token })
    expect(await ask(basic)).toEqual({ active: false })
  })
})

describe('the person is asked', () => {
  const consentPage = async (browser = createPersonBrowser(), more: Readonly<Record<string, string | undefined>> = {}, who = client) => browser.visit(authorizationUrl(url, who, pkce(), more), { follow: untilBack })

  test('by a page that says who asks, for what, as whom, and where the answer goes', async () => {
    const named = await registered(url, { client_name: '<b>Notes</b> & more' })
    const { status, text, headers } = await consentPage(createPersonBrowser(), { scope: 'mcp:crm mcp:crm:write' }, named)
    expect(status).toBe(200)
    for (const shown of ['&lt;b&gt;Notes&lt;/b&gt; &amp; more', 'sam@example.com', '(corp)', '<strong>crm</strong>', '127.0.0.1:33418', 'mcp:crm:write', 'delete customers', named]) expect(text).toContain(shown)
    expect(text).not.toContain('<b>')
    expect(headers.get('content-security-policy')).toContain("form-action 'self' http://127.0.0.1:33418;")
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test('each time, where any program could be asking', async () => {
    const browser = createPersonBrowser()
    await agree(authorizationUrl(url, client, pkce()), browser)
    expect((await consentPage(browser)).text).toContain('name="answer"')
    await agree(authorizationUrl(url, 'desk', pkce()), browser)
    expect((await consentPage(browser, {}, 'desk')).text).toContain('name="answer"')
  })

  test('once, by a known client on a web server of its own; again for more', async () => {
    const browser = createPersonBrowser()
    const own = { redirect_uri: webRedirect }
    await agree(authorizationUrl(url, 'web-app', pkce(), own), browser)
    expect((await consentPage(browser, own, 'web-app')).headers.get('location')).toContain(`${webRedirect}?code=`)
    expect((await consentPage(browser, { ...own, scope: 'mcp:crm mcp:crm:write' }, 'web-app')).text).toContain('name="answer"')
    expect((await consentPage(browser, { ...own, resource: `${url}/mcp/wiki`, scope: 'mcp:wiki' }, 'web-app')).text).toContain('name="answer"')
    expect((await consentPage(browser, { ...own, prompt: 'consent' }, 'web-app')).text).toContain('name="answer"')
  })

  test('who says no is not let in', async () => {
    const browser = createPersonBrowser()
    const back = await sentBack(await consentPage(browser), browser, 'deny')
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ error: 'access_denied', state: 'a-state', iss: url })
  })

  test('in the browser that asked: another one finds nothing, and its form is worth nothing', async () => {
    const browser = createPersonBrowser()
    const page = await consentPage(browser)
    const other = createPersonBrowser()
    await consentPage(other)
    expect((await other.visit(page.url)).text).toContain('has expired')
    expect((await other.submit(page, { answer: 'allow' }, 'name="answer"')).text).toContain('has expired')
    expect((await browser.submit(page, { answer: 'allow', csrf: 'x'.repeat(32) }, 'name="answer"')).status).toBe(403)
  })

  test('and proves who they are once more where the client wants it', async () => {
    const browser = createPersonBrowser()
    await agree(authorizationUrl(url, client, pkce()), browser)
    const before = world.idp.authorizations.length
    world.idp.shape.claims['auth_time'] = Math.floor(Date.now() / 1000) + 2
    expect((await consentPage(browser, { prompt: 'login' })).text).toContain('name="answer"')
    expect(world.idp.authorizations.length).toBe(before + 1)
    world.idp.shape.claims['auth_time'] = 1_700_000_000
    expect([await consentPage(createPersonBrowser(), { prompt: 'login' })].map(({ status }) => status)).toEqual([403])
  })
})

describe('more is asked for', () => {
  test('a call that wants a scope tells all that is needed, and is let through with it', async () => {
    const { access_token: token } = await signInBy(url, client)
    const call = (given: string, name: string) => post(`${url}/mcp/crm`, given, { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name, arguments: {}, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} } } }, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name })
    const before = world.upstream.received.length
    const refused = await call(token, 'delete_all')
    expect(refused.status).toBe(403)
    expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope", scope="mcp:crm mcp:crm:write mcp:crm:all", resource_metadata=')
    expect((await call(token, 'delete_one')).headers.get('www-authenticate')).toContain('scope="mcp:crm mcp:crm:write"')
    expect(world.upstream.received.length).toBe(before)
    const more = await signInBy(url, client, { scope: 'mcp:crm mcp:crm:write mcp:crm:all mcp:wiki' })
    expect(more.scope.split(' ').sort()).toEqual(['mcp:crm', 'mcp:crm:all', 'mcp:crm:write'])
    expect((await call(more.access_token, 'delete_all')).status).toBe(200)
    const written = await signInBy(url, client, { scope: 'mcp:crm:write' })
    expect((await call(written.access_token, 'delete_all')).headers.get('www-authenticate')).toContain('scope="mcp:crm mcp:crm:write mcp:crm:all"')
  })
})

describe('clients of older revisions and in browsers', () => {
  test('find their way without metadata', async () => {
    const response = await fetch(`${url}/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ redirect_uris: [redirect], token_endpoint_auth_method: 'none' }) })
    const { client_id: id } = (await response.json()) as { client_id: string }
    const own = pkce()
    const back = await agree(authorizationUrl(url, id, own).replace('/oauth/authorize', '/authorize'))
    const form = { grant_type: 'authorization_code', client_id: id, code: back.searchParams.get('code') ?? '', code_verifier: own.verifier, redirect_uri: redirect }
    expect((await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(form) })).status).toBe(200)
  })

  test.each(['/mcp/crm', '/oauth/token', '/oauth/register', '/.well-known/oauth-authorization-server', '/.well-known/oauth-protected-resource/mcp/crm'])('a page that may call the gateway may call %s', async (path) => {
    const headers = { origin: url, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, content-type, mcp-protocol-version, mcp-param-x, cookie' }
    const preflight = await fetch(`${url}${path}`, { method: 'OPTIONS', headers })
    expect([preflight.status, preflight.headers.get('access-control-allow-origin'), preflight.headers.get('access-control-allow-credentials')]).toEqual([204, url, null])
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization, content-type, mcp-protocol-version, mcp-param-x')
    const answer = await fetch(`${url}${path}`, { method: path.startsWith('/.') ? 'GET' : 'POST', headers: { origin: url } })
    expect(answer.headers.get('access-control-allow-origin')).toBe(url)
    expect(answer.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate')
    expect((await fetch(`${url}${path}`, { method: 'OPTIONS', headers: { ...headers, origin: 'https://evil.example' } })).status).toBe(403)
  })
})

describe('real clients, given the address of the server alone', () => {
  test.each<readonly [string, Open]>([['TypeScript SDK 1', openV1], ['TypeScript SDK 2', openV2]])('%s signs its person in, and stays', async (_, open) => {
    const own = signingIn()
    const signedIn = await open(new URL(`${url}/mcp/crm`), own)
    expect(await signedIn.tools()).toEqual(['read_one', 'delete_one', 'delete_all'])
    expect(JSON.stringify(await signedIn.call('read_one'))).toContain('did read_one')
    // An access token that is good no more is renewed without the person.
    own.kept.set('tokens', { ...(own.kept.get('tokens') as Tokens), access_token: 'expired' })
    expect(JSON.stringify(await signedIn.call('read_one'))).toContain('did read_one')
    expect(own.asked).toHaveLength(1)
    await signedIn.close()
  })

  test('TypeScript SDK 2 asks its person for what a call wants beside that', async () => {
    const own = signingIn()
    const signedIn = await openV2(new URL(`${url}/mcp/crm`), own)
    expect(JSON.stringify(await signedIn.call('delete_all'))).toContain('did delete_all')
    expect(own.asked.at(-1)?.searchParams.get('scope')?.split(' ')).toEqual(expect.arrayContaining(['mcp:crm', 'mcp:crm:write', 'mcp:crm:all']))
    await signedIn.close()
  })

  test('the suite of the specification finds a server of authorization', async () => {
    const suite = spawn(process.execPath, [conformance, 'authorization', '--url', url, '--client-id', 'desk', '--resource', `${url}/mcp/crm`, '-p', String(await freePort())], { stdio: ['ignore', 'pipe', 'inherit'] })
    const said: string[] = []
    let back: URL | undefined
    for await (const line of createInterface({ input: suite.stdout })) {
      said.push(line)
      const asked = /^\S+\/oauth\/authorize\?\S+/.exec(line)?.[0]
      if (asked !== undefined) back = await agree(asked, createPersonBrowser(), (next) => next.pathname !== '/callback')
      if (back !== undefined && line.startsWith('Callback server started')) await fetch(back)
    }
    expect(said.at(-1)).toBe('Total: 3 passed, 0 failed')
  })
})

describe('clients that make themselves known', () => {
  test('may sign people in, and nothing more', async () => {
    const response = await register(url, { grant_types: ['authorization_code', 'client_credentials', 'urn:ietf:params:oauth:grant-type:device_code'], scope: 'everything', response_types: ['code', 'token'], jwks_uri: undefined })
    expect(response.status).toBe(201)
    expect(response.headers.get('cache-control')).toContain('no-store')
    const made = (await response.json()) as Record<string, unknown>
    expect(made).toMatchObject({ grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], application_type: 'native', redirect_uris: [redirect] })
    for (const name of ['scope', 'registration_access_token', 'client_secret']) expect(made).not.toHaveProperty(name)
  })

  test('with a secret must show it', async () => {
    const own = (await (await register(url, { token_endpoint_auth_method: 'client_secret_post' })).json()) as { client_id: string; client_secret: string }
    const { verifier, challenge } = pkce()
    const code = (await agree(authorizationUrl(url, own.client_id, { challenge }))).searchParams.get('code') ?? ''
    const form = { grant_type: 'authorization_code', client_id: own.client_id, code, code_verifier: verifier, redirect_uri: redirect }
    expect(await errorOf(await tokenRequest(url, form))).toBe('invalid_client')
    expect((await tokenRequest(url, { ...form, client_secret: own.client_secret })).status).toBe(200)
  })

  test.each<readonly [string, unknown, string]>([
    ['no redirect URI', { redirect_uris: [] }, 'invalid_redirect_uri'],
    ['plain http', { redirect_uris: ['http://app.example/callback'] }, 'invalid_redirect_uri'],
    ['a fragment', { redirect_uris: [`${redirect}#x`] }, 'invalid_redirect_uri'],
    ['a script', { redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    ['data', { redirect_uris: ['data:text/html,hi'] }, 'invalid_redirect_uri'],
    ['a wildcard', { redirect_uris: ['https://*.example/callback'] }, 'invalid_redirect_uri'],
    ['a user name', { redirect_uris: ['https://bank.example@evil.example/'] }, 'invalid_redirect_uri'],
    ['a host with a directive in it', { redirect_uris: ['https://a.example;sandbox/callback'] }, 'invalid_redirect_uri'],
    ['a host with a policy in it', { redirect_uris: ['https://a.example,sandbox/callback'] }, 'invalid_redirect_uri'],
    ['many redirect URIs', { redirect_uris: Array.from({ length: 21 }, (_, index) => `https://app.example/${index}`) }, 'invalid_redirect_uri'],
    ['a web application on loopback', { application_type: 'web' }, 'invalid_redirect_uri'],
    ['another use than signing people in', { grant_types: ['client_credentials'] }, 'invalid_client_metadata'],
    ['a long name', { client_name: 'x'.repeat(600) }, 'invalid_client_metadata'],
    ['an unknown way to show who it is', { token_endpoint_auth_method: 'tls_client_auth' }, 'invalid_client_metadata'],
  ])('%s is refused', async (_, metadata, error) => {
    const response = await register(url, metadata as object)
    expect([response.status, await errorOf(response)]).toEqual([400, error])
  })

  test('are bounded in size and in rate', async () => {
    expect((await register(url, { client_uri: `https://app.example/${'x'.repeat(20_000)}` })).status).toBe(413)
    for (let sent = 0; sent < 200; sent += 1) {
      const { status, headers } = await register(url, { redirect_uris: [] })
      if (status === 429) return void expect(headers.get('retry-after')).toBe('60')
    }
    throw new Error('never refused')
  })
})

test('an authorization request has a bound of its length', async () => {
  const status = async (state: string) => (await fetch(authorizationUrl(url, client, pkce(), { state }), { redirect: 'manual' })).status
  expect([await status('x'.repeat(2048)), await status('x'.repeat(5000))]).toEqual([303, 414])
})

test('a stream that was open when its token was given back has ended', async () => {
  expect(await cut).toBeLessThan(240_000)
})
