import { authenticatedCiphers, digestMethods, envelopedSignature, exclusiveC14n, keyTransport, ns, oaepDigest, plainCiphers, signatureMethods } from './names.ts'
import { refused, type Refused } from './refused.ts'
import { childrenOf, onlyChild, walk, type Placed, type XmlElement } from './xml.ts'

/** What a document is before anything in it is believed. */
export interface Shape {
  readonly ok: true
  readonly id: string
  readonly signed: boolean
}
export interface ResponseShape extends Shape {
  readonly assertion: 'plain' | 'encrypted'
  /** For a plain one. */
  readonly assertionSigned: boolean
}

const algorithm = (element: XmlElement | undefined): string => element?.attributes.get('Algorithm') ?? ''
const names = (element: XmlElement): string => element.children.map(({ name }) => name).join(' ')
const idPattern = /^[A-Za-z_][A-Za-z0-9_.-]{0,255}$/

/** One signature over the element it stands in, and over nothing else (SAML core 5.4): whatever else XML signatures can be is refused. */
function signatureProblem(signature: XmlElement, id: string): Refused | undefined {
  const info = onlyChild(signature, ns.signature, 'SignedInfo')
  const reference = info === undefined ? undefined : onlyChild(info, ns.signature, 'Reference')
  if (!/^SignedInfo SignatureValue(?: KeyInfo)?$/.test(names(signature)) || info === undefined || names(info) !== 'CanonicalizationMethod SignatureMethod Reference' || reference === undefined) {
    return refused('saml_shape', 'a signature with other parts than SAML allows')
  }
  if (reference.attributes.get('URI') !== `#${id}`) return refused('saml_shape', 'a signature over something else than the element it stands in')
  const canonical = algorithm(onlyChild(info, ns.signature, 'CanonicalizationMethod'))
  const method = algorithm(onlyChild(info, ns.signature, 'SignatureMethod'))
  const digest = algorithm(onlyChild(reference, ns.signature, 'DigestMethod'))
  const transforms = onlyChild(reference, ns.signature, 'Transforms')?.children.map(algorithm) ?? []
  if (!signatureMethods.has(method)) return refused('saml_algorithm', `signed with ${method.slice(0, 100)}`)
  if (!digestMethods.has(digest)) return refused('saml_algorithm', `digested with ${digest.slice(0, 100)}`)
  const usual = canonical === exclusiveC14n && transforms[0] === envelopedSignature && (transforms.length === 1 || (transforms.length === 2 && transforms[1] === exclusiveC14n))
  return usual ? undefined : refused('saml_algorithm', 'canonicalised otherwise than by exclusive canonical XML without comments')
}

/** Any attribute that some reader takes for an id. */
const repeatedId = (root: XmlElement): boolean => {
  const seen = new Set<string>()
  for (const { element } of walk(root)) {
    const ids = [...element.attributes].filter(([name]) => name.toLowerCase().replace(/^\{[^}]*\}/, '') === 'id').map(([, value]) => value)
    if (ids.some((id) => seen.has(id))) return true
    ids.forEach((id) => seen.add(id))
  }
  return false
}

/** Signatures, each in an element that may bear one and at most one there. */
function signaturesProblem(root: XmlElement, bearers: readonly XmlElement[]): Refused | undefined {
  for (const { element, parent } of walk(root)) {
    if (element.name !== 'Signature') continue
    if (element.namespace !== ns.signature || parent === undefined || !bearers.includes(parent)) return refused('saml_shape', 'a signature where none belongs')
    const problem = onlyChild(parent, ns.signature, 'Signature') === undefined ? refused('saml_shape', 'two signatures over one element') : signatureProblem(element, parent.attributes.get('ID') ?? '')
    if (problem !== undefined) return problem
  }
  return undefined
}

function encryptionProblem(found: readonly Placed[], responseSigned: boolean): Refused | undefined {
  const of = (name: string): readonly Placed[] => found.filter(({ element }) => element.name === name)
  const [data, ...moreData] = of('EncryptedData')
  const [key, ...moreKeys] = of('EncryptedKey')
  if (data === undefined || key === undefined || moreData.length + moreKeys.length > 0 || data.element.namespace !== ns.encryption || key.element.namespace !== ns.encryption) return refused('saml_shape', 'an encrypted assertion with other parts than one EncryptedData and one EncryptedKey')
  if (found.some(({ element }) => element.name === 'RetrievalMethod') || key.parent?.name !== 'KeyInfo' || of('CipherValue').length !== 2) return refused('saml_shape', 'an encrypted assertion whose key does not stand in it')
  const [cipher, transport] = [data, key].map(({ element }) => algorithm(onlyChild(element, ns.encryption, 'EncryptionMethod')))
  if (transport !== keyTransport) return refused('saml_algorithm', `a key encrypted with ${transport?.slice(0, 100)}; rsa-oaep-mgf1p is wanted`)
  const hash = onlyChild(key.element, ns.encryption, 'EncryptionMethod')?.children.find(({ name }) => name === 'DigestMethod')
  if (hash !== undefined && algorithm(hash) !== oaepDigest) return refused('saml_algorithm', `a key encrypted by OAEP with ${algorithm(hash).slice(0, 100)}; sha1 is wanted there, where nothing hangs on it`)
  if (authenticatedCiphers.has(cipher ?? '')) return undefined
  if (!plainCiphers.has(cipher ?? '')) return refused('saml_algorithm', `encrypted with ${cipher?.slice(0, 100)}`)
  return responseSigned ? undefined : refused('saml_algorithm', 'encrypted with AES-CBC in a response that is not signed itself; wanted is AES-GCM, or a signed response')
}

const rootProblem = (root: XmlElement, namespace: string, name: string): Refused | undefined => {
  if (root.name !== name || root.namespace !== namespace) return refused('saml_shape', `a document that is no ${name}`)
  if (root.attributes.get('Version') !== '2.0') return refused('saml_shape', 'another version than SAML 2.0')
  if (!idPattern.test(root.attributes.get('ID') ?? '')) return refused('saml_shape', `a ${name} without an ID`)
  return repeatedId(root) ? refused('saml_shape', 'one ID on two elements') : undefined
}

/**
 * The places that other readers of SAML have been led astray to, looked for by local name as those look: a second assertion or
 * response anywhere, a signature anywhere but in the one that it covers.
 */
export function shapeOfResponse(root: XmlElement): ResponseShape | Refused {
  const wrong = rootProblem(root, ns.protocol, 'Response')
  if (wrong !== undefined) return wrong
  const all = [...walk(root)]
  const named = (name: string): readonly Placed[] => all.filter(({ element }) => element.name === name)
  if (named('Response').length !== 1) return refused('saml_shape', 'a response inside another')
  const plain = named('Assertion')
  const encrypted = named('EncryptedAssertion')
  const [only, ...more] = [...plain, ...encrypted]
  if (only === undefined || more.length > 0) return refused('saml_shape', `${plain.length + encrypted.length} assertions; exactly one is wanted`)
  if (only.parent !== root || only.element.namespace !== ns.assertion) return refused('saml_shape', 'an assertion where none belongs')
  const id = only.element.attributes.get('ID') ?? ''
  if (plain.length === 1 && !idPattern.test(id)) return refused('saml_shape', 'an assertion without an ID')
  const signatures = signaturesProblem(root, plain.length === 1 ? [root, only.element] : [root])
  if (signatures !== undefined) return signatures
  const signed = childrenOf(root, ns.signature, 'Signature').length === 1
  const shape = { ok: true, id: root.attributes.get('ID') ?? '', signed } as const
  if (plain.length === 1) return { ...shape, assertion: 'plain', assertionSigned: childrenOf(only.element, ns.signature, 'Signature').length === 1 }
  return encryptionProblem(all, signed) ?? { ...shape, assertion: 'encrypted', assertionSigned: false }
}

/** Metadata that is to be verified. */
export function shapeOfMetadata(root: XmlElement): Shape | Refused {
  const id = root.attributes.get('ID') ?? ''
  if (repeatedId(root)) return refused('saml_shape', 'one ID on two elements')
  if ([...walk(root)].filter(({ element }) => element.name === root.name).length !== 1) return refused('saml_shape', `one ${root.name} inside another`)
  return signaturesProblem(root, [root]) ?? { ok: true, id, signed: childrenOf(root, ns.signature, 'Signature').length === 1 }
}

/** A document of one thing that may be signed: an assertion that was decrypted, a message about signing out. */
export function shapeOf(root: XmlElement, namespace: string, name: string): Shape | Refused {
  const wrong = rootProblem(root, namespace, name) ?? signaturesProblem(root, [root])
  if (wrong !== undefined) return wrong
  if ([...walk(root)].filter(({ element }) => element.name === name).length !== 1) return refused('saml_shape', `one ${name} inside another`)
  return { ok: true, id: root.attributes.get('ID') ?? '', signed: childrenOf(root, ns.signature, 'Signature').length === 1 }
}
