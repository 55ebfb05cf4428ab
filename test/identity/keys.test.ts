import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { bearer, createRig, createSigner, crm, settingsFor, sign, startIssuer, type IssuerServer, type Rig, type Signer } from './issuer.ts'

const minute = 60_000
let issuer: IssuerServer
let signer: Signer
let rig: Rig

beforeEach(async () => {
  signer = await createSigner('one')
  issuer = await startIssuer([signer.jwk])
  rig = createRig(settingsFor(issuer.url, { jwks: { url: `${issuer.url}/jwks` } }))
})
afterEach(() => issuer.close())

// A token that outlives the test, so that only its key is in question.
const token = (by: Signer, kid = by.kid) => sign(by, { iss: issuer.url, exp: 4_000_000_000 }, { kid })
const resolve = async (text: string) => rig.identity.resolve({ rawHeaders: bearer(text), audience: crm })
const statusOf = async (text: string) => {
  const resolved = await resolve(text)
  return resolved.ok ? 200 : resolved.refusal.status
}
const fetches = () => issuer.asked.filter(path => path === '/jwks').length

test('500 tokens with unknown keys make the keys be fetched twice at most', async () => {
  const stranger = await createSigner('stranger')
  const good = await token(signer)
  const tokens = await Promise.all(Array.from({ length: 500 }, (_, index) => token(stranger, `kid-${index}`)))
  const statuses = await Promise.all(tokens.map(statusOf))
  expect(new Set(statuses)).toEqual(new Set([401]))
  for (const text of tokens.slice(0, 50)) expect(await statusOf(text)).toBe(401)
  expect(fetches()).toBeLessThanOrEqual(2)
  expect(await statusOf(good)).toBe(200)
})

test('a new key is accepted at once, and the next one five minutes later', async () => {
  expect(await statusOf(await token(signer))).toBe(200)
  const [second, third] = [await createSigner('second'), await createSigner('third')]
  issuer.keys = [signer.jwk, second.jwk]
  expect(await statusOf(await token(second))).toBe(200)
  issuer.keys = [signer.jwk, second.jwk, third.jwk]
  expect(await statusOf(await token(third))).toBe(401)
  expect(fetches()).toBe(2)
  rig.time.now += 5 * minute
  expect(await statusOf(await token(third))).toBe(200)
  expect(fetches()).toBe(3)
})

test('many first calls share one fetch', async () => {
  const texts = await Promise.all(Array.from({ length: 20 }, () => token(signer)))
  expect(new Set(await Promise.all(texts.map(statusOf)))).toEqual(new Set([200]))
  expect(fetches()).toBe(1)
})

test('a token that was accepted is refused once the keys no longer hold its key', async () => {
  const text = await token(signer)
  expect(await statusOf(text)).toBe(200)
  issuer.keys = [(await createSigner('other')).jwk]
  rig.time.now += 61 * minute
  expect(await statusOf(text)).toBe(401)
})

test('keys outlive an issuer that is away until their age, and then nobody is let in', async () => {
  issuer.cacheControl = 'public, max-age=1200'
  const text = await token(signer)
  expect(await statusOf(text)).toBe(200)
  issuer.answers.set('/jwks', (_, response) => { response.statusCode = 500; response.end() })
  rig.time.now += 19 * minute
  expect(await statusOf(text)).toBe(200)
  rig.time.now += 2 * minute
  expect(await resolve(text)).toMatchObject({ ok: false, refusal: { status: 503, code: 'keys_unavailable', headers: { 'Retry-After': '10' } } })
  issuer.answers.clear()
  rig.time.now += minute
  expect(await statusOf(text)).toBe(200)
})

test('an issuer that was never reached is not asked again for each token', async () => {
  issuer.answers.set('/jwks', (_, response) => { response.statusCode = 500; response.end() })
  for (let index = 0; index < 20; index += 1) expect(await statusOf(await token(signer))).toBe(503)
  expect(fetches()).toBe(1)
})

test.each([
  ['a redirect', 302, ''],
  ['an answer of more than 1 MiB', 200, ' '.repeat(1024 * 1024 + 1)],
  ['an answer that is not JSON', 200, '<html>'],
  ['an answer without keys', 200, '{}'],
])('keys are not taken from %s', async (_, status, body) => {
  issuer.answers.set('/elsewhere', (_, response) => void response.end(JSON.stringify({ keys: issuer.keys })))
  issuer.answers.set('/jwks', (_, response) => {
    response.writeHead(status, { location: `${issuer.url}/elsewhere`, 'content-type': 'application/json' })
    response.end(body)
  })
  expect(await statusOf(await token(signer))).toBe(503)
  expect(issuer.asked).not.toContain('/elsewhere')
})

test('symmetric, private and weak keys of an issuer are passed over', async () => {
  issuer.keys = [{ kty: 'oct', k: 'AAAA', kid: 'one', alg: 'HS256' }, { ...signer.jwk, d: 'AAAA' }]
  expect(await statusOf(await token(signer))).toBe(503)
})

test('a token without key id is tried against each fitting key', async () => {
  const second = await createSigner('second')
  issuer.keys = [signer.jwk, second.jwk]
  expect(await statusOf(await sign(second, { iss: issuer.url }, { kid: undefined }))).toBe(200)
  expect(await statusOf(await sign(await createSigner('second'), { iss: issuer.url }, { kid: undefined }))).toBe(401)
})

describe('discovery', () => {
  const discovering = () => { rig = createRig(settingsFor(issuer.url)) }
  test('finds the keys where the issuer says', async () => {
    discovering()
    expect(await statusOf(await token(signer))).toBe(200)
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/jwks'])
  })
  test('falls back on OAuth metadata', async () => {
    issuer.answers.set('/.well-known/openid-configuration', (_, response) => { response.statusCode = 404; response.end() })
    issuer.answers.set('/.well-known/oauth-authorization-server', (_, response) => void response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` })))
    discovering()
    expect(await statusOf(await token(signer))).toBe(200)
  })
  test('asks nothing inside the network that only the issuer names', async () => {
    let seen = 0
    const inside = createServer((socket) => {
      seen += 1
      socket.destroy()
    }).listen(0, '127.0.0.1')
    await once(inside, 'listening')
    const { port } = inside.address() as AddressInfo
    for (const uri of [`http://127.0.0.1:${port}/jwks`, `https://127.0.0.1:${port}/jwks`, `https://[::ffff:7f00:1]:${port}/jwks`, `http://localhost:${port}/jwks`, `https://localhost:${port}/jwks`]) {
      issuer.answers.set('/.well-known/openid-configuration', (_, response) => void response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: uri })))
      issuer.answers.set('/.well-known/oauth-authorization-server', (_, response) => void response.writeHead(302, { location: uri }).end())
      discovering()
      expect(await statusOf(await token(signer))).toBe(503)
    }
    expect(seen).toBe(0)
    inside.close()
  })
  test.each([
    ['of another issuer', (url: string) => ({ issuer: `${url}/`, jwks_uri: `${url}/jwks` })],
    ['without keys', (url: string) => ({ issuer: url })],
    ['with keys over plain http elsewhere', (url: string) => ({ issuer: url, jwks_uri: 'http://169.254.169.254/jwks' })],
  ])('does not use metadata %s', async (_, metadata) => {
    for (const path of ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']) {
      issuer.answers.set(path, (_, response) => void response.end(JSON.stringify(metadata(issuer.url))))
    }
    discovering()
    expect(await statusOf(await token(signer))).toBe(503)
    expect(issuer.asked).not.toContain('/jwks')
  })
  test('tells for each issuer whether its keys can be had', async () => {
    discovering()
    expect(await rig.identity.checkIssuers()).toEqual([{ name: 'ci', problem: null, keys: 1 }])
  })
})

test('a verified token costs microseconds the next time', async () => {
  const text = await token(signer)
  await resolve(text)
  const before = process.threadCpuUsage()
  for (let index = 0; index < 2000; index += 1) await resolve(text)
  const { user, system } = process.threadCpuUsage(before)
  expect((user + system) / 2000).toBeLessThan(200)
})
