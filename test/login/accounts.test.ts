import type { AccountId } from '../../src/account.ts'
import type { Login } from '../../src/login/login.ts'
import { createPersonBrowser, type PersonBrowser } from '../support/person-browser.ts'
import { startShapedIssuer, type ShapedIssuer } from '../support/shaped-issuer.ts'
import { bounds, provider, startWorld, type World } from './world.ts'

const minute = 60_000
let issuer: ShapedIssuer
let world: World
let browser: PersonBrowser
let other: Login

beforeEach(async () => {
  issuer = await startShapedIssuer({ sub: 'sam', email: 'sam@example.com', email_verified: true, groups: ['support', 'oncall'], sid: 'session-1' })
  issuer.shape.refresh = 'rotating'
  world = await startWorld([provider('corp', issuer)])
  other = world.second()
  browser = createPersonBrowser()
})
afterEach(async () => {
  other.close()
  await world.close()
  await issuer.close()
})

async function signIn(): Promise<AccountId> {
  expect((await browser.visit(`${world.url}/login`)).text).toContain('You are signed in')
  const [account] = await world.login.accounts.list()
  if (account === undefined) throw new Error('nobody is signed in')
  return account.id
}
const refreshes = () => issuer.asked.filter((path) => path === '/token').length
const follow = (login: Login): string[] => {
  const told: string[] = []
  login.accounts.follow(({ what }) => void told.push(what))
  return told
}

test('a provider is asked once an interval, by one process of several and however many calls come', async () => {
  const id = await signIn()
  const before = refreshes()
  await Promise.all(Array.from({ length: 20 }, () => world.login.accounts.get(id)))
  expect(refreshes()).toBe(before)
  world.pass(bounds.refresh + minute)
  const found = await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? world.login : other).accounts.get(id)))
  expect(found.every((account) => account?.actor.groups.includes('oncall'))).toBe(true)
  expect(refreshes() - before).toBe(1)
  // Each refresh token is good once: the next interval has the next one.
  world.pass(bounds.refresh + minute)
  expect(await other.accounts.get(id)).toBeDefined()
  expect(refreshes() - before).toBe(2)
})

test('groups that the provider took away are gone with the next answer, also elsewhere', async () => {
  const id = await signIn()
  const [here, there] = [follow(world.login), follow(other)]
  await other.accounts.get(id)
  issuer.shape.claims['groups'] = ['support']
  world.pass(bounds.refresh + minute)
  expect((await world.login.accounts.get(id))?.actor.groups).toEqual(['support'])
  expect(here).toEqual(['lost'])
  await other.accounts.tick([])
  expect(there).toEqual(['lost'])
  expect((await other.accounts.get(id))?.actor.groups).toEqual(['support'])

  issuer.shape.claims['groups'] = ['support', 'sales']
  world.pass(bounds.refresh + minute)
  await world.login.accounts.get(id)
  expect(here).toEqual(['lost', 'changed'])
})

test.each(['invalid_grant', 'interaction_required', 'consent_required'])('whom the provider does not stand by any more (%s) is nobody, here and elsewhere, and their browser is signed out', async (error) => {
  const id = await signIn()
  await other.accounts.get(id)
  const there = follow(other)
  issuer.shape.refreshError = { status: 400, body: { error } }
  world.pass(bounds.refresh + minute)
  expect(await world.login.accounts.get(id)).toBeUndefined()
  await other.accounts.tick([])
  expect(there).toEqual(['ended'])
  expect(await other.accounts.get(id)).toBeUndefined()
  const again = await browser.visit(`${world.url}/login`, { follow: false })
  expect(again.headers.get('location')).toContain('/login/corp')
  // Signing in anew gives another account: nothing given out before is good again.
  issuer.shape.refreshError = undefined
  expect(await signIn()).not.toBe(id)
  expect(await world.login.accounts.get(id)).toBeUndefined()
})

test('somebody whose stream is open is asked about without a single call', async () => {
  const id = await signIn()
  const told = follow(world.login)
  await world.login.accounts.get(id)
  issuer.shape.refreshError = { status: 400, body: { error: 'invalid_grant' } }
  world.pass(bounds.refresh + minute)
  const ended = new Promise<void>((resolve) => world.login.accounts.watch(() => resolve()))
  await world.login.accounts.tick([{ issuer: issuer.issuer, subject: 'sam' }])
  await ended
  expect(told).toEqual(['ended'])
})

test.each([[503, {}], [429, { error: 'slow_down' }], [401, { error: 'invalid_client' }]])('a provider that cannot answer (%i) is waited for, and not for ever', async (status, body) => {
  const id = await signIn()
  issuer.shape.refreshError = { status, body }
  world.pass(bounds.refresh + minute)
  expect(await world.login.accounts.get(id)).toBeDefined()
  const asked = refreshes()
  await Promise.all(Array.from({ length: 20 }, () => world.login.accounts.get(id)))
  expect(refreshes()).toBe(asked)
  world.pass(bounds.grace)
  expect(await world.login.accounts.get(id)).toBeUndefined()
  const told = follow(world.login)
  await world.login.accounts.tick([{ issuer: issuer.issuer, subject: 'sam' }])
  expect(told).toEqual(['lapsed'])
  // It answers again: nobody has to sign in anew.
  issuer.shape.refreshError = undefined
  world.pass(minute)
  expect(await world.login.accounts.get(id)).toBeDefined()
})

test('a provider that hangs does not hold up whoever is still known', async () => {
  const id = await signIn()
  const answered = Promise.withResolvers<void>()
  issuer.shape.waits = answered.promise
  world.pass(bounds.refresh + minute)
  const found = await Promise.all([world.login.accounts.get(id), other.accounts.get(id)])
  expect(found.every((account) => account !== undefined)).toBe(true)
  answered.resolve()
})

test('an answer about somebody else ends the account', async () => {
  const id = await signIn()
  issuer.shape.claims['sub'] = 'mallory'
  world.pass(bounds.refresh + minute)
  expect(await world.login.accounts.get(id)).toBeUndefined()
})

test('without an ID token or UserInfo what was known stays, and without a refresh token until the session ends', async () => {
  issuer.shape.refreshedIdToken = false
  const id = await signIn()
  world.pass(bounds.refresh + minute)
  expect((await world.login.accounts.get(id))?.actor.groups).toEqual(['support', 'oncall'])

  issuer.shape.refresh = 'none'
  issuer.shape.claims['sub'] = 'riley'
  browser = createPersonBrowser()
  await browser.visit(`${world.url}/login`)
  const riley = (await world.login.accounts.list()).find(({ person }) => person.subject === 'riley')
  if (riley === undefined) throw new Error('Riley is not signed in')
  world.pass(bounds.session - minute)
  expect(await world.login.accounts.get(riley.id)).toBeDefined()
  world.pass(2 * minute)
  expect(await world.login.accounts.get(riley.id)).toBeUndefined()
})

describe('back-channel logout', () => {
  const event = { 'http://schemas.openid.net/event/backchannel-logout': {} }
  const tell = (token: string) => fetch(`${world.url}/login/corp/backchannel-logout`, { method: 'POST', body: new URLSearchParams({ logout_token: token }) })

  test.each([['the subject', { sub: 'sam' }], ['the session', { sid: 'session-1' }]])('ends the account by %s, and works once', async (_what, claims) => {
    const id = await signIn()
    const token = await issuer.sign({ ...claims, jti: `one-${Object.keys(claims)[0]}`, events: event })
    expect((await tell(token)).status).toBe(200)
    expect(await world.login.accounts.get(id)).toBeUndefined()
    expect((await tell(token)).status).toBe(400)
  })

  test('ends it by a session whose browser was signed out here before', async () => {
    const id = await signIn()
    await browser.submit(await browser.visit(`${world.url}/logout`), {}, 'value="here"')
    expect(await world.login.accounts.get(id)).toBeDefined()
    expect((await tell(await issuer.sign({ sid: 'session-1', jti: 'later', events: event }))).status).toBe(200)
    expect(await world.login.accounts.get(id)).toBeUndefined()
  })

  test.each<readonly [string, Record<string, unknown>]>([
    ['an ID token', { nonce: 'n', events: event }], ['no event', {}], ['another event', { events: { 'https://example.com/other': {} } }], ['another client', { aud: 'another', events: event }],
    ['another issuer', { iss: 'https://evil.example', events: event }], ['one of yesterday', { iat: 1_700_000_000, exp: undefined, events: event }], ['nobody', { sub: undefined, events: event }], ['one without an id', { jti: undefined, events: event }],
  ])('does nothing for %s', async (_what, claims) => {
    const id = await signIn()
    expect((await tell(await issuer.sign({ sub: 'sam', jti: 'x', ...claims }))).status).toBe(400)
    issuer.shape.sign = 'foreign-key'
    expect((await tell(await issuer.sign({ sub: 'sam', jti: 'y', events: event }))).status).toBe(400)
    expect(await world.login.accounts.get(id)).toBeDefined()
  })
})

test('who signed in anew at one process shortly before the end of their session is not turned away by another', async () => {
  issuer.shape.refresh = 'none'
  const id = await signIn()
  world.pass(bounds.session - 6_000)
  expect(await other.accounts.get(id)).toBeDefined()
  await browser.visit(`${world.url}/login/corp`)
  world.pass(7_000)
  expect(await other.accounts.get(id)).toBeDefined()
})

test('a browser is signed out when it was idle, and at last however busy it was', async () => {
  await signIn()
  world.pass(bounds.idle - minute)
  expect((await browser.visit(`${world.url}/login`)).text).toContain('You are signed in')
  world.pass(bounds.idle - minute)
  expect((await browser.visit(`${world.url}/login`)).text).toContain('You are signed in')
  world.pass(bounds.idle + minute)
  expect((await browser.visit(`${world.url}/logout`)).text).toContain('You are signed out')

  await browser.visit(`${world.url}/login`)
  for (let passed = 0; passed < bounds.session; passed += bounds.idle / 2) {
    world.pass(bounds.idle / 2)
    await browser.visit(`${world.url}/logout`)
  }
  expect((await browser.visit(`${world.url}/logout`)).text).toContain('You are signed out')
})

test('every browser of a person is listed, and ended together with all else of theirs', async () => {
  const id = await signIn()
  const second = createPersonBrowser()
  expect((await second.visit(`${world.url}/login`)).text.match(/signed in \d{4}-/g)).toHaveLength(2)
  const forged = await browser.submit(await browser.visit(`${world.url}/logout`), { csrf: 'x'.repeat(32) }, 'value="everywhere"')
  expect(forged.status).toBe(403)
  expect(await world.login.accounts.get(id)).toBeDefined()
  // As many signs as there should be, and more bytes.
  expect((await browser.submit(await browser.visit(`${world.url}/logout`), { csrf: 'é'.repeat(32) }, 'value="everywhere"')).status).toBe(403)
  // Nor does the form of another session do.
  const foreign = /name="csrf" value="([^"]+)"/.exec((await second.visit(`${world.url}/logout`)).text)?.[1] ?? ''
  expect((await browser.submit(await browser.visit(`${world.url}/logout`), { csrf: foreign }, 'value="everywhere"')).status).toBe(403)

  await browser.submit(await browser.visit(`${world.url}/logout`), {}, 'value="everywhere"')
  expect(await world.login.accounts.get(id)).toBeUndefined()
  expect((await second.visit(`${world.url}/logout`)).text).toContain('You are signed out')
})

