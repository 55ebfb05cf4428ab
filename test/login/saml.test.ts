import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../../src/model.ts'
import { allowAll, startGateway, type TestGateway } from '../support/gateway.ts'
import { createPersonBrowser, type Visit } from '../support/person-browser.ts'
import { isQuerySigned, startSamlIdp, type Lie, type SamlIdp } from '../support/saml-idp.ts'
import { createKeyPair } from '../support/saml-keys.ts'
import { algorithms, makeAssertion, newId } from '../support/saml-response.ts'
import { wrappings } from '../support/saml-wrapping.ts'
import { scratch } from '../store/scratch.ts'

const lines: { message: string; fields: Readonly<Record<string, unknown>> }[] = []
const note = (message: string, fields: Readonly<Record<string, unknown>> = {}) => void lines.push({ message, fields })
const logger: Logger = { debug: note, info: note, warn: note, error: note }
const place = scratch()
const files = place.path.replace(/[^/]*$/, '')
const write = (name: string, text: string): string => {
  mkdirSync(files, { recursive: true })
  writeFileSync(join(files, name), text)
  return join(files, name)
}
const service = createKeyPair('gateway')
const stranger = createKeyPair('stranger')
const xmlenc = 'http://www.w3.org/2001/04/xmlenc#'
const gcm = 'http://www.w3.org/2009/xmlenc11#aes256-gcm'
const oaep = `${xmlenc}rsa-oaep-mgf1p`
const sealed = { certificate: service.certificate, cipher: gcm, transport: oaep }

let idp: SamlIdp
let other: SamlIdp
let gateway: TestGateway
let acs: string

beforeAll(async () => {
  idp = await startSamlIdp()
  other = await startSamlIdp({ subject: 'sam-4711' })
  const pair = { key_from: { file: write('key.pem', service.key) }, certificate: { file: write('certificate.pem', service.certificate) } }
  const own = { kind: 'saml', metadata: { url: `${idp.url}/metadata` }, issuer: idp.entityId, sign_requests: pair, decryption: pair, trusted_groups: 'all' }
  gateway = await startGateway({
    upstreams: { crm: { url: 'http://127.0.0.1:9/mcp' } },
    rego: { 'policies/open/open.rego': allowAll },
    settings: {
      identity: {
        providers: [
          { ...own, name: 'corp' },
          { kind: 'saml', name: 'partner', issuer: other.entityId, entry_point: `${other.url}/sso`, certificate: { file: write('partner.pem', other.keys.certificate) }, trusted_groups: [] },
        ],
      },
    },
    logger,
  })
  acs = `${gateway.url}/saml/corp/acs`
})
afterAll(async () => {
  await gateway.close()
  await idp.close()
  await other.close()
  place.remove()
})
afterEach(() => {
  for (const one of [idp, other]) one.lie = {}
})

const isSignedIn = (browser: ReturnType<typeof createPersonBrowser>): boolean => browser.cookies('127.0.0.1').has('sallyport')
const begin = (browser = createPersonBrowser(), path = '/login', name = 'corp') => browser.visit(`${gateway.url}/login/${name}?return=${encodeURIComponent(path)}`)
const signIn = async (lie: Lie = {}, browser = createPersonBrowser(), path = '/login'): Promise<Visit> => {
  idp.lie = lie
  return browser.submit(await begin(browser, path))
}
const codeOf = (page: Visit): unknown => {
  const reference = /<code>([0-9a-f]{12})<\/code>/.exec(page.text)?.[1]
  return lines.find(({ fields }) => reference !== undefined && fields['reference'] === reference)?.fields['code']
}
/** Nobody is signed in, and the page says why, what to do, and by which name the log knows it. */
const expectRefused = (page: Visit, browser: ReturnType<typeof createPersonBrowser>, code: string) => {
  expect([page.status, codeOf(page)]).toEqual([403, code])
  expect(page.text).toContain('corp: ')
  expect(isSignedIn(browser)).toBe(false)
}
const post = (url: string, fields: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) =>
  fetch(url, { method: 'POST', redirect: 'manual', body: new URLSearchParams(fields), headers })

describe('a person signs in', () => {
  test('by a signed assertion, and is known with groups', async () => {
    const browser = createPersonBrowser()
    const page = await signIn({}, browser)
    expect(page.status).toBe(200)
    expect(page.text).toContain('sam@example.com')
    expect(page.text).toContain('support')
    expect(isSignedIn(browser)).toBe(true)
    const asked = idp.asked.at(-1)
    expect(isQuerySigned(asked?.query ?? '', service.certificate)).toBe(true)
    expect(asked?.xml).toContain(`AssertionConsumerServiceURL="${acs}"`)
    expect(asked?.xml).toContain('nameid-format:persistent')
    expect(asked?.id).toMatch(/^_[0-9a-f]{40}$/)
  })

  test.each<readonly [string, Lie]>([
    ['a signed response', { signing: { what: ['response'] } }],
    ['both signed', { signing: { what: ['assertion', 'response'] } }],
    ['RSA with SHA-512', { signing: { method: algorithms.rsaSha512, digest: `${xmlenc}sha512` } }],
    ['an encrypted assertion', { signing: { encrypt: sealed } }],
    ['an encrypted assertion in a signed response', { signing: { what: ['response'], encrypt: sealed } }],
    ['AES-CBC, where the response is signed', { signing: { what: ['assertion', 'response'], encrypt: { ...sealed, cipher: `${xmlenc}aes256-cbc` } } }],
    ['a response without an issuer and a destination of its own', { saying: { responseIssuer: undefined, destination: undefined } }],
  ])('by %s', async (_what, lie) => {
    const browser = createPersonBrowser()
    const page = await signIn(lie, browser)
    expect([page.status, codeOf(page)]).toEqual([200, undefined])
    expect(isSignedIn(browser)).toBe(true)
  })

  test('a comment in the NameID changes nobody: the name is the whole text that was signed', async () => {
    const page = await signIn({ saying: { nameId: 'admin@example.com.evil.example', attributes: { groups: [] } }, edit: (xml) => xml.replace('admin@example.com.evil', 'admin@example.com<!-- -->.evil') })
    expect(page.text).toContain('<dd>admin@example.com.evil.example</dd>')
  })

  test('a browser may post from a page of the provider, and only there', async () => {
    const { SAMLResponse, RelayState } = await fieldsOf()
    expect((await post(acs, { SAMLResponse, RelayState }, { origin: idp.url })).status).toBe(303)
    expect((await post(`${gateway.url}/login/corp`, {}, { origin: idp.url })).status).toBe(403)
    expect((await post(`${gateway.url}/logout`, {}, { origin: 'null' })).status).toBe(403)
  })

  test('two providers know two people by the same name', async () => {
    await signIn()
    const browser = createPersonBrowser()
    const page = await browser.submit(await begin(browser, '/login', 'partner'))
    expect(page.text).toContain('partner:support')
    expect(page.text).not.toContain('<dd>support')
  })

  test('groups that are too many, or absent, are not known', async () => {
    const overage = { groups: ['support'], 'http://schemas.microsoft.com/claims/groups.link': ['https://graph.example/groups'] }
    expect((await signIn({ saying: { attributes: overage } })).text).toContain('not known')
    expect((await signIn({ saying: { attributes: {} } })).text).toContain('not known')
  })

  test('a sign-in that is too old is asked for once more, and then refused', async () => {
    const browser = createPersonBrowser()
    idp.lie = { saying: { authnInstant: -25 * 3_600_000 } }
    const again = await browser.submit(await begin(browser))
    expect(again.url).toContain(idp.url)
    expect(idp.asked.at(-1)?.xml).toContain('ForceAuthn="true"')
    expectRefused(await browser.submit(again), browser, 'saml_too_old')
    idp.lie = {}
    const patient = createPersonBrowser()
    idp.lie = { saying: { authnInstant: -25 * 3_600_000 } }
    const forced = await begin(patient).then((page) => patient.submit(page, {}, '', (next) => next.origin !== idp.url))
    idp.lie = {}
    const asked = await patient.visit(forced.headers.get('location') ?? '')
    expect((await patient.submit(asked)).status).toBe(200)
    expect(isSignedIn(patient)).toBe(true)
  })
})

const fieldsOf = async (lie: Lie = {}, browser = createPersonBrowser()) => {
  idp.lie = lie
  await begin(browser)
  const asked = idp.asked.at(-1)
  if (asked === undefined) throw new Error('nothing was asked')
  return idp.answer(asked)
}
const later = 3_600_000
const bomb = `<!DOCTYPE samlp:Response [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`

describe('refused is', () => {
  test.each<readonly [string, string, Lie]>([
    ['nothing signed', 'saml_unsigned', { signing: { what: [] } }],
    ['a signature of somebody else, who shows a certificate', 'saml_signature', { signing: { with: stranger } }],
    ['RSA with SHA-1', 'saml_algorithm', { signing: { method: algorithms.rsaSha1, digest: algorithms.sha1 } }],
    ['a digest of SHA-1', 'saml_algorithm', { signing: { digest: algorithms.sha1 } }],
    ['SHA-1 inside what is encrypted', 'saml_algorithm', { signing: { method: algorithms.rsaSha1, digest: algorithms.sha1, encrypt: sealed } }],
    ['canonical XML that takes in its surroundings', 'saml_algorithm', { signing: { canonical: algorithms.inclusive } }],
    ['another name than was signed', 'saml_signature', { edit: (xml) => xml.replace('sam-4711', 'ceo-0001') }],
    ['an attribute more than was signed', 'saml_signature', { edit: (xml) => xml.replace('<saml:AttributeValue>support', '<saml:AttributeValue>oncall</saml:AttributeValue><saml:AttributeValue>support') }],
    ['a good assertion in a response whose signature is not', 'saml_signature', { signing: { what: ['assertion', 'response'] }, edit: (xml) => xml.replace('status:Success"', 'status:Success" x="y"') }],
    ['another service as audience', 'saml_audience', { saying: { audience: 'https://other.example/metadata' } }],
    ['no audience', 'saml_audience', { saying: { audience: undefined } }],
    ['another recipient', 'saml_destination', { saying: { recipient: 'https://other.example/acs' } }],
    ['another destination', 'saml_destination', { saying: { destination: 'https://other.example/acs' } }],
    ['a signed response that does not say where it goes', 'saml_destination', { saying: { destination: undefined }, signing: { what: ['response'] } }],
    ['another issuer under the same certificate', 'saml_issuer', { saying: { issuer: 'https://other.example/idp' } }],
    ['another issuer of the response', 'saml_issuer', { saying: { responseIssuer: 'https://other.example/idp' } }],
    ['conditions that are over', 'saml_time', { saying: { notBefore: -2 * later, notOnOrAfter: -61_000 } }],
    ['conditions that have not begun', 'saml_time', { saying: { notBefore: later, notOnOrAfter: 2 * later } }],
    ['conditions without an end', 'saml_time', { saying: { notOnOrAfter: undefined } }],
    ['a confirmation that is over', 'saml_time', { saying: { subjectNotOnOrAfter: -61_000 } }],
    ['a confirmation without an end', 'saml_time', { saying: { subjectNotOnOrAfter: undefined } }],
    ['a confirmation of a holder of a key', 'saml_shape', { saying: { method: 'urn:oasis:names:tc:SAML:2.0:cm:holder-of-key' } }],
    ['a session that is over', 'saml_time', { saying: { sessionEnds: -61_000 } }],
    ['a sign-in of the future', 'saml_shape', { saying: { authnInstant: later } }],
    ['a condition that is not known', 'saml_shape', { saying: { conditions: '<saml:Unheard/>' } }],
    ['a response to nothing', 'saml_unsolicited', { saying: { inResponseTo: undefined } }],
    ['a response to another request', 'saml_unsolicited', { saying: { inResponseTo: newId() } }],
    ['an assertion to nothing', 'saml_unsolicited', { saying: { subjectInResponseTo: undefined } }],
    ['an assertion to another request', 'saml_unsolicited', { saying: { subjectInResponseTo: newId() } }],
    ['a transient name', 'saml_subject', { saying: { format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient' } }],
    ['a name of another form than was asked for', 'saml_subject', { saying: { format: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress' } }],
    ['a name of no form', 'saml_subject', { saying: { format: undefined } }],
    ['a name with what nobody sees', 'saml_subject', { saying: { nameId: 'sam-4711\u200b' } }],
    ['a name with blanks around it', 'saml_subject', { saying: { nameId: ' sam-4711' } }],
    ['a name of another provider', 'saml_subject', { saying: { qualifiers: ' NameQualifier="https://other.example/idp"' } }],
    ['two mail addresses', 'saml_attributes', { saying: { attributes: { email: ['sam@example.com', 'ceo@example.com'] } } }],
    ['a DOCTYPE', 'saml_unreadable', { edit: (xml) => `${bomb}${xml}` }],
    ['an entity in the name', 'saml_unreadable', { edit: (xml) => `${bomb}${xml.replace('sam-4711', '&b;')}` }],
    ['a processing instruction in the name', 'saml_unreadable', { edit: (xml) => xml.replace('sam-4711', 'sam<?x y?>-4711') }],
    ['a CDATA section in the name', 'saml_unreadable', { edit: (xml) => xml.replace('sam-4711', '<![CDATA[sam-4711]]>') }],
    ['two roots', 'saml_unreadable', { edit: (xml) => `${xml}${xml}` }],
    ['one XML attribute twice', 'saml_unreadable', { edit: (xml) => xml.replace('<samlp:Response ', '<samlp:Response Version="2.0" ') }],
    ['comments that never end', 'saml_unreadable', { edit: (xml) => xml.replace('<samlp:Status>', `${'<!-- -->'.repeat(200)}<samlp:Status>`) }],
    ['elements that never end', 'saml_unreadable', { edit: (xml) => xml.replace('<samlp:Status>', `<samlp:Extensions>${'<a/>'.repeat(3_000)}</samlp:Extensions><samlp:Status>`) }],
    ['attributes that never end', 'saml_unreadable', { edit: (xml) => xml.replace('<samlp:Status>', `<samlp:Extensions>${'<a xmlns:b="c" d="e"/>'.repeat(1_600)}</samlp:Extensions><samlp:Status>`) }],
    ['elements that are too deep', 'saml_unreadable', { edit: (xml) => xml.replace('<samlp:Status>', `<samlp:Extensions>${'<a>'.repeat(40)}${'</a>'.repeat(40)}</samlp:Extensions><samlp:Status>`) }],
    ['no assertion', 'saml_shape', { edit: (xml) => xml.replace(/<saml:Assertion[\s\S]*<\/saml:Assertion>/, '') }],
    ['the signed assertion twice', 'saml_shape', { edit: (xml) => xml.replace(/<saml:Assertion[\s\S]*<\/saml:Assertion>/, (one) => `${one}${one}`) }],
    ['an encrypted assertion beside the signed one', 'saml_shape', { edit: (xml) => xml.replace('</samlp:Response>', '<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/></samlp:Response>') }],
    ['an assertion encrypted for another key', 'saml_decryption', { signing: { encrypt: { ...sealed, certificate: stranger.certificate } } }],
    ['AES-CBC, where the response is not signed', 'saml_algorithm', { signing: { encrypt: { ...sealed, cipher: `${xmlenc}aes256-cbc` } } }],
    ['a key encrypted by RSA 1.5', 'saml_algorithm', { signing: { encrypt: { ...sealed, transport: `${xmlenc}rsa-1_5` } } }],
    ['an encrypted assertion that nobody signed', 'saml_unsigned', { signing: { what: [], encrypt: sealed } }],
    ['a provider that says no', 'saml_status', { saying: { status: 'urn:oasis:names:tc:SAML:2.0:status:Responder' } }],
  ])('%s', async (_what, code, lie) => {
    const browser = createPersonBrowser()
    expectRefused(await signIn(lie, browser), browser, code)
  })

  test.each(Object.entries(wrappings))('%s', async (_what, { of, wrap }) => {
    const browser = createPersonBrowser()
    expectRefused(await signIn({ signing: { what: [of] }, edit: (xml) => wrap(xml, 'ceo-0001') }, browser), browser, 'saml_shape')
  })

  test('a second assertion that nobody signed, in a response that was signed before it was put in', async () => {
    const browser = createPersonBrowser()
    const forged = makeAssertion({ issuer: idp.entityId, responseIssuer: undefined, status: '', nameId: 'ceo-0001', format: undefined, qualifiers: '', attributes: {}, audience: 'x', recipient: acs, destination: acs, inResponseTo: 'x', subjectInResponseTo: 'x', method: 'x', notBefore: 0, notOnOrAfter: 1, subjectNotOnOrAfter: 1, authnInstant: 0, session: undefined, sessionEnds: undefined, context: 'x', assertionId: newId(), conditions: '' })
    expectRefused(await signIn({ signing: { what: ['response'] }, edit: (xml) => xml.replace('</samlp:Response>', `${forged}</samlp:Response>`) }, browser), browser, 'saml_shape')
  })

  test('a response that is not one', async () => {
    const metadata = Buffer.from(idp.metadata()).toString('base64')
    for (const [SAMLResponse, code] of [['', 'saml_unreadable'], ['%%%', 'saml_unreadable'], [Buffer.of(0xff, 0xfe).toString('base64'), 'saml_unreadable'], [metadata, 'saml_shape']] as const) {
      const browser = createPersonBrowser()
      const page = await begin(browser)
      expectRefused(await browser.submit(page, { SAMLResponse }), browser, code)
    }
    expect((await post(acs, {})).status).toBe(403)
    expect((await post(acs, { SAMLResponse: 'A'.repeat(1_000_000) })).status).toBe(413)
    expect((await post(acs, { SAMLResponse: 'A'.repeat(200_000) })).status).toBe(403)
    const twice = await fetch(acs, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'SAMLResponse=AAAA&SAMLResponse=AAAA' })
    expect(twice.status).toBe(403)
  })

  test('the same response a second time', async () => {
    const browser = createPersonBrowser()
    idp.lie = {}
    const page = await begin(browser)
    expect((await browser.submit(page)).status).toBe(200)
    const again = createPersonBrowser()
    expectRefused(await again.submit(page), again, 'saml_replayed')
  })

  test('an assertion of an id that was used, in answer to another request', async () => {
    const assertionId = newId()
    await signIn({ saying: { assertionId } })
    const browser = createPersonBrowser()
    expectRefused(await signIn({ saying: { assertionId } }, browser), browser, 'saml_replayed')
  })

  test('an answer that was asked for in another browser', async () => {
    const [attacker, victim] = [createPersonBrowser(), createPersonBrowser()]
    const page = await begin(attacker)
    const lured = await victim.submit(page)
    expect(lured.status).toBe(403)
    expect(isSignedIn(victim)).toBe(false)
    // Nor where the victim is in the middle of a sign-in of their own.
    const mine = await begin(victim)
    const theirs = await fieldsOf({}, attacker)
    const mixed = await victim.submit(mine, { SAMLResponse: theirs.SAMLResponse })
    expect([mixed.status, isSignedIn(victim)]).toEqual([403, false])
    // Nor with the answer of the one under the name of the other.
    const handed = await post(acs, { SAMLResponse: (await fieldsOf({}, attacker)).SAMLResponse, RelayState: '' })
    const answer = new URL(handed.headers.get('location') ?? '').searchParams.get('answer') ?? ''
    await begin(victim)
    const state = idp.asked.at(-1)?.relay ?? ''
    const swapped = await victim.visit(`${gateway.url}/login/corp/callback?state=${state}&answer=${answer}`)
    expect([swapped.status, isSignedIn(victim)]).toEqual([403, false])
  })

  test('an answer of one provider at the address of another', async () => {
    const browser = createPersonBrowser()
    await begin(browser)
    const { SAMLResponse } = await idp.answer(idp.asked.at(-1) ?? { id: '', xml: '', relay: '', query: '' }, { saying: { recipient: `${gateway.url}/saml/partner/acs`, destination: `${gateway.url}/saml/partner/acs` } })
    expect((await post(`${gateway.url}/saml/partner/acs`, { SAMLResponse })).status).toBe(403)
  })

  test.each(['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '', 'x'.repeat(5_000)])('what comes as RelayState, which leads nowhere: %s', async (relay) => {
    const browser = createPersonBrowser()
    const page = await signIn({ relay }, browser, '/login?x=1')
    expect(new URL(page.url).origin).toBe(gateway.url)
    expect(page.way.at(-1)).toBe(`${gateway.url}/login?x=1`)
    expect(isSignedIn(browser)).toBe(true)
  })
})

test('whoever sends more than can be verified is told to come again, and others go on', async () => {
  const requests = []
  for (let made = 0; made < 48; made += 1) requests.push(await fieldsOf({ signing: { with: stranger } }))
  const answers = await Promise.all(requests.map(({ SAMLResponse }) => post(acs, { SAMLResponse })))
  const statuses = answers.map(({ status }) => status)
  expect(new Set(statuses)).toEqual(new Set([403, 503]))
  expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
  const browser = createPersonBrowser()
  await signIn({}, browser)
  expect(isSignedIn(browser)).toBe(true)
})
