import { decodeProtectedHeader } from 'jose'
import { connect, greetingOf, post } from '../support/gateway.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { basic, startPeopleWorld } from './people-world.ts'
import { agree, authorizationUrl, claimsOf, errorOf, pkce, redeem, redirect, refresh, register, registered, sam, signInBy, untilBack, type Tokens } from './world.ts'

let world: Awaited<ReturnType<typeof startPeopleWorld>>
let url: string
let client: string

beforeAll(async () => {
  world = await startPeopleWorld()
  ;({ url, client } = world)
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

const hello = greetingOf('plain')
const statusWith = async (token: string, upstream = 'crm'): Promise<number> => (await post(`${url}/mcp/${upstream}`, token, hello)).status
const codeFor = async (own = pkce(), more: Readonly<Record<string, string | undefined>> = {}): Promise<string> => (await agree(authorizationUrl(url, client, own, more))).searchParams.get('code') ?? ''

describe('what a client finds out', () => {
  test('a request without a token is told where to ask for one, and for what', async () => {
    const response = await post(`${url}/mcp/crm`, undefined, hello)
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
      code_challenge_methods_supported: ['S256'], response_types_supported: ['code'], grant_types_supported: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code', 'client_credentials', 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'urn:ietf:params:oauth:grant-type:token-exchange'],
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
    expect(Object.keys(claims).sort()).toEqual(['aud', 'client_id', 'exp', 'grant_id', 'iat', 'iss', 'jti', 'place', 'scope', 'sub'])
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
    expect(await errorOf(await redeem(url, client, await codeFor(own), own.verifier, { resource: `${url}/mcp/wiki` }))).toEqual([400, 'invalid_target'])
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
    expect(await errorOf(again)).toEqual([400, 'invalid_grant'])
    expect(await statusWith(tokens.access_token)).toBe(401)
    expect(await errorOf(await refresh(url, client, tokens.refresh_token))).toEqual([400, 'invalid_grant'])
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
    expect(await errorOf(answer)).toEqual([400, 'invalid_grant'])
  })

  test('a refresh token: used again, it ends its whole family', async () => {
    const first = await signInBy(url, client)
    const second = (await (await refresh(url, client, first.refresh_token)).json()) as Tokens
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(await statusWith(second.access_token)).toBe(200)
    const reused = await refresh(url, client, first.refresh_token)
    expect(await errorOf(reused)).toEqual([400, 'invalid_grant'])
    expect(await errorOf(await refresh(url, client, second.refresh_token))).toEqual([400, 'invalid_grant'])
    expect(await statusWith(second.access_token)).toBe(401)
  })

  test('a refresh token is its client\'s', async () => {
    const { refresh_token: token } = await signInBy(url, client)
    expect(await errorOf(await refresh(url, await registered(url), token))).toEqual([400, 'invalid_grant'])
    expect(await errorOf(await refresh(url, client, token, { resource: `${url}/mcp/wiki` }))).toEqual([400, 'invalid_target'])
  })
})

describe('an end', () => {
  const end = (form: Readonly<Record<string, string>>, headers = {}) => fetch(`${url}/oauth/revoke`, { method: 'POST', headers, body: new URLSearchParams(form) })

  test.each(['access_token', 'refresh_token'] as const)('a client gives its %s back, and the other one is nothing either', async (which) => {
    const tokens = await signInBy(url, client)
    expect(await statusWith(tokens.access_token)).toBe(200)
    expect((await end({ client_id: client, token: tokens[which] })).status).toBe(200)
    expect(await statusWith(tokens.access_token)).toBe(401)
    expect(await errorOf(await refresh(url, client, tokens.refresh_token))).toEqual([400, 'invalid_grant'])
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
    expect(await errorOf(await refresh(url, client, tokens.refresh_token))).toEqual([400, 'invalid_grant'])
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

test('an authorization request has a bound of its length', async () => {
  const status = async (state: string) => (await fetch(authorizationUrl(url, client, pkce(), { state }), { redirect: 'manual' })).status
  expect([await status('x'.repeat(2048)), await status('x'.repeat(5000))]).toEqual([303, 414])
})

test('a stream that was open when its token was given back has ended', async () => {
  expect(await cut).toBeLessThan(240_000)
})
