/** Keys that verify and sign tokens: certificates, public keys, and JWKs. */
import { constants, createHmac, createPublicKey, sign, verify, X509Certificate, type KeyObject } from 'node:crypto'
import { noAnswer, type Charge } from './builtin.ts'
import { attempt, bounded, readJwks, type TokenKey } from './jwk.ts'
import { readPem, writePem } from './pem.ts'

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'HS256', 'HS384', 'HS512', 'EdDSA'] as const
export type Algorithm = (typeof algorithms)[number]

export function isAlgorithm(name: string): name is Algorithm {
  return (algorithms as readonly string[]).includes(name)
}

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
  if (pem.rest !== '' || (pem.type !== 'CERTIFICATE' && pem.type !== 'PUBLIC KEY')) return undefined
  const ofCertificate = pem.type === 'CERTIFICATE'
  const key = attempt(() => (ofCertificate ? new X509Certificate(pem.bytes).publicKey : createPublicKey(writePem(pem.type, pem.bytes))))
  // A certificate may be for a key that Go does not know: such a key verifies nothing.
  if (key === undefined || !(isKnown(key) || (ofCertificate && key.asymmetricKeyType !== 'ec'))) return undefined
  return [{ alg: '', kid: '', key: bounded(key), isPrivate: false }]
}

const goCurves = ['secp224r1', 'prime256v1', 'secp384r1', 'secp521r1']

/** Whether Go has this kind of key. */
export function isKnown({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): boolean {
  return type === 'ec' ? goCurves.includes(details?.namedCurve ?? '') : ['rsa', 'ed25519', 'x25519', 'dsa'].includes(type ?? '')
}

/** How the builtins differ: those for one algorithm take PSS with any salt and halves of any length, and no private key. */
export type Strictness = 'loose' | 'strict'

/** Whether the signature is right; a key of another kind than the algorithm's is never. */
export function isSigned(alg: Algorithm, { key, isPrivate }: TokenKey, input: string, signature: Buffer, how: Strictness, charge: Charge): boolean {
  charge(verifyFuel + input.length)
  const hash = `sha${alg.slice(2)}`
  const type = key.type === 'secret' ? 'oct' : key.asymmetricKeyType
  const data = Buffer.from(input)
  if (how === 'loose' && isPrivate) return false
  switch (alg.slice(0, 2)) {
    case 'HS':
      return type === 'oct' && signature.equals(createHmac(hash, key).update(data).digest())
    case 'RS':
      return isFor(key, signature) && attempt(() => verify(hash, data, { key, padding: constants.RSA_PKCS1_PADDING }, signature)) === true
    case 'PS': {
      const saltLength = how === 'loose' ? constants.RSA_PSS_SALTLEN_AUTO : constants.RSA_PSS_SALTLEN_DIGEST
      return isFor(key, signature) && attempt(() => verify(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)) === true
    }
    case 'ES':
      return type === 'ec' && attempt(() => verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, how === 'loose' ? asHalves(signature, key) : signature)) === true
    default:
      return type === 'ed25519' && attempt(() => verify(null, data, key, signature)) === true
  }
}

/** Go takes no shorter ones. */
const leastModulus = 1024
const bitsOf = ({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): number => (type === 'rsa' ? (details?.modulusLength ?? 0) : 0)
const isFor = (key: KeyObject, signature: Buffer): boolean => bitsOf(key) >= leastModulus && signature.length === Math.ceil(bitsOf(key) / 8)

const halves: Readonly<Record<string, number>> = { secp224r1: 28, prime256v1: 32, secp384r1: 48, secp521r1: 66 }

/** Two numbers of half the length each, whatever zeros stand before them. */
function asHalves(signature: Buffer, key: KeyObject): Buffer {
  const length = halves[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 0
  const middle = Math.floor(signature.length / 2)
  const fitted = [signature.subarray(0, middle), signature.subarray(middle)].map((half) => {
    const digits = half.subarray(half.findIndex((byte) => byte !== 0))
    return Buffer.concat([Buffer.alloc(Math.max(0, length - digits.length)), digits])
  })
  return Buffer.concat(fitted)
}

/** Only what always gives the same signature: ECDSA and PSS take randomness. */
export function signature(alg: Algorithm, key: KeyObject, input: string, charge: Charge): Buffer {
  if (alg.startsWith('ES') || alg.startsWith('PS')) throw new Error(`${alg} signs with randomness`)
  const type = key.asymmetricKeyType
  if (key.type !== 'private' || type !== (alg === 'EdDSA' ? 'ed25519' : 'rsa')) return noAnswer()
  if (type === 'rsa' && bitsOf(key) < leastModulus) return noAnswer()
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) > maxSigningModulus) throw new Error(`a signing key of more than ${maxSigningModulus} bits`)
  charge(signFuel)
  return attempt(() => sign(alg === 'EdDSA' ? null : `sha${alg.slice(2)}`, Buffer.from(input), key)) ?? noAnswer()
}
