/** Certificates, requests for them, and private keys, as the objects that OPA makes of Go's structures. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { decodeBase64 } from '../base64.ts'
import { asText, builtin, noAnswer, type Charge, type HostBuiltin } from '../builtin.ts'
import { isKnown } from '../jwt-keys.ts'
import { readPem, writePem, type PemBlock } from '../pem.ts'
import { number, objectOf, type Value } from '../value.ts'
import { bitsOf, childrenOf, integerOf, onlyDer, readDer, sequenceOf, type Der } from './der.ts'
import { emptyMembers, membersOf } from './extensions.ts'
import { base64, coordinate, extensionsOf, nameOf, orNull, publicKey, signatureAlgorithm, timeOf } from './parts.ts'

const perByte = 20
const perKey = 200_000
const begins = '-----BEGIN'

function certificate(element: Der, withUris: boolean): Value {
  const [tbs, algorithm, signature] = sequenceOf(element)
  const parts = [...sequenceOf(tbs)]
  const version = parts[0]?.tag === 0xa0 ? integerOf(childrenOf(parts.shift() ?? noAnswer())[0]) : 0n
  const [serial, inner, issuer, validity, subject, info, ...more] = parts
  // RFC 5280, section 4.1.1.2.
  if (inner === undefined || algorithm === undefined || !inner.raw.equals(algorithm.raw)) return noAnswer()
  const [notBefore, notAfter] = sequenceOf(validity)
  const [keyAlgorithm, key] = publicKey(info)
  const wrapped = more.find(({ tag }) => tag === 0xa3)
  const extensions = wrapped === undefined ? [] : extensionsOf(childrenOf(wrapped)[0])
  const { URIStrings = null, ...members } = membersOf(extensions)
  return objectOf({
    ...emptyMembers,
    ...members,
    ...(withUris ? { URIStrings } : {}),
    Raw: base64(element.raw),
    RawTBSCertificate: base64(tbs?.raw ?? noAnswer()),
    RawSubjectPublicKeyInfo: base64(info?.raw ?? noAnswer()),
    RawSubject: base64(subject?.raw ?? noAnswer()),
    RawIssuer: base64(issuer?.raw ?? noAnswer()),
    Signature: base64(bitsOf(signature)),
    SignatureAlgorithm: signatureAlgorithm(algorithm),
    PublicKeyAlgorithm: keyAlgorithm,
    PublicKey: key,
    Version: number(version + 1n),
    SerialNumber: number(integerOf(serial)),
    Issuer: nameOf(issuer),
    Subject: nameOf(subject),
    NotBefore: timeOf(notBefore),
    NotAfter: timeOf(notAfter),
    Extensions: orNull(extensions.map(({ printed }) => printed)),
  })
}

/** Every block of the text, until something that is none. */
function blocksOf(text: string): readonly PemBlock[] {
  const found: PemBlock[] = []
  for (let block = readPem(text); block !== undefined; block = readPem(block.rest)) found.push(block)
  return found
}

function certificateBytes(text: string): Buffer {
  const decoded = text.startsWith(begins) ? undefined : (decodeBase64(text) ?? noAnswer())
  if (decoded !== undefined && !decoded.toString('latin1').startsWith(begins)) return decoded
  const blocks = blocksOf(decoded === undefined ? text : decoded.toString('latin1'))
  return Buffer.concat(blocks.map(({ type, bytes }) => (type === 'CERTIFICATE' ? bytes : noAnswer())))
}

function certificates(text: string, charge: Charge): Value {
  charge(text.length * perByte)
  const found: Value[] = []
  for (let rest = certificateBytes(text); rest.length > 0; ) {
    const [element, after] = readDer(rest)
    charge(perKey)
    found.push(certificate(element, true))
    rest = after
  }
  return found
}

function request(text: string, charge: Charge): Value {
  charge(text.length * perByte + perKey)
  const written = text.startsWith('-----BEGIN CERTIFICATE REQUEST-----') ? text : (decodeBase64(text) ?? noAnswer()).toString('latin1')
  const pem = readPem(written)
  if (pem !== undefined && pem.type !== 'CERTIFICATE REQUEST') return noAnswer()
  const element = onlyDer(pem === undefined ? Buffer.from(written, 'latin1') : pem.bytes)
  const [info, algorithm, signature] = sequenceOf(element)
  const [version, subject, key, attributes] = sequenceOf(info)
  if (attributes !== undefined && attributes.body.length > 0) throw new Error('a request with attributes')
  const [keyAlgorithm, publicPart] = publicKey(key)
  const none = ['Attributes', 'Extensions', 'ExtraExtensions', 'DNSNames', 'EmailAddresses', 'IPAddresses', 'URIs'].map((name) => [name, null] as const)
  return objectOf({
    ...Object.fromEntries(none),
    Raw: base64(element.raw),
    RawTBSCertificateRequest: base64(info?.raw ?? noAnswer()),
    RawSubjectPublicKeyInfo: base64(key?.raw ?? noAnswer()),
    RawSubject: base64(subject?.raw ?? noAnswer()),
    Version: number(integerOf(version)),
    Signature: base64(bitsOf(signature)),
    SignatureAlgorithm: signatureAlgorithm(algorithm),
    PublicKeyAlgorithm: keyAlgorithm,
    PublicKey: publicPart,
    Subject: nameOf(subject),
  })
}

const keyTypes = ['RSA PRIVATE KEY', 'PRIVATE KEY', 'EC PRIVATE KEY']

function privateKeys(text: string, charge: Charge): readonly KeyObject[] {
  const decoded = decodeBase64(text)
  const blocks = blocksOf(decoded === undefined ? text : decoded.toString('latin1')).filter(({ type }) => keyTypes.includes(type))
  charge(text.length * perByte + blocks.length * perKey)
  return blocks.map(({ type, bytes }) => privateKey(writePem(type, bytes)))
}

function privateKey(pem: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    return noAnswer()
  }
  if (!isKnown(key) || key.asymmetricKeyType === 'dsa') return noAnswer()
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) > 8192) throw new Error('a key of more than 8192 bits')
  return key
}

/** Go's structures: what is precomputed for RSA is part of it. */
function keyObject(key: KeyObject): Value {
  if (key.asymmetricKeyType === 'x25519') return objectOf({})
  const jwk = key.export({ format: 'jwk' })
  const { n, e, d, p, q, dp, dq, qi, x, y } = jwk as Record<string, string | undefined>
  if (jwk.kty === 'RSA') {
    const Precomputed = objectOf({ Dp: coordinate(dp), Dq: coordinate(dq), Qinv: coordinate(qi), CRTValues: [] })
    return objectOf({ N: coordinate(n), E: coordinate(e), D: coordinate(d), Primes: [coordinate(p), coordinate(q)], Precomputed })
  }
  if (jwk.kty === 'EC') return objectOf({ Curve: objectOf({}), X: coordinate(x), Y: coordinate(y), D: coordinate(d) })
  if (jwk['crv'] !== 'Ed25519') throw new Error('a private key of a rare kind')
  return Buffer.concat([d ?? '', x ?? ''].map((part) => Buffer.from(part, 'base64url'))).toString('base64')
}

function asJwk(key: KeyObject): Value {
  return objectOf(key.export({ format: 'jwk' }) as Record<string, string>) // all members of a private key are texts
}

function keyPair(certificateText: string, keyText: string, charge: Charge): Value {
  const pemOf = (text: string, type: string): string => {
    const bytes = text.startsWith('-----BEGIN ') ? undefined : (decodeBase64(text) ?? noAnswer())
    if (bytes === undefined || bytes.toString('latin1').startsWith('-----BEGIN ')) return bytes === undefined ? text : bytes.toString('latin1')
    return writePem(type, bytes)
  }
  charge((certificateText.length + keyText.length) * perByte + 2 * perKey)
  const chain = blocksOf(pemOf(certificateText, 'CERTIFICATE')).filter(({ type }) => type === 'CERTIFICATE')
  const secret = blocksOf(pemOf(keyText, 'PRIVATE KEY')).find(({ type }) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'))
  const [leaf] = chain
  if (leaf === undefined || secret === undefined) return noAnswer()
  const key = privateKey(writePem(secret.type, secret.bytes))
  if (!new X509Certificate(leaf.bytes).checkPrivateKey(key)) return noAnswer()
  return objectOf({
    Certificate: chain.map(({ bytes }) => base64(bytes)),
    PrivateKey: keyObject(key),
    Leaf: certificate(onlyDer(leaf.bytes), false),
    OCSPStaple: null,
    SignedCertificateTimestamps: null,
    SupportedSignatureAlgorithms: null,
  })
}

export const x509Builtins = {
  'crypto.parse_private_keys': builtin(([text], charge) => (asText(text) === '' ? null : privateKeys(asText(text), charge).map(keyObject))),
  'crypto.x509.parse_certificate_request': builtin(([text], charge) => request(asText(text), charge)),
  'crypto.x509.parse_certificates': builtin(([text], charge) => certificates(asText(text), charge)),
  'crypto.x509.parse_keypair': builtin(([cert, key], charge) => keyPair(asText(cert), asText(key), charge)),
  'crypto.x509.parse_rsa_private_key': builtin(([operand], charge) => {
    const text = asText(operand)
    if (text === '' || (!text.startsWith(begins) && decodeBase64(text) === undefined)) return noAnswer()
    const [first] = privateKeys(text, charge)
    return first === undefined ? null : asJwk(first)
  }),
} satisfies Record<string, HostBuiltin>
