import * as openid from 'openid-client'
import { ownClaim } from '../../claims.ts'
import type { Clock, JsonObject, Person } from '../../model.ts'
import type { Naming } from '../person.ts'
import type { Renewed } from '../provider.ts'
import { keptOf, nameOf, wordOf, type Answers, type Tokens } from './answers.ts'
import { readPerson } from './people.ts'
import type { OidcSettings } from './settings.ts'
import type { Opened } from './signed.ts'

export interface RenewingParts {
  readonly settings: OidcSettings
  readonly naming: Naming
  readonly client: () => Promise<openid.Configuration>
  readonly answers: Answers
  readonly clock: Clock
}

// RFC 6749 section 5.2, OpenID Connect Core 1.0 section 3.1.2.6: the person has to do something, or may not any more.
const endings: readonly string[] = ['invalid_grant', 'interaction_required', 'login_required', 'consent_required', 'account_selection_required', 'access_denied']

/** Whether somebody may go on, and who they are by now. */
export const createRenewing = ({ settings, naming, client, answers, clock }: RenewingParts) =>
  async (renewal: JsonObject, person: Person): Promise<Renewed> => {
    // Many providers take each refresh token once: the new one must not be lost, whatever else fails.
    let next = renewal
    let tokens: Tokens
    let opened: Opened
    try {
      const config = await client()
      tokens = await openid.refreshTokenGrant(config, String(renewal['refresh_token']))
      if (tokens.refresh_token !== undefined) next = { refresh_token: tokens.refresh_token }
      opened = await answers.claimsOf(config, tokens, { ...person.claims, sub: person.subject })
    } catch (fault) {
      if (fault instanceof openid.ResponseBodyError && endings.includes(fault.error)) return { kind: 'ended', why: `the provider answered ${wordOf(fault.error)}` }
      return { kind: 'unreachable', why: nameOf(fault), renewal: next }
    }
    if (!opened.ok) return opened.isUnavailable ? { kind: 'unreachable', why: opened.why, renewal: next } : { kind: 'ended', why: `an ID token that was refused: ${opened.why}` }
    // OpenID Connect Core 1.0 section 12.2: the same subject, or it is somebody else's.
    if (ownClaim(opened.claims, 'sub') !== person.subject) return { kind: 'ended', why: 'an ID token of somebody else' }
    const isSilent = tokens.id_token === undefined && !settings.userinfo
    const read = isSilent ? ({ ok: true, person } as const) : readPerson(opened.claims, settings, naming)
    return read.ok ? { kind: 'renewed', person: read.person, renewal: next, ...keptOf(tokens, clock) } : { kind: 'ended', why: read.message }
  }
