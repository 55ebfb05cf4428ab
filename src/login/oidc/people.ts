import { claimAt, groupsAt, isSubject, ownClaim } from '../../claims.ts'
import type { JsonObject, Person } from '../../model.ts'
import { personOf, type Naming } from '../person.ts'
import { plain, presets } from './presets.ts'
import type { OidcSettings } from './settings.ts'

export type Read = { readonly ok: true; readonly person: Person } | { readonly ok: false; readonly code: string; readonly message: string }

const no = (code: string, message: string): Read => ({ ok: false, code, message })

/** Claims that say nothing about the person, or are of this one answer only. */
const ofTheToken = new Set(['nonce', 'at_hash', 'c_hash', 's_hash', 'exp', 'iat', 'nbf', 'jti', 'sid', 'session_state', 'rh', 'uti', 'aio', 'auth_time'])

export function readPerson(claims: JsonObject, settings: OidcSettings, naming: Naming): Read {
  const subject = ownClaim(claims, 'sub')
  if (!isSubject(subject)) return no('subject_missing', 'it does not name one subject')
  // RFC 8693 section 4.1: then somebody else acts, and it is not they who sat there.
  if (ownClaim(claims, 'act') !== undefined) return no('acted_for', 'it speaks for somebody who acts for another')
  const refusal = checkPreset(claims, settings)
  if (refusal !== undefined) return refusal
  const path = settings.claims.groups ?? (settings.preset === undefined ? plain : presets[settings.preset]).groups
  const groups = path === undefined ? 'unknown' : groupsAt(claims, path)
  const email = emailOf(claims, settings)
  const shown = Object.fromEntries(Object.entries(claims).filter(([name]) => !ofTheToken.has(name)))
  return {
    ok: true,
    person: personOf({
      issuer: settings.issuer, subject, claims: shown,
      // Nothing said of groups is not the same as none: a rule that denies a group would let everybody through.
      groups: typeof groups === 'string' || isCutOff(groups, settings) ? undefined : groups,
      ...(email === undefined ? {} : { email }),
    }, naming),
  }
}

// Okta's functions for groups, such as `Groups.startsWith`, list a hundred at most, and nothing in the token says that there are more.
const isCutOff = ({ length }: readonly string[], { preset }: OidcSettings): boolean => preset === 'okta' && length === 100

/** What a provider says beside the standard, and that decides who may come in. */
function checkPreset(claims: JsonObject, { preset, issuer, domain }: OidcSettings): Read | undefined {
  if (preset === 'google' && domain !== 'any' && ownClaim(claims, 'hd') !== domain) return no('domain_refused', `it is not an account of ${domain ?? 'the domain that may sign in here'}`)
  if (preset !== 'entra') return undefined
  const tenant = ownClaim(claims, 'tid')
  // A tenant's guest keeps the tenant of the resource in `tid`; a token of another tenant has no business under this issuer.
  if (typeof tenant !== 'string' || !new URL(issuer).pathname.split('/').includes(tenant)) return no('tenant_refused', 'it is of another tenant than the one that may sign in here')
  return isSubject(ownClaim(claims, 'oid')) ? undefined : no('subject_missing', 'it does not name one person of the tenant')
}

function emailOf(claims: JsonObject, { claims: paths, preset }: OidcSettings): string | undefined {
  const email = claimAt(claims, paths.email)
  // Entra ID says it by a claim of its own ("xms_edov": the domain's owner verified it).
  const owned = preset === 'entra' && [true, 1, '1', 'true'].includes(ownClaim(claims, 'xms_edov') as string)
  return typeof email === 'string' && email !== '' && (ownClaim(claims, 'email_verified') === true || owned) ? email : undefined
}
