import { createHmac, hash } from 'node:crypto'
import { exportSPKI, importJWK, SignJWT, type CryptoKey, type JWTPayload } from 'jose'
import { api, bearer, createRig, createSigner, crm, publicUrl, seconds, settingsFor, sign, start, startIssuer, type IssuerServer, type Rig, type Signer } from './issuer.ts'

let issuer: IssuerServer
let signer: Signer
let rsa: Signer
let rig: Rig

beforeAll(async () => {
  signer = await createSigner('one')
  rsa = await createSigner('two', 'RS256')
  issuer = await startIssuer([signer.jwk, rsa.jwk])
  rig = createRig(settingsFor(issuer.url))
})
afterAll(() => issuer.close())

const token = (claims: JWTPayload = {}, header: Record<string, unknown> = {}, by = signer) => sign(by, { iss: issuer.url, ...claims }, header)
const resolve = async (text: string | Promise<string>, audience = crm) => rig.identity.resolve({ rawHeaders: bearer(await text), audience })
const refusalOf = async (text: string | Promise<string>, audience = crm) => {
  const resolved = await resolve(text, audience)
  return resolved.ok ? undefined : resolved.refusal
}
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

test('a good token names its actor, its expiry and its hash', async () => {
  const text = await token({ groups: ['build'] })
  const resolved = await resolve(text)
  expect(resolved).toMatchObject({
    ok: true,
    actor: { kind: 'service', subject: 'job-1', issuer: issuer.url, provider: 'ci', groups: ['ci:build'], groups_known: true },
    token: { expires_at: start + 600_000, hash: hash('sha256', text) },
  })
})

describe('a token that does not fit is refused with 401, invalid_token and the address of the metadata', () => {
  const hmacWithPublicKey = async () => {
    const pem = await exportSPKI((await importJWK(rsa.jwk, 'RS256', { extractable: true })) as CryptoKey)
    const signed = `${encode({ alg: 'HS256', kid: rsa.kid, typ: 'at+jwt' })}.${encode({ iss: issuer.url, sub: 'job-1', aud: crm, exp: seconds(start) + 600 })}`
    return `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`
  }
  const withCritical = () =>
    new SignJWT({ iss: issuer.url, sub: 'job-1', aud: crm, exp: seconds(start) + 600 })
      .setProtectedHeader({ alg: signer.alg, kid: signer.kid, crit: ['odd'], odd: true })
      .sign(signer.privateKey, { crit: { odd: true } })
  const cases: readonly (readonly [name: string, make: () => string | Promise<string>, code: string])[] = [
    ['for another upstream', () => token({ aud: `${publicUrl}/mcp/files` }), 'audience_mismatch'],
    ['for the API', () => token({ aud: api }), 'audience_mismatch'],
    ['for the gateway as a whole', () => token({ aud: publicUrl }), 'audience_mismatch'],
    ['for an upstream whose name begins alike', () => token({ aud: `${crm}2` }), 'audience_mismatch'],
    ['with two slashes at the end of its audience', () => token({ aud: `${crm}//` }), 'audience_mismatch'],
    ['with its audience in capitals', () => token({ aud: crm.toUpperCase() }), 'audience_mismatch'],
    ['without audience', () => token({ aud: [] }), 'audience_mismatch'],
    ['of the upstream\'s own authorization server', () => token({ iss: 'https://as.upstream.example' }), 'issuer_unknown'],
    ['of an issuer that differs by a slash', () => token({ iss: `${issuer.url}/` }), 'issuer_unknown'],
    ['expired for 61 seconds', () => token({ exp: seconds(start) - 61 }), 'token_expired'],
    ['without expiry', () => token({ exp: undefined as unknown as number }), 'token_invalid'],
    ['with a text as expiry', () => token({ exp: '9999999999' as unknown as number }), 'token_invalid'],
    ['not valid for another 61 seconds', () => token({ nbf: seconds(start) + 61 }), 'token_not_yet_valid'],
    ['issued in the future', () => token({ iat: seconds(start) + 61 }), 'token_not_yet_valid'],
    ['without signature (alg none)', () => `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode({ iss: issuer.url, sub: 'job-1', aud: crm, exp: seconds(start) + 600 })}.`, 'token_invalid'],
    ['signed by HMAC with the public key as secret', hmacWithPublicKey, 'token_invalid'],
    ['with a changed payload', async () => (await token()).replace(/\.[^.]+\./, `.${encode({ iss: issuer.url, sub: 'root', aud: crm, exp: seconds(start) + 600 })}.`), 'token_invalid'],
    ['signed with another key under a known id', async () => sign(await createSigner('one'), { iss: issuer.url }), 'token_invalid'],
    ['without subject', () => token({ sub: undefined as unknown as string }), 'token_invalid'],
    ['with an empty subject', () => token({ sub: '' }), 'token_invalid'],
    ['that is an ID token (nonce)', () => token({ nonce: 'n' }, { typ: 'JWT' }), 'token_invalid'],
    ['that is a logout token', () => token({}, { typ: 'logout+jwt' }), 'token_invalid'],
    ['that is bound to a key', () => token({ cnf: { jkt: 'x' } }), 'token_invalid'],
    ['with an act that names nobody', () => token({ act: {} }), 'token_invalid'],
    ['with a critical header nobody knows', () => withCritical(), 'token_invalid'],
    ['that is no token', () => 'abc', 'token_invalid'],
  ]
  test.each(cases)('%s', async (_, make, code) => {
    const text = await make()
    const refusal = await refusalOf(text)
    expect(refusal).toMatchObject({ status: 401, code })
    expect(refusal?.headers['WWW-Authenticate']).toMatch(/^Bearer resource_metadata="https:\/\/gateway\.example\/\.well-known\/oauth-protected-resource\/mcp\/crm", error="invalid_token"/)
    expect(JSON.stringify(refusal)).not.toContain(text)
  })
})

test('a key that a token brings along is not used', async () => {
  const own = await createSigner('own')
  expect(await refusalOf(token({}, { jwk: own.jwk, jku: `${issuer.url}/evil`, kid: 'own' }, own))).toMatchObject({ status: 401, code: 'token_invalid' })
  expect(issuer.asked).not.toContain('/evil')
})

test('an audience may differ by one slash at its end, and may be one of several', async () => {
  expect(await resolve(token({ aud: `${crm}/` }))).toMatchObject({ ok: true })
  expect(await resolve(token({ aud: ['https://other.example', crm] }))).toMatchObject({ ok: true })
})

test('a token for one upstream is refused at another although it is known already', async () => {
  const text = await token()
  expect(await resolve(text)).toMatchObject({ ok: true })
  expect(await refusalOf(text, `${publicUrl}/mcp/files`)).toMatchObject({ status: 401, code: 'audience_mismatch' })
})

test('a configured audience takes the place of the address', async () => {
  const { identity } = createRig(settingsFor(issuer.url, { audience: 'sallyport' }))
  const ask = async (claims: JWTPayload) => identity.resolve({ rawHeaders: bearer(await token(claims)), audience: crm })
  expect(await ask({ aud: 'sallyport' })).toMatchObject({ ok: true })
  expect(await ask({ aud: crm })).toMatchObject({ ok: false, refusal: { code: 'audience_mismatch' } })
})

test('clocks may differ by the skew and no more', async () => {
  expect(await resolve(token({ exp: seconds(start) - 29 }))).toMatchObject({ ok: true })
  expect(await refusalOf(token({ exp: seconds(start) - 31 }))).toMatchObject({ code: 'token_expired' })
})

test('a token that was accepted is refused once it has expired', async () => {
  const own = createRig(settingsFor(issuer.url))
  const rawHeaders = bearer(await token())
  expect(await own.identity.resolve({ rawHeaders, audience: crm })).toMatchObject({ ok: true })
  own.time.now += 631_000
  expect(await own.identity.resolve({ rawHeaders, audience: crm })).toMatchObject({ ok: false, refusal: { status: 401, code: 'token_expired' } })
})

test.each([['seen before', true], ['never seen before', false]])('P32: a clock that is set back revives no expired token, %s', async (_, seen) => {
  const own = createRig(settingsFor(issuer.url))
  const ask = async (text: string) => own.identity.resolve({ rawHeaders: bearer(text), audience: crm })
  const [text, long] = [await token(), await token({ exp: seconds(start) + 7200 })]
  expect(await ask(seen ? text : long)).toMatchObject({ ok: true })
  own.time.now += 3_600_000
  expect(await ask(seen ? text : long)).toMatchObject({ ok: !seen })
  own.time.now -= 3_600_000
  expect(await ask(text)).toMatchObject({ ok: false, refusal: { code: 'token_expired' } })
  // Told by the clock as it stands now, for whoever counts from it.
  expect(await ask(long)).toMatchObject({ ok: true, token: { expires_at: own.time.now + 3_600_000 } })
})

test('only the algorithms named for an issuer are accepted from it', async () => {
  const { identity } = createRig(settingsFor(issuer.url, { algorithms: ['RS256'] }))
  expect(await identity.resolve({ rawHeaders: bearer(await token()), audience: crm })).toMatchObject({ ok: false, refusal: { code: 'token_invalid' } })
  expect(await identity.resolve({ rawHeaders: bearer(await token({}, {}, rsa)), audience: crm })).toMatchObject({ ok: true })
})

describe('a request brings one bearer token, in its header, or none', () => {
  const ask = (rawHeaders: readonly string[], audience = crm, url?: string) => rig.identity.resolve({ rawHeaders, audience, ...(url === undefined ? {} : { url }) })
  test('none: 401 with the address of the metadata and no error', async () => {
    expect(await ask([])).toEqual({
      ok: false,
      refusal: expect.objectContaining({ status: 401, code: 'token_missing', headers: { 'WWW-Authenticate': 'Bearer resource_metadata="https://gateway.example/.well-known/oauth-protected-resource/mcp/crm"' } }),
    })
  })
  test('the API has no metadata to name', async () => {
    expect(await ask([], api)).toMatchObject({ refusal: { status: 401, headers: { 'WWW-Authenticate': 'Bearer realm="https://gateway.example"' } } })
  })
  test.each([
    ['two headers', async () => [...bearer(await token()), 'authorization', `Bearer ${await token()}`], 'credentials_ambiguous'],
    ['the same header twice', async () => { const one = bearer(await token()); return [...one, ...one.slice(2)] }, 'credentials_ambiguous'],
    ['two tokens in one header', async () => ['Authorization', `Bearer ${await token()}, Bearer ${await token()}`], 'credentials_malformed'],
    ['an empty token', async () => ['Authorization', 'Bearer '], 'credentials_malformed'],
  ])('%s: 400', async (_, headers, code) => {
    expect(await ask(await headers())).toMatchObject({ ok: false, refusal: { status: 400, code } })
  })
  test('another scheme is no credential', async () => {
    expect(await ask(['Authorization', 'Basic dTpw'])).toMatchObject({ refusal: { status: 401, code: 'token_missing' } })
  })
  test('a token in the query is refused, even beside a good header', async () => {
    const text = await token()
    expect(await ask(bearer(text), crm, `/mcp/crm?access_token=${text}`)).toMatchObject({ refusal: { status: 400, code: 'token_in_query' } })
    expect(await ask(bearer(text), crm, '/mcp/crm?x=1')).toMatchObject({ ok: true })
  })
})

test('the metadata names the resource, and who signs people in for it: nobody tries that at the issuer of a program\'s tokens', () => {
  const metadata = { resource: crm, bearer_methods_supported: ['header'] }
  expect(rig.identity.protectedResourceMetadata('crm')).toEqual(metadata)
  const { identity } = createRig(settingsFor(issuer.url), settingsFor('https://agents.example', { name: 'agents', kind: 'agent' }), settingsFor('https://people.example', { name: 'people', kind: 'person' }))
  expect(identity.protectedResourceMetadata('crm')).toEqual({ ...metadata, authorization_servers: ['https://people.example'] })
})
