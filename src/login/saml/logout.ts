import { constants, createPublicKey, verify } from 'node:crypto'
import { instantOf } from './assertion.ts'
import { decodePosted, decodeRedirected } from './decoded.ts'
import type { Own } from './library.ts'
import type { Idp } from './metadata.ts'
import { ns, signatureMethods, success } from './names.ts'
import { refused, type Refused } from './refused.ts'
import { shapeOf } from './shape.ts'
import { readSigned } from './signed.ts'
import { childrenOf, ofLogouts, onlyChild, readXml, uriOf, type XmlElement } from './xml.ts'

export type MessageName = 'LogoutRequest' | 'LogoutResponse'
export interface SignedMessage {
  readonly ok: true
  readonly name: MessageName
  readonly id: string
  readonly root: XmlElement
  readonly relay: string
}
export interface LogoutRequest {
  readonly ok: true
  readonly nameId: string
  readonly sessions: readonly string[]
}

const largestRelay = 256
const nameOf = (field: 'SAMLRequest' | 'SAMLResponse'): MessageName => (field === 'SAMLRequest' ? 'LogoutRequest' : 'LogoutResponse')

const signedByOne = (certificates: readonly string[], { hash, pss }: { readonly hash: string; readonly pss: boolean }, data: string, signature: Buffer): boolean =>
  certificates.some((certificate) => verify(hash, Buffer.from(data), { key: createPublicKey(certificate), padding: pss ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING, ...(pss ? { saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {}) }, signature))

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** By HTTP-Redirect: what was signed is the query as it came, in the order of the standard (SAML bindings 3.4.4.1). */
export function openRedirected(query: string, { certificates }: Idp): SignedMessage | Refused {
  const given = new Map<string, string[]>()
  for (const pair of query.split('&')) {
    const at = pair.indexOf('=')
    if (at > 0) given.set(pair.slice(0, at), [...(given.get(pair.slice(0, at)) ?? []), pair.slice(at + 1)])
  }
  const raw = (name: string): string | undefined => (given.get(name)?.length === 1 ? given.get(name)?.[0] : undefined)
  const fields = (['SAMLRequest', 'SAMLResponse'] as const).filter((name) => given.has(name))
  const [field] = fields
  const [message, method, signature] = [field === undefined ? undefined : raw(field), raw('SigAlg'), raw('Signature')]
  if (field === undefined || fields.length > 1 || message === undefined || (given.get('RelayState')?.length ?? 0) > 1) return refused('saml_unreadable', 'not exactly one SAML message')
  if (method === undefined || signature === undefined) return refused('saml_unsigned', 'a message about signing out that is not signed')
  const relay = raw('RelayState')
  const algorithm = signatureMethods.get(decoded(method) ?? '')
  if (algorithm === undefined) return refused('saml_algorithm', `signed with ${decoded(method)?.slice(0, 100)}`)
  const data = `${field}=${message}${relay === undefined ? '' : `&RelayState=${relay}`}&SigAlg=${method}`
  if (!signedByOne(certificates, algorithm, data, Buffer.from(decoded(signature) ?? '', 'base64'))) return refused('saml_signature', 'a signature that fits none of the certificates')
  const inflated = decodeRedirected(decoded(message))
  if (!inflated.ok) return inflated
  const read = readXml(inflated.text)
  return read.ok ? opened(read.root, nameOf(field), decoded(relay ?? '') ?? '') : refused('saml_unreadable', read.why)
}

/** By HTTP-POST: the signature is in the message, and only what it covers is read. */
export function openPosted(body: Readonly<Record<string, unknown>>, { certificates }: Idp): SignedMessage | Refused {
  const fields = (['SAMLRequest', 'SAMLResponse'] as const).filter((name) => body[name] !== undefined)
  const [field] = fields
  if (field === undefined || fields.length > 1) return refused('saml_unreadable', 'not exactly one SAML message')
  const posted = decodePosted(body[field])
  if (!posted.ok) return posted
  const read = readXml(posted.text, ofLogouts)
  if (!read.ok) return refused('saml_unreadable', read.why)
  const shape = shapeOf(read.root, ns.protocol, nameOf(field))
  if (!shape.ok) return shape
  if (!shape.signed) return refused('saml_unsigned', 'a message about signing out that is not signed')
  const signed = readSigned(posted.text, 'root', certificates)
  const relay = body['RelayState']
  return signed === undefined ? refused('saml_signature', 'a signature that fits none of the certificates') : opened(signed.root, nameOf(field), typeof relay === 'string' ? relay : '')
}

const opened = (root: XmlElement, name: MessageName, relay: string): SignedMessage | Refused => {
  const shape = shapeOf(root, ns.protocol, name)
  return shape.ok ? { ok: true, name, id: shape.id, root, relay: relay.length > largestRelay ? '' : relay } : shape
}

/** The bounds of a message that was made to be sent at once. */
const longest = 5 * 60_000

/** Who sent it, where to, when: of what was signed. */
export function messageProblem({ root }: SignedMessage, idp: Idp, { slo }: Own, now: number, skew: number): Refused | undefined {
  const issuer = uriOf(onlyChild(root, ns.assertion, 'Issuer'))
  if (issuer !== idp.issuer) return refused('saml_issuer', `a message of ${JSON.stringify(issuer?.slice(0, 200))}`)
  const destination = root.attributes.get('Destination')
  if (destination !== slo) return refused('saml_destination', `a message to ${JSON.stringify(destination?.slice(0, 200))}, which is not ${slo}`)
  const [at, ends] = [instantOf(root.attributes.get('IssueInstant')), root.attributes.get('NotOnOrAfter')]
  const endsAt = ends === undefined ? Number.POSITIVE_INFINITY : instantOf(ends)
  const isNow = at !== undefined && Math.abs(now - at) <= longest + skew && endsAt !== undefined && now - skew < endsAt
  return isNow ? undefined : refused('saml_time', 'a message of another time')
}

/** Until then it could be sent again. */
export const replayableUntil = (now: number): number => now + 2 * longest + 120_000

export function readLogoutRequest({ root }: SignedMessage): LogoutRequest | Refused {
  const nameId = onlyChild(root, ns.assertion, 'NameID')
  if (nameId === undefined || nameId.children.length > 0 || nameId.text === '') return refused('saml_subject', 'a request to sign out nobody who is named openly')
  return { ok: true, nameId: nameId.text, sessions: childrenOf(root, ns.protocol, 'SessionIndex').map(({ text }) => text).filter((text) => text !== '') }
}

export const isSuccess = ({ root }: SignedMessage): boolean => {
  const status = onlyChild(root, ns.protocol, 'Status')
  return status !== undefined && onlyChild(status, ns.protocol, 'StatusCode')?.attributes.get('Value') === success
}
