import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/free-port.ts'
import { post } from '../support/gateway.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { startPeopleWorld, webRedirect } from './people-world.ts'
import { openV1, openV2, signingIn, type Open } from './sdk.ts'
import { agree, authorizationUrl, errorOf, pkce, redirect, register, registered, sentBack, signInBy, tokenRequest, untilBack, type Tokens } from './world.ts'

const conformance = fileURLToPath(new URL('../../node_modules/conformance-0.2/dist/index.js', import.meta.url))
let world: Awaited<ReturnType<typeof startPeopleWorld>>
let url: string
let client: string

beforeAll(async () => {
  world = await startPeopleWorld()
  ;({ url, client } = world)
})
afterAll(() => world.close())

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
    expect(await errorOf(await tokenRequest(url, form))).toEqual([401, 'invalid_client'])
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
    expect(await errorOf(response)).toEqual([400, error])
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
