import { readAssertion, type Said } from './assertion.ts'
import { decodePosted } from './decoded.ts'
import { readByLibrary, type Own } from './library.ts'
import type { Idp } from './metadata.ts'
import { ns, success } from './names.ts'
import { refused, type Refused } from './refused.ts'
import type { SamlSettings } from './settings.ts'
import { shapeOf, shapeOfResponse, type ResponseShape } from './shape.ts'
import { decryptAssertion, readSigned } from './signed.ts'
import { childrenOf, onlyChild, readXml, uriOf, type XmlElement } from './xml.ts'

export interface Received {
  readonly ok: true
  readonly text: string
  readonly root: XmlElement
  readonly shape: ResponseShape
  /** What it says it answers; nobody signed for that yet. */
  readonly request: string
}

/** Codes of the standard, by the end of their name. */
const statusOf = (root: XmlElement): readonly string[] => {
  const codes: string[] = []
  let at = onlyChild(root, ns.protocol, 'Status')
  while (at !== undefined && codes.length < 3) {
    at = onlyChild(at, ns.protocol, 'StatusCode')
    if (at !== undefined) codes.push(at.attributes.get('Value') ?? '')
  }
  return codes
}

/** A response before its signature is looked at: nothing in it is believed yet. */
export function receive(encoded: unknown): Received | Refused {
  const decoded = decodePosted(encoded)
  if (!decoded.ok) return decoded
  const read = readXml(decoded.text)
  if (!read.ok) return refused('saml_unreadable', read.why)
  const { root } = read
  const [status, ...more] = statusOf(root)
  if (root.name === 'Response' && status !== success) return refused('saml_status', `status ${[status ?? '', ...more].map((code) => code.replace(/^.*:/, '').slice(0, 60)).join(', ')}`)
  const shape = shapeOfResponse(root)
  if (!shape.ok) return shape
  const request = root.attributes.get('InResponseTo')
  return request === undefined ? refused('saml_unsolicited', 'a response to nothing') : { ok: true, text: decoded.text, root, shape, request }
}

interface Verified {
  readonly ok: true
  readonly assertion: XmlElement
  /** Absent where only the assertion was signed. */
  readonly response?: XmlElement
  readonly assertionSigned: boolean
}

/** The assertion as it was signed. Whatever bears a signature must bear a good one. */
async function verify({ text, root, shape }: Received, { certificates }: Idp, { want }: SamlSettings, decryptionKey: string | undefined): Promise<Verified | Refused> {
  const bad = refused('saml_signature', 'a signature that fits none of the certificates')
  const response = shape.signed ? readSigned(text, 'root', certificates) : undefined
  if (shape.signed && response === undefined) return bad
  if (want.signed === 'response' && response === undefined) return refused('saml_unsigned', 'the response is not signed, and want.signed is response')
  const within = response === undefined ? {} : { response: response.root }
  const covered = (response?.root ?? root).children.find(({ name }) => name === 'Assertion')
  if (shape.assertion === 'plain') {
    const own = shape.assertionSigned ? readSigned(text, 'assertion', certificates) : undefined
    if (shape.assertionSigned && own === undefined) return bad
    return believed(own?.root, response === undefined ? undefined : covered, want.signed, within)
  }
  if (decryptionKey === undefined) return refused('saml_decryption', 'an encrypted assertion, and no decryption key is configured')
  const opened = await decryptAssertion(response?.text ?? text, decryptionKey)
  if (opened === undefined) return refused('saml_decryption', 'an assertion that was encrypted for another key, or changed')
  if (!opened.ok) return refused('saml_unreadable', `inside what was encrypted, ${opened.why}`)
  const inner = shapeOf(opened.root, ns.assertion, 'Assertion')
  if (!inner.ok) return inner
  const own = inner.signed ? readSigned(opened.text, 'root', certificates) : undefined
  if (inner.signed && own === undefined) return bad
  return believed(own?.root, response === undefined ? undefined : opened.root, want.signed, within)
}

const believed = (own: XmlElement | undefined, covered: XmlElement | undefined, want: SamlSettings['want']['signed'], within: { readonly response?: XmlElement }): Verified | Refused => {
  if (want === 'assertion' && own === undefined) return refused('saml_unsigned', 'the assertion is not signed, and want.signed is assertion')
  const assertion = own ?? covered
  return assertion === undefined ? refused('saml_unsigned', 'neither the response nor the assertion is signed') : { ok: true, assertion, ...within, assertionSigned: own !== undefined }
}

/** What the response itself says of where it comes from and goes to (SAML bindings 3.5.5.2: one that is signed must say where). */
function envelopeProblem(received: XmlElement, signed: XmlElement | undefined, idp: Idp, { acs }: Own): Refused | undefined {
  const element = signed ?? received
  const issuer = childrenOf(element, ns.assertion, 'Issuer')
  if (issuer.length > 1 || (issuer.length === 1 && uriOf(issuer[0]) !== idp.issuer)) return refused('saml_issuer', `a response of ${JSON.stringify(uriOf(issuer[0])?.slice(0, 200))}`)
  const destination = element.attributes.get('Destination')
  return destination === acs || (destination === undefined && signed === undefined) ? undefined : refused('saml_destination', `a response to ${JSON.stringify(destination?.slice(0, 200))}, which is not ${acs}`)
}

/** What a received response says, as far as the identity provider signed for it. The request that it answers is known to have been made. */
export async function readResponse(received: Received, idp: Idp, settings: SamlSettings, own: Own, now: number): Promise<Said | Refused> {
  const verified = await verify(received, idp, settings, own.decryptionKey)
  if (!verified.ok) return verified
  const outside = envelopeProblem(received.root, verified.response, idp, own)
  if (outside !== undefined) return outside
  const said = readAssertion(verified.assertion, { issuer: idp.issuer, audience: own.entityId, recipient: own.acs, request: received.request, now, skew: settings.skew })
  if (!said.ok) return said
  // Where two readers see two documents, at least one was deceived.
  const { text, request, shape } = received
  const second = await readByLibrary(own, idp, settings, { text, request, signed: { response: shape.signed, assertion: verified.assertionSigned } }).catch((cause: unknown) => String(cause).slice(0, 200))
  if (typeof second === 'string') return refused('saml_signature', `refused by the library: ${second}`)
  const agree = second.issuer === idp.issuer && second.nameId === said.subject?.nameId
  return agree ? said : refused('saml_shape', 'two readers see two different documents')
}
