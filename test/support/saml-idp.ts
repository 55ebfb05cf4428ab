import { constants, createHash, createPrivateKey, createVerify, sign as signBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { createKeyPair, type KeyPair } from './saml-keys.ts'
import { algorithms, makeResponse, newId, signXml, type Saying, type Signing } from './saml-response.ts'

/** An authentication request as it came. */
export interface AskedFor {
  readonly id: string
  readonly xml: string
  readonly relay: string | undefined
  readonly query: string
}
/** What the provider does otherwise than it should; the names of a truthful answer are filled in. */
export interface Lie {
  readonly saying?: Partial<Saying>
  readonly signing?: Partial<Signing>
  /** Of the finished response. */
  readonly edit?: (xml: string) => string
  readonly relay?: string
}
export interface SamlIdp {
  readonly entityId: string
  readonly url: string
  keys: KeyPair
  readonly asked: AskedFor[]
  /** Every answer from now on, until it is set anew. */
  lie: Lie
  /** How often its metadata was read. */
  readonly metadataReads: number
  /** Signed by these where they are set. */
  metadataSigner: KeyPair | undefined
  /** The queries that came to where it signs people out. */
  readonly logouts: string[]
  /** The form that a browser would post. */
  answer(request: AskedFor, lie?: Lie): Promise<{ readonly action: string; readonly SAMLResponse: string; readonly RelayState: string }>
  metadata(): string
  /** A message about signing out, as an address; `sign: false` leaves the signature out. */
  logoutRequestUrl(to: string, given: { readonly nameId: string; readonly sessions?: readonly string[]; readonly sign?: boolean; readonly edit?: (query: string) => string; readonly id?: string; readonly issuer?: string; readonly destination?: string; readonly at?: number }): string
  /** The same as a form's field. */
  logoutRequestPost(to: string, given: { readonly nameId: string; readonly sessions?: readonly string[]; readonly sign?: boolean; readonly edit?: (xml: string) => string }): string
  close(): Promise<void>
}

const read = (xml: string, name: string): string => new RegExp(`\\s${name}="([^"]*)"`).exec(xml)?.[1] ?? ''
const persistent = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'
const escape = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

/** Whether the query was signed with that certificate, by the order of the standard. */
export function isQuerySigned(query: string, certificate: string): boolean {
  const [signed, signature] = query.split('&Signature=')
  return signature !== undefined && createVerify('sha256').update(signed ?? '').verify(certificate, decodeURIComponent(signature), 'base64')
}

/** An identity provider that signs for real, and lies as it is told. */
export async function startSamlIdp({ entityId, subject = 'sam-4711', attributes = { groups: ['support'], email: ['sam@example.com'], name: ['Sam'] } }: { readonly entityId?: string; readonly subject?: string; readonly attributes?: Readonly<Record<string, readonly string[]>> } = {}): Promise<SamlIdp> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const asked: AskedFor[] = []
  const logouts: string[] = []
  let reads = 0
  const own = entityId ?? `${url}/idp`

  const redirected = (to: string, field: string, xml: string, relay: string | undefined): string => {
    const query = new URLSearchParams({ [field]: deflateRawSync(xml).toString('base64'), ...(relay === undefined ? {} : { RelayState: relay }), SigAlg: algorithms.rsaSha256 }).toString()
    const signature = signBytes('sha256', Buffer.from(query), { key: createPrivateKey(idp.keys.key), padding: constants.RSA_PKCS1_PADDING })
    return `${to}?${query}&Signature=${encodeURIComponent(signature.toString('base64'))}`
  }
  const logoutXml = (to: string, { nameId, sessions = [], id = newId(), issuer = own, destination = to, at = 0 }: { readonly nameId: string; readonly sessions?: readonly string[]; readonly id?: string; readonly issuer?: string; readonly destination?: string; readonly at?: number }): string =>
    `<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="${id}" Version="2.0" IssueInstant="${new Date(Date.now() + at).toISOString()}" Destination="${destination}"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${issuer}</saml:Issuer><saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${nameId}</saml:NameID>${sessions.map((session) => `<samlp:SessionIndex>${session}</samlp:SessionIndex>`).join('')}</samlp:LogoutRequest>`

  const idp: SamlIdp = {
    entityId: own, url, asked, logouts, keys: createKeyPair('identity provider'), lie: {}, metadataSigner: undefined,
    get metadataReads() {
      return reads
    },
    async answer(request, lie = idp.lie) {
      const action = read(request.xml, 'AssertionConsumerServiceURL')
      const saying: Saying = {
        issuer: own, responseIssuer: own, status: 'urn:oasis:names:tc:SAML:2.0:status:Success', nameId: subject, format: persistent, qualifiers: '', attributes,
        audience: /<saml:Issuer[^>]*>([^<]*)</.exec(request.xml)?.[1] ?? '', recipient: action, destination: action, inResponseTo: request.id, subjectInResponseTo: request.id,
        method: 'urn:oasis:names:tc:SAML:2.0:cm:bearer', notBefore: -5_000, notOnOrAfter: 300_000, subjectNotOnOrAfter: 300_000, authnInstant: -1_000,
        session: `session-${createHash('sha256').update(request.id).digest('hex').slice(0, 12)}`, sessionEnds: undefined, context: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport',
        assertionId: newId(), conditions: '', ...lie.saying,
      }
      const signing: Signing = { what: ['assertion'], with: idp.keys, method: algorithms.rsaSha256, digest: algorithms.sha256, canonical: algorithms.exclusive, encrypt: undefined, ...lie.signing }
      const made = await makeResponse(saying, signing)
      return { action, SAMLResponse: Buffer.from(lie.edit?.(made) ?? made).toString('base64'), RelayState: lie.relay ?? request.relay ?? '' }
    },
    metadata() {
      const certificate = idp.keys.certificate.replace(/-----[^-]+-----|\s/g, '')
      const endpoint = (name: string, path: string) => `<md:${name} Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="${url}${path}"/>`
      const xml = `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_metadata" entityID="${own}"><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>${certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>${endpoint('SingleLogoutService', '/slo')}${endpoint('SingleSignOnService', '/sso')}</md:IDPSSODescriptor></md:EntityDescriptor>`
      return idp.metadataSigner === undefined ? xml : signXml(xml, 'EntityDescriptor', { with: idp.metadataSigner, method: algorithms.rsaSha256, digest: algorithms.sha256, canonical: algorithms.exclusive })
    },
    logoutRequestUrl(to, { sign = true, edit = (query) => query, ...given }) {
      const made = redirected(to, 'SAMLRequest', logoutXml(to, given), 'their-relay')
      const [path = '', query = ''] = made.split('?')
      return `${path}?${edit(sign ? query : query.replace(/&SigAlg=.*$/, ''))}`
    },
    logoutRequestPost(to, { sign = true, edit = (xml) => xml, ...given }) {
      const xml = logoutXml(to, given)
      const made = sign ? signXml(xml, 'LogoutRequest', { with: idp.keys, method: algorithms.rsaSha256, digest: algorithms.sha256, canonical: algorithms.exclusive }) : xml
      return Buffer.from(edit(made)).toString('base64')
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }

  server.on('request', (request, response) => {
    const { pathname, search, searchParams } = new URL(request.url ?? '/', url)
    const given = searchParams.get('SAMLRequest') ?? searchParams.get('SAMLResponse')
    const xml = given === null ? '' : inflateRawSync(Buffer.from(given, 'base64')).toString()
    if (pathname === '/metadata') {
      reads += 1
      return response.writeHead(200, { 'content-type': 'application/samlmetadata+xml' }).end(idp.metadata())
    }
    if (pathname === '/slo' && searchParams.has('SAMLRequest')) {
      logouts.push(search.slice(1))
      const to = `${/<saml:Issuer[^>]*>([^<]*)\/metadata</.exec(xml)?.[1] ?? ''}/slo`
      const answer = `<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="${newId()}" Version="2.0" IssueInstant="${new Date().toISOString()}" Destination="${to}" InResponseTo="${read(xml, 'ID')}"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${own}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status></samlp:LogoutResponse>`
      return response.writeHead(302, { location: redirected(to, 'SAMLResponse', answer, undefined) }).end()
    }
    if (pathname === '/slo') {
      logouts.push(search.slice(1))
      return response.writeHead(200, { 'content-type': 'text/html' }).end('signed out at the provider')
    }
    const one: AskedFor = { id: read(xml, 'ID'), xml, relay: searchParams.get('RelayState') ?? undefined, query: search.slice(1) }
    asked.push(one)
    idp.answer(one).then(
      ({ action, SAMLResponse, RelayState }) => response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>identity provider</title><form method="post" action="${escape(action)}"><input name="SAMLResponse" value="${SAMLResponse}"><input name="RelayState" value="${escape(RelayState)}"><button>Continue</button></form>`),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  return idp
}
