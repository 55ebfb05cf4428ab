/** JSON Web Keys (RFC 7517), as strictly and as loosely as OPA's own evaluator reads them. */
import { createPrivateKey, createPublicKey, createSecretKey, X509Certificate, type JsonWebKey, type KeyObject } from 'node:crypto'
import { decodeBase64 } from './base64.ts'

export interface TokenKey {
  readonly alg: string
  readonly kid: string
  readonly key: KeyObject
  /** Whether the private half was given too. */
  readonly isPrivate: boolean
}
type Members = Readonly<Record<string, unknown>>

const maxKeys = 100
const maxModulus = 8192
const curves: Readonly<Record<string, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66, Ed25519: 32, X25519: 32 }
/** Every algorithm that has a name there; a key for one that signs nothing is passed over later. */
const algorithms = new Set(
  ('ES256 ES256K ES384 ES512 Ed25519 EdDSA HS256 HS384 HS512 PS256 PS384 PS512 RS256 RS384 RS512 none A128GCMKW A128KW A192GCMKW A192KW A256GCMKW A256KW ECDH-ES ' +
    'ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW PBES2-HS256+A128KW PBES2-HS384+A192KW PBES2-HS512+A256KW RSA-OAEP RSA-OAEP-256 RSA-OAEP-384 RSA-OAEP-512 RSA1_5 dir ' +
    'A128CBC-HS256 A128GCM A192CBC-HS384 A192GCM A256CBC-HS512 A256GCM').split(' '),
)

/** A set or a single key; undefined when any of them is none. `secret` asks for the private half where there is one. */
export function readJwks(text: string, secret: boolean): readonly TokenKey[] | undefined {
  const parsed = parse(text)
  if (!isMembers(parsed)) return undefined
  const list: unknown = 'keys' in parsed ? parsed['keys'] : [parsed]
  if (!Array.isArray(list)) return undefined
  if (list.length > maxKeys) throw new Error(`more than ${maxKeys} keys`)
  const keys = list.map((jwk: unknown) => (isMembers(jwk) ? readJwk(jwk, secret) : undefined))
  return keys.includes(undefined) ? undefined : (keys as TokenKey[]) // checked in this line
}

const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

const names = new Set(['kty', 'n', 'e', 'd', 'x', 'y', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'crv', 'alg', 'kid', 'use', 'keys', 'key_ops', 'x5c', 'x5u', 'x5t', 'x5t#s256'])

/** Of a name that stands twice, or in capitals, Go's readers make now this, now that. */
function parse(text: string): unknown {
  const parsed = attempt<unknown>(() => JSON.parse(text))
  if (parsed === undefined && /^[ \t\r\n]*\{/.test(text) && /\}\s*[^\s,}\]]/.test(text)) throw new Error('a key with something behind it')
  if (parsed === undefined) return undefined
  let written = 0
  for (const [, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) if (colon !== undefined) written += 1
  if (membersIn(parsed) !== written) throw new Error('a key with a name that stands twice')
  return parsed
}

function membersIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const own = Array.isArray(value) ? [] : Object.keys(value)
  if (own.some((name) => !names.has(name) && name !== 'x5t#S256' && names.has(name.toLowerCase()))) throw new Error('a key with names in capitals')
  return Object.values(value).reduce((sum: number, inner) => sum + membersIn(inner), own.length)
}

export function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}

export function bounded(key: KeyObject): KeyObject {
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) > maxModulus) throw new Error(`a key of more than ${maxModulus} bits`)
  return key
}

function readJwk(jwk: Members, secret: boolean): TokenKey | undefined {
  const { alg, kid } = jwk
  const isText = (name: string): boolean => jwk[name] === undefined || jwk[name] === null || typeof jwk[name] === 'string'
  if (!['kid', 'use', 'x5t', 'x5t#S256', 'x5u'].every(isText) || !hasOperations(jwk['key_ops']) || !hasCertificates(jwk['x5c'])) return undefined
  if (alg !== undefined && (typeof alg !== 'string' || !algorithms.has(alg))) return undefined
  const isPrivate = jwk['kty'] !== 'oct' && jwk['d'] !== undefined
  const key = attempt(() => keyOf(jwk, isPrivate, secret))
  return key === undefined ? undefined : { alg: typeof alg === 'string' ? alg : '', kid: typeof kid === 'string' ? kid : '', key: bounded(key), isPrivate }
}

const hasOperations = (value: unknown): boolean => value === undefined || value === null || (Array.isArray(value) && value.every((one) => typeof one === 'string'))

function hasCertificates(value: unknown): boolean {
  if (value === undefined) return true
  return Array.isArray(value) && value.every((one) => typeof one === 'string' && attempt(() => new X509Certificate(decodeBase64(one) ?? Buffer.alloc(0))) !== undefined)
}

function keyOf(jwk: Members, isPrivate: boolean, secret: boolean): KeyObject | undefined {
  const part = (name: string): Buffer => bytesOf(jwk[name]) ?? fail()
  const written = (name: string): string => part(name).toString('base64url')
  const { kty, crv } = jwk
  if (kty === 'oct') return createSecretKey(part('k'))
  if (kty === 'RSA') {
    const half = { kty, n: written('n'), e: written('e') }
    if (!isOdd(part('e')) || part('n').every((byte) => byte === 0)) return undefined
    if (!isPrivate) return ofJwk(half)
    const [d, p, q] = [part('d'), part('p'), part('q')].map(bigOf) as [bigint, bigint, bigint] // three parts
    return secret ? ofJwk({ ...half, ...privateHalf(bigOf(part('n')), bigOf(part('e')), d, p, q, (name) => (jwk[name] === undefined ? undefined : bigOf(part(name)))) }) : ofJwk(half)
  }
  const size = typeof crv === 'string' ? curves[crv] : undefined
  const names = kty === 'EC' ? ['x', 'y'] : ['x']
  if (size === undefined || (kty !== 'EC' && kty !== 'OKP') || (kty === 'EC') !== String(crv).startsWith('P-')) return undefined
  if ([...names, ...(isPrivate ? ['d'] : [])].some((name) => part(name).length !== size)) return undefined
  const half: JsonWebKey = { kty, crv: String(crv), ...Object.fromEntries(names.map((name) => [name, written(name)])) }
  if (!isPrivate) return ofJwk(half)
  const whole = ofJwk({ ...half, d: written('d') })
  if (kty === 'OKP' && createPublicKey(whole).export({ format: 'jwk' }).x !== half.x) return undefined
  return secret ? whole : ofJwk(half)
}

/** What Go would work out, and finds wrong where another was given. */
function privateHalf(n: bigint, e: bigint, d: bigint, p: bigint, q: bigint, given: (name: string) => bigint | undefined): JsonWebKey {
  if (p < 2n || q < 2n || p * q !== n || (d * e) % (p - 1n) !== 1n || (d * e) % (q - 1n) !== 1n) fail()
  const found = { dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q % p, p) }
  for (const [name, value] of Object.entries(found)) if ((given(name) ?? value) !== value) fail()
  return Object.fromEntries(Object.entries({ d, p, q, ...found }).map(([name, value]) => [name, textOf(value)]))
}

/** By the extended algorithm of Euclid. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value, modulus, 1n, 0n]
  while (b > 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y]
  return a === 1n ? ((x % modulus) + modulus) % modulus : fail()
}

const bigOf = (bytes: Buffer): bigint => BigInt(`0x0${bytes.toString('hex')}`)
function textOf(value: bigint): string {
  const digits = value.toString(16)
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex').toString('base64url')
}

const ofJwk = (key: JsonWebKey): KeyObject => (key.d === undefined ? createPublicKey({ key, format: 'jwk' }) : createPrivateKey({ key, format: 'jwk' }))
const isOdd = (bytes: Buffer): boolean => bytes.length > 0 && (bytes.at(-1) ?? 0) % 2 === 1

function fail(): never {
  throw new Error('no key')
}

/** Base 64 of either alphabet, padded or not, and never nothing. */
function bytesOf(text: unknown): Buffer | undefined {
  if (typeof text !== 'string') return undefined
  const bare = text.replace(/[\r\n]/g, '')
  const shape = /[+/]/.test(text) ? /^[A-Za-z0-9+/]+(={0,2})$/ : /^[A-Za-z0-9_-]+(={0,2})$/
  const padding = shape.exec(bare)?.[1]
  if (padding === undefined || (padding === '' ? bare.length % 4 === 1 : bare.length % 4 !== 0)) return undefined
  return Buffer.from(bare, 'base64')
}
