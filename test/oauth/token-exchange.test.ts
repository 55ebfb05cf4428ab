import { randomUUID } from 'node:crypto'
import { createPersonBrowser } from '../support/person-browser.ts'
import { asClient, startActingWorld, tokenOf, type ActingWorld } from './acting-world.ts'
import { begunDevice, pollDevice } from './terminal.ts'
import { claimsOf, errorOf, registered, signInBy, tokenRequest } from './world.ts'

const invalid = [400, 'invalid_request']
let world: ActingWorld
let url: string
let editor: string
/** What sam gave an editor: for one server, with one of its scopes. */
let subject: string

beforeAll(async () => {
  world = await startActingWorld()
  url = world.url
  editor = await registered(url)
  subject = (await signInBy(url, editor, { scope: 'mcp:crm mcp:crm:write' })).access_token
})
afterAll(() => world?.close())

const now = (): number => Math.floor(Date.now() / 1000)
const ask = (form: Readonly<Record<string, string | undefined>> = {}, client?: string): Promise<Response> => world.exchange({ subject_token: subject, ...form }, client)

test('the metadata say that tokens can be exchanged', async () => {
  const metadata = await (await fetch(`${url}/.well-known/oauth-authorization-server`)).json()
  expect(metadata).toMatchObject({ grant_types_supported: expect.arrayContaining(['urn:ietf:params:oauth:grant-type:token-exchange']) })
})

test('a client gets a token that names it and the person, for the same server and no longer', async () => {
  const response = await ask()
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
  const answer = (await response.json()) as Record<string, unknown>
  expect(answer).toEqual({ access_token: expect.any(String), issued_token_type: 'urn:ietf:params:oauth:token-type:access_token', token_type: 'Bearer', expires_in: expect.any(Number), scope: 'mcp:crm mcp:crm:write' })
  const [before, after] = [claimsOf(subject), claimsOf(String(answer['access_token']))]
  expect(after).toEqual({ ...before, act: { sub: 'assistant' }, client_id: 'assistant', jti: expect.any(String), iat: expect.any(Number), place: undefined })
  expect([after['jti'] === before['jti'], Number(answer['expires_in']) <= Number(before['exp']) - now() + 1]).toEqual([false, true])
})

test('a program that the client brings is named in its place, and nothing outlives what it showed', async () => {
  const until = now() + 90
  const claims = claimsOf(await tokenOf(ask({ actor_token: await world.workload({ exp: until }) })))
  expect(claims).toMatchObject({ act: { sub: 'repo:acme/app', iss: world.ci.issuer, client_id: 'assistant' }, client_id: 'assistant', exp: until })
  const again = claimsOf(await tokenOf(ask({ subject_token: await tokenOf(ask({ actor_token: await world.workload({ exp: until }) })) }, 'helper')))
  expect(again).toMatchObject({ act: { sub: 'helper', act: { sub: 'repo:acme/app', iss: world.ci.issuer, client_id: 'assistant' } }, client_id: 'helper', exp: until })
})

test('scopes become fewer and never more', async () => {
  const scopeOf = async (form: Readonly<Record<string, string>>) => ((await (await ask(form)).json()) as { scope: string }).scope
  expect(await scopeOf({ scope: 'mcp:crm' })).toBe('mcp:crm')
  expect(await scopeOf({ scope: 'mcp:crm:write mcp:crm:more mcp:wiki api' })).toBe('mcp:crm mcp:crm:write')
  const fewer = await tokenOf(ask({ scope: 'mcp:crm' }))
  expect(claimsOf(await tokenOf(ask({ subject_token: fewer, scope: 'mcp:crm:write' }, 'helper')))['scope']).toBe('mcp:crm')
})

test('only so many act for each other', async () => {
  let token = subject
  for (const client of ['assistant', 'helper', 'third', 'fourth']) token = await tokenOf(world.exchange({ subject_token: token }, client))
  expect(claimsOf(token)['act']).toEqual({ sub: 'fourth', act: { sub: 'third', act: { sub: 'helper', act: { sub: 'assistant' } } } })
  expect(await errorOf(await world.exchange({ subject_token: token }, 'fifth'))).toEqual(invalid)
})

describe('a person\'s token is one however it came about', () => {
  test('by a provider that vouches', async () => {
    const assertion = await world.idp.sign({ sub: 'sam', aud: url, client_id: 'desktop', resource: `${url}/mcp/crm`, jti: randomUUID(), iat: now(), exp: now() + 300 }, { typ: 'oauth-id-jag+jwt' })
    const own = await tokenOf(tokenRequest(url, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }, asClient('desktop')))
    expect(claimsOf(await tokenOf(ask({ subject_token: own })))).toMatchObject({ act: { sub: 'assistant' } })
  })

  test('by a device', async () => {
    const begun = await begunDevice(url, { resource: `${url}/mcp/wiki` })
    const browser = createPersonBrowser()
    const page = await browser.submit(await browser.visit(begun.verification_uri_complete))
    await browser.submit(page, { answer: 'allow' }, 'name="answer"')
    const own = await tokenOf(pollDevice(url, begun.device_code))
    expect(claimsOf(await tokenOf(ask({ subject_token: own })))).toMatchObject({ act: { sub: 'assistant' }, aud: `${url}/mcp/wiki` })
  })
})

const itself = () => tokenOf(tokenRequest(url, { grant_type: 'client_credentials', resource: `${url}/mcp/crm` }, asClient('assistant')))
const turned = (token: string) => `${token.slice(0, -6)}${token.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA'}`

test.each<readonly [string, () => Promise<Readonly<Record<string, string | undefined>>> | Readonly<Record<string, string | undefined>>]>([
  ['that is missing', () => ({ subject_token: undefined })],
  ['that is none', () => ({ subject_token: 'a.b.c' })],
  ['that is too long', () => ({ subject_token: `${subject}${'A'.repeat(16 * 1024)}` })],
  ['with another signature', () => ({ subject_token: turned(subject) })],
  ['of another issuer', async () => ({ subject_token: await world.gateway.token({ subject: 'sam', groups: ['support'] }, 'crm') })],
  ['of the provider itself', async () => ({ subject_token: await world.idp.sign({ sub: 'sam', aud: `${url}/mcp/crm` }) })],
  ['of a service', async () => ({ subject_token: await itself() })],
  ['for the API', async () => ({ subject_token: (await signInBy(url, editor, { resource: `${url}/api/v1`, scope: 'api' })).access_token })],
  ['whose type is not said', () => ({ subject_token_type: undefined })],
  ['said to be an ID token', () => ({ subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' })],
  ['said to be a refresh token', () => ({ subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' })],
])('a subject token %s is refused', async (_, form) => {
  expect(await errorOf(await ask(await form()))).toEqual(invalid)
})

test.each<readonly [string, () => Promise<Readonly<Record<string, string | undefined>>>]>([
  ['without its type', async () => ({ actor_token: await world.workload(), actor_token_type: undefined })],
  ['that is missing beside its type', async () => ({ actor_token_type: 'urn:ietf:params:oauth:token-type:jwt' })],
  ['of another type', async () => ({ actor_token: await world.workload(), actor_token_type: 'urn:ietf:params:oauth:token-type:saml2' })],
  ['that is none', async () => ({ actor_token: 'a.b.c' })],
  ['with another signature', async () => ({ actor_token: turned(await world.workload()) })],
  ['that has expired', async () => ({ actor_token: await world.workload({ iat: now() - 600, exp: now() - 300 }) })],
  ['that expired just now, by less than clocks may differ', async () => ({ actor_token: await world.workload({ iat: now() - 600, exp: now() - 1 }) })],
  ['for a server, and not for the gateway', async () => ({ actor_token: await world.workload({ aud: `${url}/mcp/crm` }) })],
  ['that lacks what is required of its issuer', async () => ({ actor_token: await world.workload({ repository: 'other/app' }) })],
  ['of an issuer whose programs the client may not bring', async () => ({ actor_token: await world.workload({}, world.stranger) })],
  ['of an issuer that nobody knows', async () => ({ actor_token: await world.workload({ iss: 'https://elsewhere.example' }) })],
  ['of a program that acts for another', async () => ({ actor_token: await world.workload({ act: { sub: 'somebody' } }) })],
  ['that names the person', async () => ({ actor_token: await world.workload({ sub: 'sam' }, world.idp) })],
  ['of the gateway', async () => ({ actor_token: await itself() })],
])('an actor token %s is refused', async (_, form) => {
  expect(await errorOf(await ask(await form()))).toEqual(invalid)
})

test.each<readonly [string, Readonly<Record<string, string>>, readonly unknown[]]>([
  ['another server', { resource: 'crm→wiki' }, [400, 'invalid_target']],
  ['the API', { resource: 'api' }, [400, 'invalid_target']],
  ['another audience', { audience: 'https://elsewhere.example' }, [400, 'invalid_target']],
  ['an ID token', { requested_token_type: 'urn:ietf:params:oauth:token-type:id_token' }, invalid],
  ['a refresh token', { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }, invalid],
])('%s is not given out', async (_, form, expected) => {
  const resource = { 'crm→wiki': `${url}/mcp/wiki`, api: `${url}/api/v1` }[form['resource'] ?? '']
  expect(await errorOf(await ask({ ...form, ...(resource === undefined ? {} : { resource }) }))).toEqual(expected)
})

test('the same server may be named', async () => {
  expect((await ask({ resource: `${url}/mcp/crm/`, audience: `${url}/mcp/crm`, requested_token_type: 'urn:ietf:params:oauth:token-type:access_token' })).status).toBe(200)
})

test.each<readonly [string, string]>([
  ['one that acts for other people', 'clerk'],
  ['one that only comes for itself', 'nightly'],
  ['one that people are sent to', 'desktop'],
])('%s gets nothing', async (_, client) => {
  expect(await errorOf(await ask({}, client))).toEqual(invalid)
})

test('who does not show who it is gets nothing', async () => {
  const form = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: subject, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' }
  expect(await errorOf(await tokenRequest(url, { ...form, client_id: 'assistant' }))).toEqual([401, 'invalid_client'])
  expect(await errorOf(await tokenRequest(url, { ...form, client_id: 'assistant', client_secret: 'guessed' }))).toEqual([401, 'invalid_client'])
  expect(await errorOf(await tokenRequest(url, { ...form, client_id: editor }))).toEqual(invalid)
  expect(await errorOf(await tokenRequest(url, { ...form, client_id: 'terminal' }))).toEqual(invalid)
})

test('nobody acts for themselves', async () => {
  const token = await tokenOf(ask())
  expect(await errorOf(await ask({ subject_token: token }))).toEqual(invalid)
  expect(await errorOf(await ask({ subject_token: await tokenOf(ask({ subject_token: token }, 'helper')) }))).toEqual(invalid)
})
