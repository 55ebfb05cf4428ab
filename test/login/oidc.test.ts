import { generateKeyPairSync } from 'node:crypto'
import { exportJWK, exportPKCS8, generateKeyPair, type JWK } from 'jose'
import { createPersonBrowser } from '../support/person-browser.ts'
import { startShapedIssuer, type Shape, type ShapedIssuer } from '../support/shaped-issuer.ts'
import { provider, startWorld, type World } from './world.ts'

const sam = { sub: 'sam', name: 'Sam', email: 'sam@example.com', email_verified: true, groups: ['support'], auth_time: 1_700_000_000 }
let okay: ShapedIssuer
let other: ShapedIssuer
let world: World

beforeAll(async () => {
  okay = await startShapedIssuer({ ...sam })
  other = await startShapedIssuer({ ...sam, name: 'Somebody else' })
  world = await startWorld([
    provider('corp', okay, { trusted_groups: 'all' }),
    provider('partner', other, { trusted_groups: [] }),
  ])
})
afterAll(async () => {
  await world.close()
  await okay.close()
  await other.close()
})
const initial = { ...sam }
afterEach(() => {
  for (const issuer of [okay, other]) Object.assign(issuer.shape, { claims: { ...initial }, sign: 'RS256', refresh: 'none', refreshError: undefined, iss: issuer.issuer, error: undefined, userinfo: {} } satisfies Partial<Shape>)
})

const signIn = (name = 'corp', browser = createPersonBrowser(), path = '/login') => browser.visit(`${world.url}/login/${name}?return=${encodeURIComponent(path)}`)
const lastRefusal = () => world.lines.findLast(({ message }) => message === 'a sign-in was refused')?.fields

describe('a person signs in', () => {
  test('and is known with groups, by a browser session that ends with logging out', async () => {
    const browser = createPersonBrowser()
    const page = await signIn('corp', browser)
    expect(page.status).toBe(200)
    expect(page.text).toContain('sam@example.com')
    expect(page.text).toContain('support')
    const asked = okay.authorizations.at(-1)
    expect(asked?.get('code_challenge_method')).toBe('S256')
    expect(asked?.get('redirect_uri')).toBe(`${world.url}/login/corp/callback`)

    const leaving = await browser.visit(`${world.url}/logout`)
    const left = await browser.submit(leaving, {}, 'value="here"')
    expect(left.text).toContain('You are signed out')
    expect((await browser.visit(`${world.url}/login`)).text).toContain('Choose where')
  })

  test('the session has another id after each sign-in, and the old one is good no more', async () => {
    const browser = createPersonBrowser()
    browser.setCookie('127.0.0.1', 'sallyport', 'x'.repeat(43))
    await signIn('corp', browser)
    const first = browser.cookies('127.0.0.1').get('sallyport')
    expect(first).not.toBe('x'.repeat(43))
    await browser.visit(`${world.url}/login/corp`)
    const second = browser.cookies('127.0.0.1').get('sallyport')
    expect(second).not.toBe(first)
    const old = createPersonBrowser()
    old.setCookie('127.0.0.1', 'sallyport', first ?? '')
    expect((await old.visit(`${world.url}/login`)).text).not.toContain('You are signed in')
  })

  test('two accounts of the same subject at two providers are two people', async () => {
    const [one, two] = [createPersonBrowser(), createPersonBrowser()]
    await signIn('corp', one)
    const partner = await signIn('partner', two)
    expect(partner.text).toContain('partner:support')
    const people = (await world.login.accounts.list()).filter(({ person }) => person.subject === 'sam')
    expect(new Set(people.map(({ person }) => person.issuer)).size).toBe(2)
    expect(new Set(people.map(({ id }) => id)).size).toBe(2)
  })

  test('a provider cannot name a group of another', async () => {
    okay.shape.claims['groups'] = ['partner:admins', 'support']
    const page = await signIn()
    expect(page.text).toContain('corp:partner:admins')
  })

  test.each([['https://evil.example'], ['//evil.example'], ['/\\evil.example'], ['javascript:alert(1)'], ['/.//evil.example'], ['/\tevil'], ['https:/evil.example'], [' //evil.example']])('and is led to no other place: %s', async (path) => {
    const page = await signIn('corp', createPersonBrowser(), path)
    expect(page.url).toBe(`${world.url}/login`)
    expect(page.way.every((address) => !address.startsWith('http') || [world.url, okay.issuer].some((known) => address.startsWith(known)))).toBe(true)
  })

  test('and comes back to where they were', async () => {
    expect((await signIn('corp', createPersonBrowser(), '/login?from=here')).url).toBe(`${world.url}/login?from=here`)
  })
})

describe('an answer is refused', () => {
  const lies: readonly (readonly [what: string, change: (shape: Shape, issuer: ShapedIssuer) => void, code: string])[] = [
    ['with the nonce of another', (shape) => (shape.claims['nonce'] = 'another'), 'answer_refused'],
    ['of another issuer (RFC 9207)', (shape) => (shape.iss = 'https://evil.example'), 'answer_refused'],
    ['without its issuer, where that was promised', (shape) => (shape.iss = undefined), 'answer_refused'],
    ['whose ID token is of another issuer', (shape) => (shape.claims['iss'] = other.issuer), 'answer_refused'],
    ['whose ID token is for another client', (shape) => (shape.claims['aud'] = 'another'), 'answer_refused'],
    ['whose ID token is for several and made for another', (shape) => Object.assign(shape.claims, { aud: ['sallyport', 'another'], azp: 'another' }), 'answer_refused'],
    ['whose ID token has expired', (shape) => (shape.claims['exp'] = 1_700_000_000), 'answer_refused'],
    ['that is not signed', (shape) => (shape.sign = 'none'), 'answer_refused'],
    ['signed with the secret of the client', (shape) => (shape.sign = 'HS256'), 'answer_refused'],
    ['signed with a key of somebody else', (shape) => (shape.sign = 'foreign-key'), 'answer_refused'],
    ['without a subject', (shape) => (shape.claims['sub'] = undefined), 'answer_refused'],
    ['of somebody who acts for another', (shape) => (shape.claims['act'] = { sub: 'robot' }), 'acted_for'],
    ['that is an error', (shape) => (shape.error = 'access_denied'), 'provider_refused'],
  ]
  test.each(lies)('%s', async (_what, change, code) => {
    change(okay.shape, okay)
    const browser = createPersonBrowser()
    const page = await signIn('corp', browser)
    expect(page.status).toBe(403)
    expect(page.text).toContain('You are not signed in')
    expect(lastRefusal()).toMatchObject({ provider: 'corp', code })
    // The person can tell whoever runs the gateway which line of the log it was.
    expect(page.text).toContain(String(lastRefusal()?.['reference']))
    expect(browser.cookies('127.0.0.1').has('sallyport')).toBe(false)
  })

  test('that another browser brings, or one that brings it again', async () => {
    const victim = createPersonBrowser()
    const attacker = createPersonBrowser()
    // The attacker signs in as themselves and stops before the gateway hears of it.
    const stopped = await attacker.visit(`${world.url}/login/corp`, { follow: (next) => !next.pathname.endsWith('/callback') })
    const answer = stopped.headers.get('location') ?? ''
    expect(answer).toContain('/login/corp/callback?')
    const forced = await victim.visit(answer)
    expect(forced.status).toBe(403)
    expect(victim.cookies('127.0.0.1').has('sallyport')).toBe(false)
    expect(lastRefusal()).toMatchObject({ code: 'flow_of_another_browser' })
    // What was not theirs used nothing up; it is good once.
    expect((await attacker.visit(answer)).text).toContain('You are signed in')
    expect((await attacker.visit(answer)).status).toBe(403)
    expect(lastRefusal()).toMatchObject({ code: 'flow_unknown' })
  })

  test('of one provider at the address of another', async () => {
    const browser = createPersonBrowser()
    const stopped = await browser.visit(`${world.url}/login/partner`, { follow: (next) => !next.pathname.endsWith('/callback') })
    const answer = (stopped.headers.get('location') ?? '').replace('/login/partner/', '/login/corp/')
    const page = await browser.visit(answer)
    expect(page.status).toBe(403)
    expect(browser.cookies('127.0.0.1').has('sallyport')).toBe(false)
  })

  test('with a code that was swapped for that of another flow', async () => {
    const [mine, theirs] = [createPersonBrowser(), createPersonBrowser()]
    const stop = { follow: (next: URL) => !next.pathname.endsWith('/callback') }
    const own = new URL((await mine.visit(`${world.url}/login/corp`, stop)).headers.get('location') ?? '')
    const stolen = new URL((await theirs.visit(`${world.url}/login/corp`, stop)).headers.get('location') ?? '')
    own.searchParams.set('code', stolen.searchParams.get('code') ?? '')
    expect((await mine.visit(own.href)).status).toBe(403)
    expect(lastRefusal()).toMatchObject({ code: 'answer_refused' })
  })

  test('no line of the log and no page holds a code, a token or the secret', async () => {
    const told = JSON.stringify(world.lines)
    expect(told).not.toMatch(/eyJ|access-[0-9a-f]{8}|a-secret-of-the-client/)
  })
})

describe('what is asked of a sign-in', () => {
  test('a step up asks for it anew, and is refused where the provider did less', async () => {
    const browser = createPersonBrowser()
    okay.shape.claims['acr'] = 'password'
    await signIn('corp', browser)
    const weak = await browser.visit(`${world.url}${world.login.browsers.loginPath('/login', { provider: 'corp', acr: 'phr' })}`)
    expect(okay.authorizations.at(-1)?.get('acr_values')).toBe('phr')
    expect(weak.status).toBe(403)
    expect(lastRefusal()).toMatchObject({ code: 'not_strong_enough' })
    okay.shape.claims['acr'] = 'phr'
    expect((await browser.visit(`${world.url}${world.login.browsers.loginPath('/login', { provider: 'corp', acr: 'phr' })}`)).text).toContain('You are signed in')
  })

  test('an old proof is not taken for a new one', async () => {
    const browser = createPersonBrowser()
    const old = await browser.visit(`${world.url}${world.login.browsers.loginPath('/login', { provider: 'corp', maxAge: 60 })}`)
    expect(okay.authorizations.at(-1)?.get('max_age')).toBe('60')
    expect(old.status).toBe(403)
    okay.shape.claims['auth_time'] = undefined
    expect((await browser.visit(`${world.url}/login/corp?max_age=60`)).status).toBe(403)
    okay.shape.claims['auth_time'] = Math.floor(Date.now() / 1000) - 5
    expect((await browser.visit(`${world.url}/login/corp?max_age=60`)).text).toContain('You are signed in')
  })
})

describe('the keys of a provider', () => {
  test('are fetched once for five minutes, however many answers name another', async () => {
    const before = okay.asked.filter((path) => path === '/jwks').length
    okay.shape.sign = 'foreign-key'
    for (let time = 0; time < 5; time += 1) await signIn()
    const storm = await Promise.all(Array.from({ length: 50 }, async (_, index) => {
      const token = await okay.sign({ sub: 'sam', jti: String(index), events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }, { kid: `unknown-${index}` })
      return (await fetch(`${world.url}/login/corp/backchannel-logout`, { method: 'POST', body: new URLSearchParams({ logout_token: token }) })).status
    }))
    expect(new Set(storm)).toEqual(new Set([400]))
    expect(okay.asked.filter((path) => path === '/jwks').length - before).toBeLessThanOrEqual(1)
  })
})

test('a key says by itself how it signs, in whichever form it is written', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const issuer = await startShapedIssuer({ sub: 'sam', groups: [] })
  issuer.clientKey = { ...publicKey.export({ format: 'jwk' }), alg: 'RS256' } as JWK
  const own = await startWorld([{ ...provider('corp', issuer), client_secret_from: undefined, private_key_from: { env: 'KEY' } }], { secrets: { 'identity.providers.0.private_key': privateKey.export({ type: 'pkcs1', format: 'pem' }) as string } })
  try {
    expect((await createPersonBrowser().visit(`${own.url}/login`)).text).toContain('You are signed in')
    expect(issuer.authentications).toEqual(['private_key_jwt'])
  } finally {
    await own.close()
    await issuer.close()
  }
})

test('a client that signs who it is, a method of a preset, and what UserInfo adds', async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const issuer = await startShapedIssuer({ sub: 'sam' })
  issuer.clientKey = await exportJWK(publicKey)
  issuer.shape.userinfo = { groups: ['from-userinfo'], email: 'sam@example.com', email_verified: true }
  const own = await startWorld([{ ...provider('corp', issuer), client_secret_from: undefined, private_key_from: { env: 'KEY' }, private_key_id: 'k1', userinfo: true }], { secrets: { 'identity.providers.0.private_key': await exportPKCS8(privateKey) } })
  try {
    const page = await createPersonBrowser().visit(`${own.url}/login`)
    expect(page.text).toContain('from-userinfo')
    expect(issuer.authentications).toEqual(['private_key_jwt k1'])
    issuer.shape.userinfo = { groups: ['admins'], sub: 'somebody-else' }
    expect((await createPersonBrowser().visit(`${own.url}/login`)).status).not.toBe(200)
  } finally {
    await own.close()
    await issuer.close()
  }
})
