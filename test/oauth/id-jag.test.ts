import { randomUUID } from 'node:crypto'
import { Client, CrossAppAccessProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { connect } from '../support/gateway.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { startShapedIssuer, type ShapedIssuer } from '../support/shaped-issuer.ts'
import { errorOf, registered, sam, samOnly, signInBy, startWorld, tokenRequest, type World } from './world.ts'

const secret = 'a-secret-of-the-desktop-client'
let world: World
let other: ShapedIssuer
let url: string

beforeAll(async () => {
  other = await startShapedIssuer({ ...sam })
  world = await startWorld({
    rego: { 'policies/people/people.rego': samOnly },
    identity: {
      id_jag: ['corp'],
      clients: [
        { client_id: 'desktop', name: 'The desktop', grants: ['id_jag'], client_secret_from: { env: 'DESKTOP' } },
        { client_id: 'nightly', name: 'The nightly job', grants: ['client_credentials'], client_secret_from: { env: 'DESKTOP' } },
      ],
    },
    upstreamSettings: { crm: { scopes: { write: { tools: ['delete_*'] } } } },
    env: { DESKTOP: secret },
  })
  url = world.url
  await signInBy(url, await registered(url))
})
afterAll(async () => {
  await world.close()
  await other.close()
})

const typed = { typ: 'oauth-id-jag+jwt' }
const now = (): number => Math.floor(Date.now() / 1000)
const assertion = (claims: Readonly<Record<string, unknown>> = {}, header: Readonly<Record<string, unknown>> = typed, issuer: ShapedIssuer = world.idp): Promise<string> =>
  issuer.sign({ sub: 'sam', aud: url, client_id: 'desktop', resource: `${url}/mcp/crm`, jti: randomUUID(), iat: now(), exp: now() + 300, ...claims }, header)
const show = async (signed: string | Promise<string>, form: Readonly<Record<string, string>> = {}, client = 'desktop'): Promise<Response> =>
  tokenRequest(url, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: await signed, ...form }, { authorization: `Basic ${Buffer.from(`${client}:${secret}`).toString('base64')}` })

test('a client comes for somebody for whom the company\'s provider vouches', async () => {
  const answer = (await (await show(assertion({ scope: 'mcp:crm:write everything' }))).json()) as { access_token: string }
  expect(answer).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 600, scope: 'mcp:crm mcp:crm:write' })
  const person = await connect(`${url}/mcp/crm`, answer.access_token, '2025-11-25')
  expect((await person.request('tools/call', { name: 'delete_one', arguments: {} })).result).toMatchObject({ content: [{ text: 'did delete_one' }] })
})

test('it gets no more than was asked for, nor than the assertion names', async () => {
  const scopeOf = async (claims: object, form: Readonly<Record<string, string>>) => ((await (await show(assertion({ ...claims }), form)).json()) as { scope: string }).scope
  expect(await scopeOf({ scope: 'mcp:crm:write' }, { scope: 'mcp:crm' })).toBe('mcp:crm')
  expect(await scopeOf({ scope: 'mcp:crm' }, { scope: 'mcp:crm:write' })).toBe('mcp:crm')
  expect(await scopeOf({}, { scope: 'mcp:crm:write' })).toBe('mcp:crm')
})

test('each assertion is good once', async () => {
  const signed = await assertion()
  const statuses = (await Promise.all(Array.from({ length: 8 }, () => show(signed)))).map(({ status }) => status)
  expect(statuses.sort()).toEqual([200, 400, 400, 400, 400, 400, 400, 400])
})

test.each<readonly [string, () => Promise<string>]>([
  ['of another type', () => assertion({}, { typ: 'JWT' })],
  ['without a type', () => assertion({}, {})],
  ['of an issuer that is not trusted', () => assertion({}, typed, other)],
  ['for another server', () => assertion({ aud: 'https://elsewhere.example' })],
  ['for several servers', () => assertion({ aud: [url, 'https://elsewhere.example'] })],
  ['given to another client', () => assertion({ client_id: 'nightly' })],
  ['given to no client', () => assertion({ client_id: undefined })],
  ['that has expired', () => assertion({ iat: now() - 600, exp: now() - 300 })],
  ['that never expires', () => assertion({ exp: undefined })],
  ['good for days', () => assertion({ exp: now() + 2 * 24 * 3600 })],
  ['from the future', () => assertion({ iat: now() + 600, exp: now() + 900 })],
  ['without an id', () => assertion({ jti: undefined })],
  ['about nobody', () => assertion({ sub: undefined })],
  ['about somebody who never signed in', () => assertion({ sub: 'stranger' })],
  ['that is bound to a key', () => assertion({ cnf: { jkt: 'x' } })],
  ['about somebody who acts for another', () => assertion({ act: { sub: 'agent' } })],
  ['that is none', async () => 'a.b.c'],
])('an assertion %s is refused', async (_, make) => {
  expect(await errorOf(await show(make()))).toEqual([400, 'invalid_grant'])
})

test.each(['none', 'HS256', 'foreign-key'] as const)('an assertion signed with %s is refused', async (sign) => {
  world.idp.shape.sign = sign
  const signed = await assertion()
  world.idp.shape.sign = 'RS256'
  expect(await errorOf(await show(signed))).toEqual([400, 'invalid_grant'])
})

test('an assertion for no resource, or for another than is asked for, is refused', async () => {
  expect(await errorOf(await show(assertion({ resource: undefined })))).toEqual([400, 'invalid_grant'])
  expect(await errorOf(await show(assertion({ resource: 'https://elsewhere.example/mcp' })))).toEqual([400, 'invalid_target'])
  expect(await errorOf(await show(assertion({ resource: [`${url}/mcp/crm`, `${url}/mcp/wiki`] })))).toEqual([400, 'invalid_target'])
  expect(await errorOf(await show(assertion(), { resource: `${url}/mcp/wiki` }))).toEqual([400, 'invalid_target'])
})

test('a client that was not given this, or does not show who it is, is refused', async () => {
  expect(await errorOf(await show(assertion({ client_id: 'nightly' }), {}, 'nightly'))).toEqual([400, 'invalid_request'])
  const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: await assertion() }
  expect(await errorOf(await tokenRequest(url, { ...form, client_id: 'desktop' }))).toEqual([401, 'invalid_client'])
  expect(await errorOf(await tokenRequest(url, { ...form, client_id: await registered(url) }))).toEqual([400, 'invalid_request'])
})

test('SDK 2 gets in by what the provider gives it', async () => {
  const authProvider = new CrossAppAccessProvider({ clientId: 'desktop', clientSecret: secret, expectedIssuer: url, assertion: ({ resourceUrl, authorizationServerUrl }) => assertion({ resource: String(resourceUrl), aud: String(authorizationServerUrl) }) })
  const client = new Client({ name: 'desktop', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp/crm`), { authProvider }))
  expect((await client.callTool({ name: 'read_one', arguments: {} })).content).toMatchObject([{ text: 'did read_one' }])
  await client.close()
})

test('what was given out ends with the account, and nobody comes for it any more', async () => {
  const { access_token: token } = (await (await show(assertion())).json()) as { access_token: string }
  const browser = createPersonBrowser()
  await browser.visit(`${url}/login/corp?return=/login`)
  await browser.submit(await browser.visit(`${url}/logout`), {}, 'value="everywhere"')
  expect((await fetch(`${url}/mcp/crm`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
  expect(await errorOf(await show(assertion()))).toEqual([400, 'invalid_grant'])
})
