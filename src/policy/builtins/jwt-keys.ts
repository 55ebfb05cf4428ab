/** Keys that verify and sign tokens: certificates, public keys, and JWKs (RFC 7517). */
import { constants, createPrivateKey, createPublicKey, createSecretKey, sign, verify, X509Certificate, type JsonWebKey, type KeyObject } from 'node:crypto'
import { noAnswer, type Charge } from './builtin.ts'
import { readPem, writePem } from './pem.ts'

export interface TokenKey {
  readonly alg: string
  readonly kid: string
  readonly key: KeyObject
}

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'HS256', 'HS384', 'HS512', 'EdDSA'] as const
export type Algorithm = (typeof algorithms)[number]

export function isAlgorithm(name: string): name is Algorithm {
  return (algorithms as readonly string[]).includes(name)
}

const maxKeys = 100
const maxModulus = 8192
const maxSigningModulus = 4096
const keyFuel = 20_000
const verifyFuel = 100_000
const signFuel = 1_000_000
const mostKept = 50
const kept = new Map<string, readonly TokenKey[] | undefined>()

/** Undefined where the text holds no keys. What is read is charged whether or not it is remembered. */
export function verificationKeys(text: string, charge: Charge): readonly TokenKey[] | undefined {
  charge(keyFuel + text.length)
  if (!kept.has(text)) {
    if (kept.size >= mostKept) kept.clear()
    kept.set(text, readKeys(text))
  }
  const keys = kept.get(text)
  charge((keys?.length ?? 0) * keyFuel)
  return keys
}

function readKeys(text: string): readonly TokenKey[] | undefined {
  const pem = readPem(text)
  if (pem === undefined) return readJwks(text, false)?.filter(({ alg }) => alg === '' || isAlgorithm(alg))
  if (pem.rest !== '') return undefined
  const key = attempt(() => {
    if (pem.type === 'CERTIFICATE') return new X509Certificate(pem.bytes).publicKey
    return pem.type === 'PUBLIC KEY' ? createPublicKey(writePem(pem.type, pem.bytes)) : undefined
  })
  return key === undefined ? undefined : [{ alg: '', kid: '', key: bounded(key) }]
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}

function bounded(key: KeyObject): KeyObject {
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) > maxModulus) throw new Error(`a key of more than ${maxModulus} bits`)
  return key
}

/** A set or a single key; undefined when any of them is none. */
export function readJwks(text: string, secret: boolean): readonly TokenKey[] | undefined {
  const parsed: unknown = attempt(() => JSON.parse(text))
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const list: unknown = 'keys' in parsed ? parsed.keys : [parsed]
  if (!Array.isArray(list)) return undefined
  if (list.length > maxKeys) throw new Error(`more than ${maxKeys} keys`)
  const keys = list.map((jwk: JsonWebKey) => readJwk(jwk, secret))
  return keys.includes(undefined) ? undefined : (keys as TokenKey[]) // checked in this line
}

function readJwk(jwk: JsonWebKey | null, secret: boolean): TokenKey | undefined {
  if (typeof jwk !== 'object' || jwk === null) return undefined
  const text = (name: string): string => (typeof jwk[name] === 'string' ? jwk[name] : '')
  // Node's decoder passes over what is not of the alphabet, and no secret at all would sign what anybody can forge.
  if (jwk.kty === 'oct' && !/^[A-Za-z0-9_-]+$/.test(text('k'))) {
    if (/^[A-Za-z0-9_+/=-]+$/.test(text('k'))) throw new Error('a secret in another notation than RFC 7518 has it')
    return undefined
  }
  const key = attempt(() => {
    if (jwk.kty === 'oct') return createSecretKey(text('k'), 'base64url')
    if (!['RSA', 'EC', 'OKP'].includes(jwk.kty ?? '')) return undefined
    return secret && jwk.d !== undefined ? createPrivateKey({ key: jwk, format: 'jwk' }) : createPublicKey({ key: jwk, format: 'jwk' })
  })
  return key === undefined ? undefined : { alg: text('alg'), kid: text('kid'), key: bounded(key) }
}

/** Whether the signature is right; a key of another kind than the algorithm's is never. */
export function isSigned(alg: Algorithm, key: KeyObject, input: string, signature: Buffer, charge: Charge): boolean {
  charge(verifyFuel + input.length)
  const hash = `sha${alg.slice(2)}`
  const type = key.type === 'secret' ? 'oct' : key.asymmetricKeyType
  const data = Buffer.from(input)
  switch (alg.slice(0, 2)) {
    case 'RS':
      return type === 'rsa' && attempt(() => verify(hash, data, { key, padding: constants.RSA_PKCS1_PADDING }, signature)) === true
    case 'PS':
      return type === 'rsa' && attempt(() => verify(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }, signature)) === true
    case 'ES':
      return type === 'ec' && attempt(() => verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature)) === true
    default:
      return type === 'ed25519' && attempt(() => verify(null, data, key, signature)) === true
  }
}

/** Only what always gives the same signature: ECDSA and PSS take randomness. */
export function signature(alg: Algorithm, key: KeyObject, input: string, charge: Charge): Buffer {
  if (alg.startsWith('ES') || alg.startsWith('PS')) throw new Error(`${alg} signs with randomness`)
  const type = key.asymmetricKeyType
  if (key.type !== 'private' || type !== (alg === 'EdDSA' ? 'ed25519' : 'rsa')) return noAnswer()
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) > maxSigningModulus) throw new Error(`a signing key of more than ${maxSigningModulus} bits`)
  charge(signFuel)
  return attempt(() => sign(alg === 'EdDSA' ? null : `sha${alg.slice(2)}`, Buffer.from(input), key)) ?? noAnswer()
}
