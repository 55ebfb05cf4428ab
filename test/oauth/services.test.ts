import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Client, ClientCredentialsProvider, PrivateKeyJwtProvider, StreamableHTTPClientTransport, type OAuthClientProvider } from '@modelcontextprotocol/client'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'
import { connect, greetingOf, post } from '../support/gateway.ts'
import { storeDirectory } from '../support/scratch.ts'
import { claimsOf, errorOf, registered, startWorld, tokenRequest, type World } from './world.ts'

// What policies see of a service is all of this; `claims` hold no secret and nothing that changes.
const policy = `package policies.jobs

allow if {
	input.actor.kind == "service"
	input.actor.provider == "gateway"
	input.actor.groups_known
	"jobs" in input.actor.groups
	startswith(input.actor.issuer, "http://127.0.0.1:")
	input.actor.subject in {"nightly", "signer", "remote"}
	input.actor.claims == {"client_id": input.actor.subject}
	not input.actor.acting_for
}
`
const secret = 'a-secret of the nightly job: long & odd'
const scratch = storeDirectory('services')
let world: World
let url: string
let keys: { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey }
let stranger: CryptoKey
let site: Server
let published: readonly JWK[] = []

const publicJwk = async (key: CryptoKey): Promise<JWK> => ({ ...(await exportJWK(key)), kid: 'one', use: 'sig', alg: 'ES256' })

beforeAll(async () => {
  keys = await generateKeyPair('ES256', { extractable: true })
  stranger = (await generateKeyPair('ES256')).privateKey
  published = [await publicJwk(keys.publicKey)]
  // Slower than the 2.5 s that oidc-provider would wait.
  site = createServer((_, response) => void setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: published })), 3_000))
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  const file = join(scratch, 'signer.json')
  writeFileSync(file, JSON.stringify({ keys: published }))
  const service = { grants: ['client_credentials'], groups: ['jobs'] }
  world = await startWorld({
    rego: { 'policies/jobs/jobs.rego': policy },
    identity: {
      clients: [
        { client_id: 'nightly', name: 'The nightly job', client_secret_from: { env: 'NIGHTLY' }, ...service },
        { client_id: 'signer', name: 'A job with a key', jwks: { file }, ...service },
        { client_id: 'remote', name: 'A job with its key elsewhere', jwks: { url: `http://127.0.0.1:${(site.address() as AddressInfo).port}/jwks.json` }, ...service },
        { client_id: 'other', name: 'A job without groups', client_secret_from: { env: 'NIGHTLY' }, grants: ['client_credentials'] },
        { client_id: 'portal', name: 'The portal', client_secret_from: { env: 'NIGHTLY' }, redirect_uris: ['https://portal.example/back'] },
      ],
    },
    upstreamSettings: { crm: { scopes: { write: { tools: ['delete_*'] } } } },
    env: { NIGHTLY: secret },
  })
  url = world.url
})
afterAll(async () => {
  site.closeAllConnections()
  site.close()
  await world.close()
})

const basicOf = (id: string, word = secret) => ({ authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(word)}`).toString('base64')}` })
const ask = (form: Readonly<Record<string, string>> = {}, headers: Readonly<Record<string, string>> = basicOf('nightly')): Promise<Response> =>
  tokenRequest(url, { grant_type: 'client_credentials', resource: `${url}/mcp/crm`, ...form }, headers)
const tokenOf = async (response: Promise<Response>): Promise<string> => {
  const answer = (await (await response).json()) as { access_token?: string }
  if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`)
  return answer.access_token
}
const hello = greetingOf('job')
const statusWith = async (token: string, upstream = 'crm'): Promise<number> => (await post(`${url}/mcp/${upstream}`, token, hello)).status

interface Assertion {
  readonly client?: string
  readonly claims?: Readonly<Record<string, unknown>>
  readonly key?: CryptoKey
  readonly in?: string
}
let count = 0
const assertion = ({ client = 'signer', claims = {}, key = keys.privateKey, in: end = '1m' }: Assertion = {}): Promise<string> =>
  new SignJWT({ iss: client, sub: client, aud: url, jti: `jti-${(count += 1)}`, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setIssuedAt().setExpirationTime(end).sign(key)
const askBy = async (signed: Promise<string>, form: Readonly<Record<string, string>> = {}): Promise<Response> =>
  ask({ client_assertion: await signed, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', ...form }, {})

describe('a service with a secret', () => {
  test('gets a token for itself and for one server, and no other one', async () => {
    const response = await ask()
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
    const answer = (await response.json()) as Record<string, unknown>
    expect(answer).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 600, scope: 'mcp:crm' })
    const token = String(answer['access_token'])
    const claims = claimsOf(token)
    expect(claims).toMatchObject({ iss: url, sub: 'nightly', client_id: 'nightly', aud: `${url}/mcp/crm`, scope: 'mcp:crm' })
    expect(Object.keys(claims).sort()).toEqual(['aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'scope', 'sub'])
    expect(await statusWith(token, 'wiki')).toBe(401)
    expect((await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
  })

  test('is seen by policies as a service in the groups of the configuration', async () => {
    const call = async (client: string) => {
      const job = await connect(`${url}/mcp/crm`, await tokenOf(ask({}, basicOf(client))), '2025-11-25')
      return job.request('tools/call', { name: 'read_one', arguments: {} })
    }
    expect((await call('nightly')).result).toMatchObject({ content: [{ text: 'did read_one' }] })
    expect((await call('other')).error).toMatchObject({ code: -32602, message: 'Unknown tool: read_one' })
    const me = await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${await tokenOf(ask({ resource: `${url}/api/v1` }))}` } })
    expect(await me.json()).toMatchObject({ actor: { kind: 'service', subject: 'nightly', issuer: url, provider: 'gateway' }, roles: [] })
  })

  test('may show its secret in the form too, and asks for scopes', async () => {
    const token = await tokenOf(ask({ client_id: 'nightly', client_secret: secret, scope: 'mcp:crm:write unheard:of' }, {}))
    expect(claimsOf(token)['scope']).toBe('mcp:crm mcp:crm:write')
    const job = (token: string) => post(`${url}/mcp/crm`, token, { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'delete_one', arguments: {} } }, { 'mcp-protocol-version': '2025-11-25' })
    expect((await job(await tokenOf(ask()))).status).toBe(403)
    expect((await job(token)).status).not.toBe(403)
  })

  test.each<readonly [string, Readonly<Record<string, string>>, Readonly<Record<string, string>> | undefined, readonly unknown[]]>([
    ['another secret', {}, basicOf('nightly', 'guessed'), [401, 'invalid_client']],
    ['no secret', { client_id: 'nightly' }, {}, [401, 'invalid_client']],
    ['a name that nobody has', {}, basicOf('nobody'), [401, 'invalid_client']],
    ['the secret twice', { client_id: 'nightly', client_secret: secret }, undefined, [400, 'invalid_request']],
    ['a resource that is not here', { resource: 'https://elsewhere.example/mcp' }, undefined, [400, 'invalid_target']],
    ['no resource, where there are several', { resource: '' }, undefined, [400, 'invalid_target']],
    ['a client that only signs people in', {}, basicOf('portal'), [400, 'invalid_request']],
    ['a secret for one that has a key', {}, basicOf('signer'), [401, 'invalid_client']],
  ])('%s gets nothing', async (_, form, headers, expected) => {
    expect(await errorOf(await ask(form, headers))).toEqual(expected)
  })

  test('two resources get nothing', async () => {
    const body = new URLSearchParams([['grant_type', 'client_credentials'], ['resource', `${url}/mcp/crm`], ['resource', `${url}/mcp/wiki`]])
    expect(await errorOf(await fetch(`${url}/oauth/token`, { method: 'POST', headers: basicOf('nightly'), body }))).toEqual([400, 'invalid_request'])
  })

  test('a client that registered itself gets nothing', async () => {
    expect(await errorOf(await ask({ client_id: await registered(url) }, {}))).toEqual([400, 'invalid_request'])
  })

  test('a service cannot sign people in', async () => {
    const query = new URLSearchParams({ response_type: 'code', client_id: 'nightly', redirect_uri: 'https://portal.example/back', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256', resource: `${url}/mcp/crm` })
    const page = await fetch(`${url}/oauth/authorize?${query}`, { redirect: 'manual' })
    expect([page.status, page.headers.get('location')]).toEqual([400, null])
  })

  test('what it gives back is good no more, and what others give back in its name still is', async () => {
    const [mine, kept] = [await tokenOf(ask()), await tokenOf(ask())]
    const giveBack = (token: string, client: string) => fetch(`${url}/oauth/revoke`, { method: 'POST', headers: basicOf(client), body: new URLSearchParams({ token }) })
    const isActive = async (token: string) => ((await (await fetch(`${url}/oauth/introspect`, { method: 'POST', headers: basicOf('nightly'), body: new URLSearchParams({ token }) })).json()) as { active: boolean }).active
    expect([await statusWith(mine), await isActive(mine)]).toEqual([200, true])
    expect((await giveBack(mine, 'other')).status).toBe(200)
    expect(await statusWith(mine)).toBe(200)
    expect((await giveBack(mine, 'nightly')).status).toBe(200)
    expect([await statusWith(mine), await statusWith(kept)]).toEqual([401, 200])
  })
})

describe('a service with a key', () => {
  test.each(['signer', 'remote'])('gets in by what it signs: %s', async (client) => {
    expect(claimsOf(await tokenOf(askBy(assertion({ client }))))).toMatchObject({ sub: client, client_id: client })
    expect(await statusWith(await tokenOf(askBy(assertion({ client, claims: { aud: `${url}/oauth/token` } }), { client_id: client })))).toBe(200)
  })

  test('is let in once by each', async () => {
    const signed = assertion()
    const all = await Promise.all(Array.from({ length: 12 }, () => askBy(signed)))
    const answers = await Promise.all(all.map(async (response) => ((await response.json()) as { error?: string }).error ?? 'a token'))
    expect(answers.sort()).toEqual(['a token', ...Array.from({ length: 11 }, () => 'invalid_client')])
    expect(await errorOf(await askBy(signed))).toEqual([401, 'invalid_client'])
  })

  test.each<readonly [string, () => Assertion]>([
    ['signed by somebody else', () => ({ key: stranger })],
    ['meant for another server', () => ({ claims: { aud: 'https://elsewhere.example' } })],
    ['meant for several', () => ({ claims: { aud: [url, 'https://elsewhere.example'] } })],
    ['that has expired', () => ({ in: '-1m' })],
    ['good for days', () => ({ in: '2d' })],
    ['without an id', () => ({ claims: { jti: undefined } })],
    ['of another issuer', () => ({ claims: { iss: 'https://elsewhere.example' } })],
    ['about one that has a secret', () => ({ client: 'nightly' })],
  ])('an assertion %s is none', async (_, about) => {
    expect(await errorOf(await askBy(assertion(about())))).toEqual([401, 'invalid_client'])
  })

  test('an assertion beside the name of another one is none', async () => {
    expect(await errorOf(await askBy(assertion(), { client_id: 'remote' }))).toEqual([400, 'invalid_request'])
  })

  test('an assertion by another algorithm, or by none, is none', async () => {
    const [, body = ''] = (await assertion()).split('.')
    const head = (alg: string) => Buffer.from(JSON.stringify({ alg, kid: 'one' })).toString('base64url')
    for (const forged of [`${head('none')}.${body}.`, `${head('HS256')}.${body}.c2lnbmF0dXJl`]) expect(await errorOf(await askBy(Promise.resolve(forged)))).toEqual([401, 'invalid_client'])
  })
})

test('where nobody can sign in services still get tokens, and nobody registers', async () => {
  const alone = await startWorld({ identity: { providers: [], clients: [{ client_id: 'nightly', name: 'The nightly job', client_secret_from: { env: 'NIGHTLY' }, grants: ['client_credentials'] }] }, env: { NIGHTLY: secret } })
  const asked = await tokenRequest(alone.url, { grant_type: 'client_credentials', resource: `${alone.url}/mcp/crm` }, basicOf('nightly'))
  const { access_token: token } = (await asked.json()) as { access_token: string }
  expect((await post(`${alone.url}/mcp/crm`, token, hello)).status).toBe(200)
  for (const path of ['/oauth/register', '/login']) expect((await fetch(`${alone.url}${path}`, { method: path === '/login' ? 'GET' : 'POST' })).status).toBe(404)
  // What one gateway signed is nothing to another.
  expect(await statusWith(token)).toBe(401)
  await alone.close()
})

describe('the SDK, given the address of the server and what it shows', () => {
  const use = async (authProvider: OAuthClientProvider): Promise<unknown> => {
    const client = new Client({ name: 'a-job', version: '1' })
    await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp/crm`), { authProvider }))
    const result = await client.callTool({ name: 'read_one', arguments: {} })
    await client.close()
    return result.content
  }
  test('gets in by a secret', async () => {
    expect(await use(new ClientCredentialsProvider({ clientId: 'nightly', clientSecret: secret, expectedIssuer: url }))).toMatchObject([{ text: 'did read_one' }])
  })
  test('gets in by a key', async () => {
    const privateKey = { ...(await exportJWK(keys.privateKey)), kid: 'one' }
    expect(await use(new PrivateKeyJwtProvider({ clientId: 'signer', privateKey, algorithm: 'ES256', expectedIssuer: url }))).toMatchObject([{ text: 'did read_one' }])
  })
})
