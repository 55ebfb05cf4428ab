import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

export const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'HS256', 'HS384', 'HS512'] as const
export type Algorithm = (typeof algorithms)[number]

/** A key with the one algorithm that it is used with (RFC 8725 section 3.1): what a token says of itself decides nothing. */
export interface Key {
  readonly key: KeyObject | Uint8Array
  readonly algorithm: Algorithm
  readonly id?: string
}
export type KeyRead = { readonly ok: true; readonly key: Key } | { readonly ok: false; readonly found: string; readonly expected: string }

const refused = (found: string, expected: string): KeyRead => ({ ok: false, found, expected })
const leastSecret = 32
const leastModulus = 2048
const curves: Readonly<Record<string, Algorithm>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }

/** The first is what the key is used with where nothing is said, as OPA does. */
const algorithmsOf = ({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): readonly Algorithm[] => {
  if (type === 'rsa') return (details?.modulusLength ?? 0) < leastModulus ? [] : ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
  if (type === 'ed25519') return ['EdDSA']
  const algorithm = type === 'ec' ? curves[details?.namedCurve ?? ''] : undefined
  return algorithm === undefined ? [] : [algorithm]
}

const parse = (text: string, isPrivate: boolean): KeyObject | undefined => {
  try {
    if (isPrivate) return createPrivateKey(text)
    // What is meant to be known to everybody must not be the other half: OpenSSL would quietly take the public one out of it.
    if (text.includes('PRIVATE KEY')) return undefined
    return text.includes('BEGIN CERTIFICATE') ? new X509Certificate(text).publicKey : createPublicKey(text)
  } catch {
    return undefined
  }
}

const isShared = (algorithm: Algorithm | undefined): boolean => algorithm?.startsWith('HS') === true

const read = (text: string, { algorithm, id }: { readonly algorithm?: Algorithm | undefined; readonly id?: string | undefined }, isPrivate: boolean): KeyRead => {
  const named = id === undefined ? {} : { id }
  if (algorithm !== undefined && isShared(algorithm)) {
    // A public key as a secret is what everybody knows (RFC 8725 section 2.1).
    if (text.includes('-----BEGIN ')) return refused('a PEM file', `a secret, as ${algorithm} needs`)
    const key = new TextEncoder().encode(text)
    return key.length < leastSecret ? refused(`a secret of ${key.length} bytes`, `one of at least ${leastSecret}`) : { ok: true, key: { key, algorithm, ...named } }
  }
  const key = parse(text, isPrivate)
  if (key === undefined) return refused('another content', isPrivate ? 'a private key in PEM' : 'a public key or certificate in PEM')
  const possible = algorithmsOf(key)
  const chosen = algorithm ?? possible[0]
  if (chosen === undefined) return refused('a key that is too weak or of another kind', 'an RSA key of at least 2048 bits, an EC key (P-256, P-384, P-521) or an Ed25519 key')
  if (!possible.includes(chosen)) return refused(`a key for ${possible.join(', ') || 'something else'}`, `one for ${chosen}`)
  return { ok: true, key: { key, algorithm: chosen, ...named } }
}

export const readVerifyKey = (text: string, about: { readonly algorithm?: Algorithm | undefined; readonly id?: string | undefined }): KeyRead => read(text, about, false)
export const readSigningKey = (text: string, about: { readonly algorithm?: Algorithm | undefined; readonly id?: string | undefined }): KeyRead => read(text, about, true)
