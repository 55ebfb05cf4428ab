import express from 'express'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readXml } from '../../src/login/saml/xml.ts'
import { createPersonBrowser, type PersonBrowser, type Visit } from '../support/person-browser.ts'
import { isQuerySigned, startSamlIdp, type SamlIdp } from '../support/saml-idp.ts'
import { createKeyPair, type KeyPair } from '../support/saml-keys.ts'
import { newId } from '../support/saml-response.ts'
import { storeDirectory } from '../support/scratch.ts'
import { startWorld, type World } from './world.ts'

// Made before anything listens: making one holds this process up, and connections that rest meanwhile are closed.
const [service, federation, next, forger, stranger] = ['gateway', 'federation', 'the next one', 'a forger', 'somebody else'].map(createKeyPair) as [KeyPair, KeyPair, KeyPair, KeyPair, KeyPair]
const directory = storeDirectory('saml-')
const write = (name: string, text: string): { readonly file: string } => {
  writeFileSync(join(directory, name), text)
  return { file: join(directory, name) }
}

let idp: SamlIdp
let world: World
let slo: string

beforeAll(async () => {
  idp = await startSamlIdp()
  idp.metadataSigner = federation
  const pair = { key_from: { env: 'KEY' }, certificate: write('own.pem', service.certificate) }
  world = await startWorld([{ kind: 'saml', name: 'corp', metadata: { url: `${idp.url}/metadata`, certificate: write('federation.pem', federation.certificate) }, sign_requests: pair, decryption: pair }],
    { secrets: { 'identity.providers.0.sign_requests.key': service.key, 'identity.providers.0.decryption.key': service.key } })
  slo = `${world.url}/saml/corp/slo`
})
afterAll(async () => {
  await world.close()
  await idp.close()
  rmSync(directory, { recursive: true, force: true })
})
afterEach(() => {
  idp.lie = {}
})

const signIn = async (browser: PersonBrowser = createPersonBrowser(), nameId = 'sam-4711'): Promise<{ readonly browser: PersonBrowser; readonly page: Visit; readonly session: string }> => {
  const session = newId()
  idp.lie = { saying: { nameId, session } }
  const page = await browser.submit(await browser.visit(`${world.url}/login/corp`))
  expect(page.text).toContain('You are signed in')
  return { browser, page, session }
}
const isSignedIn = async (browser: PersonBrowser): Promise<boolean> => (await browser.visit(`${world.url}/login`, { follow: (next) => next.origin === world.url && !next.pathname.startsWith('/login/') })).text.includes('You are signed in')
const codeOf = (page: Visit): unknown => world.lines.find(({ fields }) => fields['reference'] !== undefined && page.text.includes(String(fields['reference'])))?.fields['code']
const postSlo = async (fields: Readonly<Record<string, string>>): Promise<Visit> => {
  const response = await fetch(slo, { method: 'POST', redirect: 'manual', body: new URLSearchParams(fields) })
  return { url: response.url, status: response.status, headers: response.headers, text: await response.text(), way: [] }
}

describe('the provider signs somebody out', () => {
  test('by a signed address: every session of the person ends, and the provider is told so', async () => {
    const [one, two] = [await signIn(), await signIn()]
    const answered = await createPersonBrowser().visit(idp.logoutRequestUrl(slo, { nameId: 'sam-4711', sessions: [one.session] }))
    expect(answered.text).toContain('signed out at the provider')
    expect(isQuerySigned(idp.logouts.at(-1) ?? '', service.certificate)).toBe(true)
    expect(new URLSearchParams(idp.logouts.at(-1)).get('RelayState')).toBe('their-relay')
    expect([await isSignedIn(one.browser), await isSignedIn(two.browser)]).toEqual([false, false])
  })

  test('by a signed form', async () => {
    const { browser } = await signIn()
    expect((await postSlo({ SAMLRequest: idp.logoutRequestPost(slo, { nameId: 'sam-4711' }) })).status).toBe(303)
    expect(await isSignedIn(browser)).toBe(false)
  })

  test('and nobody else', async () => {
    const [sam, eve] = [await signIn(), await signIn(createPersonBrowser(), 'eve-0815')]
    await createPersonBrowser().visit(idp.logoutRequestUrl(slo, { nameId: 'eve-0815', sessions: [eve.session] }))
    expect([await isSignedIn(sam.browser), await isSignedIn(eve.browser)]).toEqual([true, false])
  })

  const nameId = 'sam-4711'
  test.each<readonly [string, string, () => string | Readonly<Record<string, string>>]>([
    ['an address that is not signed', 'saml_unsigned', () => idp.logoutRequestUrl(slo, { nameId, sign: false })],
    ['an address of which something changed', 'saml_signature', () => idp.logoutRequestUrl(slo, { nameId, edit: (query) => query.replace('their-relay', 'my-relay') })],
    ['an address with the message twice', 'saml_unreadable', () => idp.logoutRequestUrl(slo, { nameId, edit: (query) => `SAMLRequest=AAAA&${query}` })],
    ['an address with another message beside it', 'saml_unreadable', () => idp.logoutRequestUrl(slo, { nameId, edit: (query) => `${query}&SAMLResponse=AAAA` })],
    ['an address signed with SHA-1', 'saml_algorithm', () => idp.logoutRequestUrl(slo, { nameId, edit: (query) => query.replace(/SigAlg=[^&]*/, 'SigAlg=http%3A%2F%2Fwww.w3.org%2F2000%2F09%2Fxmldsig%23rsa-sha1') })],
    ['an address of another provider', 'saml_issuer', () => idp.logoutRequestUrl(slo, { nameId, issuer: 'https://other.example' })],
    ['an address for another service', 'saml_destination', () => idp.logoutRequestUrl(slo, { nameId, destination: 'https://other.example/slo' })],
    ['an old address', 'saml_time', () => idp.logoutRequestUrl(slo, { nameId, at: -3_600_000 })],
    ['a form that is not signed', 'saml_unsigned', () => ({ SAMLRequest: idp.logoutRequestPost(slo, { nameId, sign: false }) })],
    ['a form of which something changed', 'saml_signature', () => ({ SAMLRequest: idp.logoutRequestPost(slo, { nameId: 'eve-0815', edit: (xml) => xml.replace('eve-0815', nameId) }) })],
    ['a form with two messages', 'saml_unreadable', () => ({ SAMLRequest: idp.logoutRequestPost(slo, { nameId }), SAMLResponse: 'AAAA' })],
    ['a form with a DOCTYPE', 'saml_unreadable', () => ({ SAMLRequest: idp.logoutRequestPost(slo, { nameId, edit: (xml) => `<!DOCTYPE a>${xml}` }) })],
  ])('not by %s', async (_what, code, made) => {
    const { browser } = await signIn()
    const given = made()
    const page = typeof given === 'string' ? await createPersonBrowser().visit(given, { follow: false }) : await postSlo(given)
    expect([page.status, codeOf(page)]).toEqual([403, code])
    expect(await isSignedIn(browser)).toBe(true)
  })

  test('not by a form that is longer than any about signing out, and not by more forms than can be verified', async () => {
    const { browser } = await signIn()
    const long = await postSlo({ SAMLRequest: idp.logoutRequestPost(slo, { nameId, edit: (xml) => xml.replace('</samlp:LogoutRequest>', `${'<a/>'.repeat(400)}</samlp:LogoutRequest>`) }) })
    expect([long.status, codeOf(long)]).toEqual([403, 'saml_unreadable'])
    const forged = idp.logoutRequestPost(slo, { nameId: 'eve-0815', edit: (xml) => xml.replace('eve-0815', nameId) })
    const answers = await Promise.all(Array.from({ length: 64 }, () => postSlo({ SAMLRequest: forged })))
    expect(new Set(answers.map((answer) => `${answer.status} ${codeOf(answer)}`))).toEqual(new Set(['403 saml_signature', '503 busy']))
    expect(await isSignedIn(browser)).toBe(true)
    expect((await signIn()).page.status).toBe(200)
  })

  test('not by the same message again', async () => {
    const { browser } = await signIn()
    const url = idp.logoutRequestUrl(slo, { nameId })
    await createPersonBrowser().visit(url)
    expect(await isSignedIn(browser)).toBe(false)
    await signIn(browser)
    expect((await createPersonBrowser().visit(url, { follow: false })).status).toBe(403)
    expect(await isSignedIn(browser)).toBe(true)
  })
})

test('a person signs out here and at the provider, and comes back', async () => {
  const { browser, session } = await signIn()
  const leaving = await browser.visit(`${world.url}/logout`)
  const left = await browser.submit(leaving, {}, 'value="provider"')
  expect(left.text).toContain('You are signed out')
  expect(left.url).toBe(`${world.url}/logout/done`)
  expect(left.way.some((url) => url.startsWith(`${idp.url}/slo`))).toBe(true)
  const sent = left.way.find((url) => url.startsWith(`${idp.url}/slo?SAMLRequest`)) ?? ''
  expect(isQuerySigned(new URL(sent).search.slice(1), service.certificate)).toBe(true)
  expect(session).not.toBe('')
  // The provider's answer is good once.
  const answer = left.way.find((url) => url.startsWith(slo)) ?? ''
  expect((await browser.visit(answer, { follow: false })).status).toBe(403)
})

test('a response is used once, whichever process it comes to', async () => {
  const second = world.second()
  const server = createServer(express().use(second.router))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const there = `http://127.0.0.1:${(server.address() as AddressInfo).port}/saml/corp/acs`
    await createPersonBrowser().visit(`${world.url}/login/corp`)
    const asked = idp.asked.at(-1)
    if (asked === undefined) throw new Error('nothing was asked')
    const { SAMLResponse } = await idp.answer(asked)
    const post = (url: string) => fetch(url, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ SAMLResponse }) })
    const answers = await Promise.all([post(`${world.url}/saml/corp/acs`), post(there), post(`${world.url}/saml/corp/acs`), post(there)])
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 403, 403, 403])
    expect((await post(there)).status).toBe(403)
  } finally {
    second.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

describe('metadata', () => {
  test('of the gateway can be imported', async () => {
    const response = await fetch(`${world.url}/saml/corp/metadata`)
    expect(response.headers.get('content-type')).toContain('application/samlmetadata+xml')
    const text = await response.text()
    const read = readXml(text)
    if (!read.ok) throw new Error(read.why)
    expect(read.root.attributes.get('entityID')).toBe(`${world.url}/saml/corp/metadata`)
    const [role] = read.root.children
    expect(role?.children.map(({ name }) => name)).toEqual(['KeyDescriptor', 'KeyDescriptor', 'SingleLogoutService', 'SingleLogoutService', 'NameIDFormat', 'AssertionConsumerService'])
    expect(role?.children.at(-1)?.attributes.get('Location')).toBe(`${world.url}/saml/corp/acs`)
    expect(text).toContain(service.certificate.replace(/-----[^-]+-----|\s/g, ''))
    expect(text).not.toContain('PRIVATE')
  })

  test('of the provider is read anew where a signature fits no certificate, and seldom', async () => {
    await signIn()
    idp.keys = next
    const before = idp.metadataReads
    world.pass(6 * 60_000)
    const { browser } = await signInAt(6 * 60_000)
    expect(await isSignedIn(browser)).toBe(true)
    expect(idp.metadataReads).toBe(before + 1)
    for (let time = 0; time < 3; time += 1) {
      idp.lie = { saying: shifted(6 * 60_000), signing: { with: forger } }
      const page = await browser.visit(`${world.url}/login/corp`).then((form) => browser.submit(form))
      expect(codeOf(page)).toBe('saml_signature')
    }
    expect(idp.metadataReads).toBe(before + 1)
  })

  test('that is not signed as it must be is not used, and what was known stays', async () => {
    const reads = idp.metadataReads
    idp.metadataSigner = stranger
    world.pass(61 * 60_000)
    idp.keys = stranger
    const browser = createPersonBrowser()
    idp.lie = { saying: shifted(67 * 60_000) }
    const page = await browser.submit(await browser.visit(`${world.url}/login/corp`))
    expect(codeOf(page)).toBe('saml_signature')
    expect(idp.metadataReads).toBe(reads + 1)
    const other = await startWorld([{ kind: 'saml', name: 'corp', metadata: { url: `${idp.url}/metadata`, certificate: { file: join(directory, 'federation.pem') } } }])
    try {
      expect((await createPersonBrowser().visit(`${other.url}/login/corp`)).status).toBe(503)
    } finally {
      await other.close()
    }
  })
})

/** What the provider says where the gateway's clock has gone on; the library looks at the machine's. */
const shifted = (ms: number) => ({ nameId: 'sam-4711', notBefore: -5_000, notOnOrAfter: ms + 300_000, subjectNotOnOrAfter: ms + 300_000, authnInstant: ms - 1_000 })
const signInAt = async (ms: number): Promise<{ readonly browser: PersonBrowser }> => {
  const browser = createPersonBrowser()
  idp.lie = { saying: shifted(ms) }
  await browser.submit(await browser.visit(`${world.url}/login/corp`))
  return { browser }
}
