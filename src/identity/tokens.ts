import { hash } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type CryptoKey, type JWTPayload } from 'jose'
import type { Clock, JsonObject, KnownActor } from '../model.ts'
import { readActor } from './claims.ts'
import { unmetClaim } from './conditions.ts'
import type { KeySource } from './keys.ts'
import { reason, type Reason } from './refusal.ts'
import type { IssuerSettings } from './settings.ts'

export interface TrustedIssuer {
  readonly settings: IssuerSettings
  readonly keys: KeySource
  /** Where the token does not say itself who it speaks for; undefined for what has ended. */
  readonly actorOf?: (claims: JsonObject) => Promise<KnownActor | undefined>
}
/** A token whose signature, issuer and times are right; for whom it is meant is asked each time. */
export interface VerifiedToken {
  readonly actor: KnownActor
  readonly issuer: IssuerSettings
  readonly audiences: readonly string[]
  readonly scopes: readonly string[]
  readonly expiresAt: number
  readonly hash: string
}
export type Verification = { readonly ok: true; readonly token: VerifiedToken } | { readonly ok: false; readonly reason: Reason }

interface Kept {
  readonly token: VerifiedToken
  readonly checkedAt: number
  readonly generation: number
  readonly keys: KeySource
  /** Milliseconds after which it is looked at anew. */
  readonly goodFor: number
}

const largestToken = 16 * 1024
const mostKept = 10_000
/** A signature is checked again after this time, so that a key that was withdrawn does not live on in the cache. */
const recheckAfter = 60_000
/** What ended in another process is noticed after this time. */
const lookUpAfter = 5_000

const refused = (code: Reason['code'], message: string): Verification => ({ ok: false, reason: reason(code, message) })
const invalid = (message: string): Verification => refused('token_invalid', message)

// Tokens made for another use must not serve as access tokens (RFC 8725 section 3.11).
const accessTypes = [undefined, 'jwt', 'at+jwt', 'application/at+jwt', 'application/jwt']
const idTokenOnly = ['nonce', 'at_hash', 'c_hash']

const decode = (token: string) => {
  try {
    return { header: decodeProtectedHeader(token), payload: decodeJwt(token) }
  } catch {
    return undefined
  }
}

const audiencesOf = ({ aud }: JWTPayload): readonly string[] => (typeof aud === 'string' ? [aud] : Array.isArray(aud) ? aud.filter(one => typeof one === 'string') : [])

/** RFC 9068 section 2.2.3; `scp` is how some say it. */
const scopesOf = ({ scope, scp }: JWTPayload): readonly string[] => {
  const given = scope ?? scp
  if (typeof given === 'string') return given.split(' ').filter(one => one !== '')
  return Array.isArray(given) ? given.filter(one => typeof one === 'string') : []
}

const sayWrong = (error: unknown, skew: number): Verification => {
  if (error instanceof errors.JWTExpired) return refused('token_expired', 'the token has expired')
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'nbf') return refused('token_not_yet_valid', `the token is not valid yet; clocks may differ by ${skew / 1000} s`)
  if (error instanceof errors.JWTClaimValidationFailed) return invalid(`the claim ${error.claim} of the token is missing or wrong`)
  return invalid('the signature of the token is wrong')
}

/** Verifies access tokens of the configured issuers (RFC 9068, RFC 8725) and remembers those that were right. */
export const createTokenVerifier = (issuers: ReadonlyMap<string, TrustedIssuer>, clock: Clock): { verify(token: string): Verification | Promise<Verification> } => {
  const kept = new Map<string, Kept>()

  const keep = (key: string, value: Kept): void => {
    kept.delete(key)
    kept.set(key, value)
    const oldest = kept.size > mostKept ? kept.keys().next().value : undefined
    if (oldest !== undefined) kept.delete(oldest)
  }

  const checkSignature = async (
    token: string,
    keys: readonly CryptoKey[],
    settings: IssuerSettings,
  ): Promise<{ readonly payload: JWTPayload } | { readonly wrong: Verification }> => {
    let wrong: Verification = invalid('the signature of the token is wrong')
    for (const key of keys) {
      try {
        const { payload } = await jwtVerify(token, key, {
          issuer: settings.issuer,
          algorithms: [...settings.algorithms],
          clockTolerance: settings.skew / 1000,
          currentDate: new Date(clock()),
          requiredClaims: ['exp', 'sub'],
        })
        return { payload }
      } catch (error) {
        wrong = sayWrong(error, settings.skew)
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) return { wrong }
      }
    }
    return { wrong }
  }

  const verifyAnew = async (token: string, digest: string): Promise<Verification> => {
    const parts = token.length > largestToken ? undefined : decode(token)
    if (parts === undefined) return invalid('the token is not a signed JSON Web Token')
    const { header, payload: claimed } = parts
    // Unverified: it only chooses whose keys are tried, and is compared again below.
    const trusted = typeof claimed.iss === 'string' ? issuers.get(claimed.iss) : undefined
    if (trusted === undefined) return refused('issuer_unknown', 'the issuer of the token is not known here')
    const { settings, keys, actorOf } = trusted
    if (!(settings.algorithms as readonly (string | undefined)[]).includes(header.alg)) return invalid('the token is not signed with an algorithm that is accepted from its issuer')
    if (!accessTypes.includes(typeof header.typ === 'string' ? header.typ.toLowerCase() : header.typ)) return invalid('the token is of a type that is not for access')
    // RFC 9068 section 2.1: the gateway marks its own.
    if (actorOf !== undefined && !/at\+jwt$/i.test(header.typ ?? '')) return invalid('the token is of a type that is not for access')
    const [protectedPart = '', payloadPart = '', signature = ''] = token.split('.')
    const found = await keys.find(header as { alg: string }, { protected: protectedPart, payload: payloadPart, signature })
    if (found.kind === 'unavailable') return refused('keys_unavailable', 'the keys of the issuer cannot be had at the moment; try again')
    if (found.kind === 'none') return invalid('the token is signed with a key that its issuer does not have')
    const generation = keys.generation()
    const checked = await checkSignature(token, found.keys, settings)
    return 'wrong' in checked ? checked.wrong : accept(checked.payload, header.typ, trusted, digest, generation)
  }

  const accept = async (payload: JWTPayload, typ: string | undefined, { settings, keys, actorOf }: TrustedIssuer, digest: string, generation: number): Promise<Verification> => {
    const { exp, iat } = payload
    if (typeof exp !== 'number' || !Number.isFinite(exp)) return invalid('the claim exp of the token is missing or wrong')
    if (iat !== undefined && iat * 1000 > clock() + settings.skew) return refused('token_not_yet_valid', 'the token was issued in the future')
    if (!/at\+jwt$/i.test(typ ?? '') && idTokenOnly.some(claim => Object.hasOwn(payload, claim))) return invalid('the token is an ID token; an access token is needed')
    // RFC 9449 section 7.2: a token bound to a key is worth nothing without the proof, which is not asked for here.
    if (Object.hasOwn(payload, 'cnf')) return invalid('the token is bound to a key and cannot be used as a bearer token')
    const unmet = unmetClaim(payload as JsonObject, settings.require ?? {})
    if (unmet !== undefined) return refused('claim_refused', `the claim ${unmet} of the token is not what is required of tokens of its issuer here`)
    const checkedAt = clock()
    const actor = actorOf === undefined ? readActor(payload as JsonObject, settings) : await actorOf(payload as JsonObject)
    if (actor === undefined) return invalid(actorOf === undefined ? 'the token does not name one subject' : 'what the token stands on has ended: sign in again')
    const token: VerifiedToken = { actor, issuer: settings, audiences: audiencesOf(payload), scopes: scopesOf(payload), expiresAt: exp * 1000, hash: digest }
    keep(digest, { token, checkedAt, generation, keys, goodFor: actorOf === undefined ? recheckAfter : lookUpAfter })
    return { ok: true, token }
  }

  return {
    /** At once where it is remembered. */
    verify(token) {
      const digest = hash('sha256', token, 'hex')
      const known = kept.get(digest)
      const now = clock()
      if (known !== undefined) {
        const { token: verified, checkedAt, generation, keys, goodFor } = known
        if (now >= verified.expiresAt + verified.issuer.skew) {
          kept.delete(digest)
          return refused('token_expired', 'the token has expired')
        }
        if (generation === keys.generation() && Math.abs(now - checkedAt) < goodFor) return { ok: true, token: verified }
        kept.delete(digest)
      }
      return verifyAnew(token, digest)
    },
  }
}
