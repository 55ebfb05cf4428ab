import { claimAt } from '../claims.ts'
import type { JsonObject } from '../model.ts'
import { isPlace, placeOf } from './owner.ts'

export interface PeekOptions {
  /** The issuer of the gateway's own tokens. */
  readonly publicUrl: string
  /** Issuers that name the caller by a claim of their own choice. */
  readonly issuers: readonly { readonly issuer: string; readonly claims: { readonly subject?: string | undefined } }[]
}
/**
 * Looks at the beginning of a connection: the place of whom it claims to be from, `more` until it holds the head of a request, `nobody`
 * where that claims nothing that can be read. Nobody has verified it: it may choose a process, and nothing else.
 */
export type Peek = (bytes: Buffer) => number | 'more' | 'nobody'

/** What a worker takes as a head of a request at most; beyond it, any worker may say so. */
const longestHead = 16 * 1024
const bearer = /\r\nauthorization:[ \t]*bearer +[\w-]+\.([\w-]+)\./i

export function createPeek({ publicUrl, issuers }: PeekOptions): Peek {
  const subjectClaims = new Map(issuers.map(({ issuer, claims }) => [issuer, claims.subject]))

  function readPlace(text: string): number | 'nobody' {
    try {
      const claims = JSON.parse(text) as JsonObject
      const { iss: issuer, place, act } = claims as { readonly iss?: unknown; readonly place?: unknown; readonly act?: { readonly iss?: unknown; readonly sub?: unknown } }
      if (typeof issuer !== 'string') return 'nobody'
      // A token of the gateway names an account, and only the provider's name for its person tells where they belong: so it says the place itself.
      if (issuer === publicUrl && act === undefined && isPlace(place)) return place
      // Who acts for somebody is the caller (RFC 8693 section 4.1), under a foreign issuer by a name of its own.
      const subject = act?.sub === undefined ? claimAt(claims, subjectClaims.get(issuer) ?? 'sub') : act.iss === undefined || act.iss === issuer ? act.sub : `${String(act.iss)}#${String(act.sub)}`
      return typeof subject === 'string' ? placeOf({ issuer, subject }) : 'nobody'
    } catch {
      return 'nobody'
    }
  }

  return (bytes) => {
    const end = bytes.indexOf('\r\n\r\n')
    // What begins like no request, such as the greeting of TLS, is for a worker to refuse at once.
    if (end < 0 && /^[^A-Z\r\n]/.test(bytes.toString('latin1', 0, 1))) return 'nobody'
    if (end < 0) return bytes.length < longestHead ? 'more' : 'nobody'
    const payload = bearer.exec(bytes.toString('latin1', 0, end + 2))?.[1]
    return payload === undefined ? 'nobody' : readPlace(Buffer.from(payload, 'base64url').toString())
  }
}
