import { randomBytes } from 'node:crypto'
import { SignedXml } from 'xml-crypto'
import { encrypt, type EncryptionAlgorithm, type KeyEncryptionAlgorithm } from 'xml-encryption'
import type { KeyPair } from './saml-keys.ts'

export const algorithms = {
  rsaSha1: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1',
  rsaSha256: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  rsaSha512: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',
  sha1: 'http://www.w3.org/2000/09/xmldsig#sha1',
  sha256: 'http://www.w3.org/2001/04/xmlenc#sha256',
  exclusive: 'http://www.w3.org/2001/10/xml-exc-c14n#',
  inclusive: 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315',
  enveloped: 'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
} as const

/** What a response says. Times are milliseconds from now; whatever is undefined is left out. */
export interface Saying {
  issuer: string
  responseIssuer: string | undefined
  status: string
  nameId: string
  format: string | undefined
  /** More attributes of the NameID. */
  qualifiers: string
  attributes: Readonly<Record<string, readonly string[]>>
  audience: string | undefined
  recipient: string
  destination: string | undefined
  inResponseTo: string | undefined
  subjectInResponseTo: string | undefined
  method: string
  notBefore: number
  notOnOrAfter: number | undefined
  subjectNotOnOrAfter: number | undefined
  authnInstant: number
  session: string | undefined
  sessionEnds: number | undefined
  context: string
  assertionId: string
  /** More conditions, as XML. */
  conditions: string
}
export interface Signing {
  what: readonly ('assertion' | 'response')[]
  with: KeyPair
  method: string
  digest: string
  canonical: string
  encrypt: { readonly certificate: string; readonly cipher: string; readonly transport: string } | undefined
}

const at = (offset: number): string => new Date(Date.now() + offset).toISOString()
const attribute = (name: string, value: string | undefined): string => (value === undefined ? '' : ` ${name}="${value}"`)
const time = (name: string, offset: number | undefined): string => attribute(name, offset === undefined ? undefined : at(offset))
export const newId = (): string => `_${randomBytes(16).toString('hex')}`

export function makeAssertion(saying: Saying): string {
  const attributes = Object.entries(saying.attributes).map(([name, values]) => `<saml:Attribute Name="${name}">${values.map((value) => `<saml:AttributeValue>${value}</saml:AttributeValue>`).join('')}</saml:Attribute>`).join('')
  const audience = saying.audience === undefined ? '' : `<saml:AudienceRestriction><saml:Audience>${saying.audience}</saml:Audience></saml:AudienceRestriction>`
  return `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="${saying.assertionId}" Version="2.0" IssueInstant="${at(0)}"><saml:Issuer>${saying.issuer}</saml:Issuer><saml:Subject><saml:NameID${attribute('Format', saying.format)}${saying.qualifiers}>${saying.nameId}</saml:NameID><saml:SubjectConfirmation Method="${saying.method}"><saml:SubjectConfirmationData${time('NotOnOrAfter', saying.subjectNotOnOrAfter)} Recipient="${saying.recipient}"${attribute('InResponseTo', saying.subjectInResponseTo)}/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="${at(saying.notBefore)}"${time('NotOnOrAfter', saying.notOnOrAfter)}>${audience}${saying.conditions}</saml:Conditions><saml:AuthnStatement AuthnInstant="${at(saying.authnInstant)}"${attribute('SessionIndex', saying.session)}${time('SessionNotOnOrAfter', saying.sessionEnds)}><saml:AuthnContext><saml:AuthnContextClassRef>${saying.context}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>${attributes === '' ? '' : `<saml:AttributeStatement>${attributes}</saml:AttributeStatement>`}</saml:Assertion>`
}

const wrapInResponse = (saying: Saying, inside: string): string =>
  `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="${newId()}" Version="2.0" IssueInstant="${at(0)}"${attribute('Destination', saying.destination)}${attribute('InResponseTo', saying.inResponseTo)}>${saying.responseIssuer === undefined ? '' : `<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${saying.responseIssuer}</saml:Issuer>`}<samlp:Status><samlp:StatusCode Value="${saying.status}"/></samlp:Status>${inside}</samlp:Response>`

/** An enveloped signature over the one element of that name at the top, behind its issuer. */
export function signXml(xml: string, name: string, { with: { key, certificate }, method, digest, canonical }: Pick<Signing, 'with' | 'method' | 'digest' | 'canonical'>): string {
  const signer = new SignedXml({ privateKey: key, publicCert: certificate, signatureAlgorithm: method, canonicalizationAlgorithm: canonical })
  const xpath = `/*[local-name(.)='${name}']`
  signer.addReference({ xpath, transforms: [algorithms.enveloped, canonical], digestAlgorithm: digest })
  const issuer = `${xpath}/*[local-name(.)='Issuer']`
  signer.computeSignature(xml, { prefix: 'ds', location: new RegExp(`^<[^>]*>\\s*<(?:\\w+:)?Issuer`).test(xml) ? { reference: issuer, action: 'after' } : { reference: xpath, action: 'prepend' } })
  return signer.getSignedXml()
}

const encryptXml = (xml: string, { certificate, cipher, transport }: NonNullable<Signing['encrypt']>): Promise<string> =>
  new Promise((settle, fail) => {
    encrypt(xml, { rsa_pub: certificate, pem: certificate, encryptionAlgorithm: cipher as EncryptionAlgorithm, keyEncryptionAlgorithm: transport as KeyEncryptionAlgorithm, warnInsecureAlgorithm: false }, (error, made) => {
      if (error === null) settle(`<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${made}</saml:EncryptedAssertion>`)
      else fail(error)
    })
  })

export async function makeResponse(saying: Saying, signing: Signing): Promise<string> {
  const plain = makeAssertion(saying)
  const signed = signing.what.includes('assertion') ? signXml(plain, 'Assertion', signing) : plain
  const response = wrapInResponse(saying, signing.encrypt === undefined ? signed : await encryptXml(signed, signing.encrypt))
  return signing.what.includes('response') ? signXml(response, 'Response', signing) : response
}
