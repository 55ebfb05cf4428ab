import { decodeProtectedHeader, errors, jwtVerify, type CryptoKey, type FlattenedJWSInput, type JWSHeaderParameters, type JWTVerifyOptions } from 'jose'
import type { Clock, JsonObject } from '../../model.ts'

/** An issuer's keys: fetched seldom, however many tokens name a key that it does not have. */
export interface Keys {
  find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<{ readonly kind: 'keys'; readonly keys: readonly CryptoKey[] } | { readonly kind: 'none' } | { readonly kind: 'unavailable' }>
}
export type Opened = { readonly ok: true; readonly claims: JsonObject } | { readonly ok: false; readonly why: string; readonly isUnavailable: boolean }

const no = (why: string, isUnavailable = false): Opened => ({ ok: false, why, isUnavailable })
const largest = 64 * 1024

export interface Expected {
  readonly issuer: string
  readonly audience: string
  readonly algorithms: readonly string[]
  readonly clock: Clock
  readonly required: readonly string[]
  /** Seconds. */
  readonly maxAge?: number
}

/** Clocks of providers may be off by so many seconds. */
const tolerance = 30

/** What a provider signed for this client, and nothing of it before the signature is right. */
export async function openSigned(token: string, keys: Keys, { issuer, audience, algorithms, clock, required, maxAge }: Expected): Promise<Opened> {
  if (token.length > largest) return no('a token that is too large')
  const [head = '', payload = '', signature = '', ...more] = token.split('.')
  if (more.length > 0 || signature === '') return no('not a signed JSON Web Token')
  let header: JWSHeaderParameters
  try {
    header = decodeProtectedHeader(token)
  } catch {
    return no('not a signed JSON Web Token')
  }
  if (header.alg === undefined || !algorithms.includes(header.alg)) return no('signed with an algorithm that is not accepted from this provider')
  const found = await keys.find(header, { protected: head, payload, signature })
  if (found.kind === 'unavailable') return no('the keys of the provider cannot be had', true)
  if (found.kind === 'none') return no('signed with a key that the provider does not have')
  const options: JWTVerifyOptions = { issuer, audience, algorithms: [...algorithms], clockTolerance: tolerance, currentDate: new Date(clock()), requiredClaims: [...required], ...(maxAge === undefined ? {} : { maxTokenAge: maxAge }) }
  let why = 'a signature that is wrong'
  for (const key of found.keys) {
    try {
      return { ok: true, claims: (await jwtVerify(token, key, options)).payload as JsonObject }
    } catch (error) {
      why = error instanceof errors.JWTExpired ? 'expired' : error instanceof errors.JWTClaimValidationFailed ? `the claim ${error.claim} is missing or wrong` : why
    }
  }
  return no(why)
}
