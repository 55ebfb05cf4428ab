import * as openid from 'openid-client'
import { ownClaim } from '../../claims.ts'
import type { Clock, Json, JsonObject } from '../../model.ts'
import type { Finished, ProviderTokens, Want } from '../provider.ts'
import type { OidcSettings } from './settings.ts'
import { openSigned, type Keys, type Opened } from './signed.ts'

export interface AnswersParts {
  readonly settings: OidcSettings
  /** Where the provider sends people back to. */
  readonly callback: string
  readonly keys: Keys
  readonly clock: Clock
}
export type Tokens = Awaited<ReturnType<typeof openid.refreshTokenGrant>>

/** What a provider answers, believed as far as it was checked. */
export interface Answers {
  /** The code becomes tokens, or a reason why not. */
  redeem(config: openid.Configuration, query: URLSearchParams, keep: JsonObject, want: Want): Promise<Tokens | Finished>
  /** The ID token's claims, its signature checked by keys that are fetched seldom; completed from UserInfo where the settings say so. */
  claimsOf(config: openid.Configuration, tokens: Tokens, known: JsonObject): Promise<Opened>
}

export const no = (code: string, message: string, detail?: string): Finished => ({ ok: false, code, message, ...(detail === undefined ? {} : { detail }) })
export const unavailable = (detail: string): Finished => no('provider_unavailable', 'it cannot be reached at the moment. Try again in a minute', detail)

/** What a library says of a fault may quote what it got: only names and codes are told. */
export const nameOf = (fault: unknown): string => {
  if (fault instanceof openid.ResponseBodyError || fault instanceof openid.AuthorizationResponseError) return `${fault.name} ${wordOf(fault.error)}`
  const cause = fault instanceof Error && fault.cause instanceof Error ? ` (${fault.cause.name})` : ''
  return `${fault instanceof Error ? `${fault.name}: ${fault.message}` : typeof fault}${cause}`.slice(0, 300)
}
export const wordOf = (text: unknown): string => (typeof text === 'string' && /^[a-z0-9_]{1,64}$/.test(text) ? text : 'an error')

export function createAnswers({ settings, callback, keys, clock }: AnswersParts): Answers {
  const expected = { issuer: settings.issuer, audience: settings.client_id, algorithms: settings.algorithms, clock }
  return {
    async redeem(config, query, keep, want) {
      try {
        return await openid.authorizationCodeGrant(config, new URL(`${callback}?${query}`), {
          expectedState: String(keep['state']), expectedNonce: String(keep['nonce']), pkceCodeVerifier: String(keep['verifier']), idTokenExpected: true,
          ...(want.maxAge === undefined ? {} : { maxAge: want.maxAge }),
        })
      } catch (fault) {
        if (fault instanceof openid.AuthorizationResponseError) return no('provider_refused', `it did not sign you in (${wordOf(fault.error)})`, nameOf(fault))
        if (fault instanceof openid.ResponseBodyError && fault.error === 'invalid_grant') return no('answer_refused', 'its answer was used before, or is too old. Sign in again', nameOf(fault))
        if (fault instanceof openid.ResponseBodyError) return no('provider_refused', 'it does not accept the gateway as its client. Tell whoever runs the gateway', nameOf(fault))
        // What is wrong with an answer; everything else is that there was none.
        return fault instanceof openid.ClientError && fault.code !== 'OAUTH_TIMEOUT' ? no('answer_refused', 'its answer is not what was asked for, and was not accepted. Sign in again', nameOf(fault)) : unavailable(nameOf(fault))
      }
    },

    async claimsOf(config, tokens, known) {
      const opened: Opened = tokens.id_token === undefined ? { ok: true, claims: known } : await openSigned(tokens.id_token, keys, { ...expected, required: ['sub', 'exp', 'iat'] })
      if (!opened.ok || !settings.userinfo) return opened
      const said = await openid.fetchUserInfo(config, tokens.access_token, String(ownClaim(opened.claims, 'sub')))
      // Without a new ID token what it said before is the older word.
      return { ok: true, claims: (tokens.id_token === undefined ? { ...opened.claims, ...said } : { ...said, ...opened.claims }) as JsonObject }
    },
  }
}

/** What the configuration or the page that sent the person here requires of how they proved who they are. */
export function isWeak({ require }: OidcSettings, claims: JsonObject, want: Want): string | undefined {
  const [acr, amr] = [ownClaim(claims, 'acr'), ownClaim(claims, 'amr')]
  const has = (method: string): boolean => Array.isArray(amr) && (amr as readonly Json[]).includes(method)
  if (require.acr !== undefined && !require.acr.includes(acr as string)) return 'acr'
  if (want.acr !== undefined && acr !== want.acr) return 'acr'
  return require.amr?.every(has) === false ? 'amr' : undefined
}

/** How and when they proved who they are. */
export function proofOf(claims: JsonObject) {
  const [at, acr, amr, sid] = ['auth_time', 'acr', 'amr', 'sid'].map((name) => ownClaim(claims, name))
  return {
    at: typeof at === 'number' ? at * 1000 : 0,
    ...(typeof acr === 'string' ? { acr } : {}),
    ...(Array.isArray(amr) ? { amr: (amr as readonly Json[]).filter((method) => typeof method === 'string') } : {}),
    ...(typeof sid === 'string' ? { session: sid } : {}),
  }
}

export const keptOf = (tokens: Tokens, clock: Clock): { readonly tokens: ProviderTokens } => ({
  tokens: {
    access_token: tokens.access_token,
    ...(tokens.id_token === undefined ? {} : { id_token: tokens.id_token }),
    ...(tokens.expires_in === undefined ? {} : { expires_at: clock() + tokens.expires_in * 1000 }),
  },
})
