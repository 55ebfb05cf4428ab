import * as openid from 'openid-client'
import { ownClaim } from '../../claims.ts'
import type { Clock, Fetch, Json, JsonObject, Person } from '../../model.ts'
import type { Naming } from '../person.ts'
import type { Finished, ProviderTokens, Renewed, SignInProvider, Want } from '../provider.ts'
import { createClient, presetOf, type ClientSecret } from './client.ts'
import { readPerson } from './people.ts'
import type { OidcSettings } from './settings.ts'
import { openSigned, type Keys, type Opened } from './signed.ts'

export interface OidcParts {
  readonly settings: OidcSettings
  readonly secret: () => ClientSecret
  readonly naming: Naming
  readonly publicUrl: string
  readonly fetch: Fetch
  readonly keys: Keys
  readonly clock: Clock
}

type Tokens = Awaited<ReturnType<typeof openid.refreshTokenGrant>>

const no = (code: string, message: string, detail?: string): Finished => ({ ok: false, code, message, ...(detail === undefined ? {} : { detail }) })
const unavailable = (detail: string): Finished => no('provider_unavailable', 'it cannot be reached at the moment. Try again in a minute', detail)

// RFC 6749 section 5.2, OpenID Connect Core 1.0 section 3.1.2.6: the person has to do something, or may not any more.
const endings: readonly string[] = ['invalid_grant', 'interaction_required', 'login_required', 'consent_required', 'account_selection_required', 'access_denied']

/** What a library says of a fault may quote what it got: only names and codes are told. */
const nameOf = (fault: unknown): string => {
  if (fault instanceof openid.ResponseBodyError || fault instanceof openid.AuthorizationResponseError) return `${fault.name} ${wordOf(fault.error)}`
  const cause = fault instanceof Error && fault.cause instanceof Error ? ` (${fault.cause.name})` : ''
  return `${fault instanceof Error ? `${fault.name}: ${fault.message}` : typeof fault}${cause}`.slice(0, 300)
}
const wordOf = (text: unknown): string => (typeof text === 'string' && /^[a-z0-9_]{1,64}$/.test(text) ? text : 'an error')

/** A sign-in provider that speaks OpenID Connect. */
export function createOidcProvider({ settings, secret, naming, publicUrl, fetch, keys, clock }: OidcParts): SignInProvider {
  const { name } = settings
  const preset = presetOf(settings)
  const client = createClient(settings, { secret, fetch, clock })
  // An address of its own for each provider: what another one answers does not even arrive here (RFC 9700 section 4.4.2).
  const callback = `${publicUrl}/login/${name}/callback`
  const expected = { issuer: settings.issuer, audience: settings.client_id, algorithms: settings.algorithms, clock }

  /** The ID token's claims, its signature checked by keys that are fetched seldom; completed from UserInfo where the settings say so. */
  async function claimsOf(config: openid.Configuration, tokens: Tokens, known: JsonObject): Promise<Opened> {
    const opened: Opened = tokens.id_token === undefined ? { ok: true, claims: known } : await openSigned(tokens.id_token, keys, { ...expected, required: ['sub', 'exp', 'iat'] })
    if (!opened.ok || !settings.userinfo) return opened
    const said = await openid.fetchUserInfo(config, tokens.access_token, String(ownClaim(opened.claims, 'sub')))
    // Without a new ID token what it said before is the older word.
    return { ok: true, claims: (tokens.id_token === undefined ? { ...opened.claims, ...said } : { ...said, ...opened.claims }) as JsonObject }
  }

  const keptOf = (tokens: Tokens): { readonly tokens: ProviderTokens } => ({
    tokens: {
      access_token: tokens.access_token,
      ...(tokens.id_token === undefined ? {} : { id_token: tokens.id_token }),
      ...(tokens.expires_in === undefined ? {} : { expires_at: clock() + tokens.expires_in * 1000 }),
    },
  })

  async function redeem(config: openid.Configuration, query: URLSearchParams, keep: JsonObject, want: Want): Promise<Tokens | Finished> {
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
  }

  /** What the configuration or the page that sent the person here requires of how they proved who they are. */
  function isWeak(claims: JsonObject, want: Want): string | undefined {
    const [acr, amr] = [ownClaim(claims, 'acr'), ownClaim(claims, 'amr')]
    const { require } = settings
    const has = (method: string): boolean => Array.isArray(amr) && (amr as readonly Json[]).includes(method)
    if (require.acr !== undefined && !require.acr.includes(acr as string)) return 'acr'
    if (want.acr !== undefined && acr !== want.acr) return 'acr'
    return require.amr?.every(has) === false ? 'amr' : undefined
  }

  return {
    name,
    title: settings.title ?? (preset.title === '' ? name : preset.title),
    async begin(flow, want) {
      const config = await client()
      const [nonce, verifier] = [openid.randomNonce(), openid.randomPKCECodeVerifier()]
      const acr = want.acr ?? settings.require.acr?.join(' ')
      const url = openid.buildAuthorizationUrl(config, {
        ...preset.parameters,
        redirect_uri: callback, scope: (settings.scopes ?? preset.scopes).join(' '), state: flow, nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
        ...(acr === undefined ? {} : { acr_values: acr }), ...(want.maxAge === undefined ? {} : { max_age: String(want.maxAge) }),
        ...(settings.domain === undefined || settings.domain === 'any' ? {} : { hd: settings.domain }),
      })
      return { url: url.href, keep: { state: flow, nonce, verifier } }
    },
    async finish(query, keep, want) {
      let config
      try {
        config = await client()
      } catch (fault) {
        return unavailable(nameOf(fault))
      }
      const tokens = await redeem(config, query, keep, want)
      if ('ok' in tokens) return tokens as Finished // of the library's answers none has that member
      let opened
      try {
        opened = await claimsOf(config, tokens, {})
      } catch (fault) {
        return unavailable(nameOf(fault))
      }
      if (!opened.ok) return opened.isUnavailable ? unavailable(opened.why) : no('answer_refused', 'its answer is not signed as it must be, and was not accepted', opened.why)
      const { claims } = opened
      if (ownClaim(claims, 'nonce') !== keep['nonce']) return no('answer_refused', 'its answer is not what was asked for, and was not accepted. Sign in again', 'another nonce')
      const weak = isWeak(claims, want)
      if (weak !== undefined) return no('not_strong_enough', 'it did not check who you are as strongly as is required here. Sign in again with a second factor', weak)
      const read = readPerson(claims, settings, naming)
      if (!read.ok) return no(read.code, read.message)
      return { ok: true, verified: { person: read.person, ...proofOf(claims), ...keptOf(tokens), ...(tokens.refresh_token === undefined ? {} : { renewal: { refresh_token: tokens.refresh_token } }), ...(tokens.id_token === undefined ? {} : { logout: { id_token: tokens.id_token } }) } }
    },
    renew: (renewal, person) => renew(renewal, person),
    async logoutUrl(logout, returnTo) {
      const config = await client()
      if (config.serverMetadata().end_session_endpoint === undefined) return undefined
      return openid.buildEndSessionUrl(config, { id_token_hint: String(logout['id_token']), post_logout_redirect_uri: returnTo }).href
    },
  }

  async function renew(renewal: JsonObject, person: Person): Promise<Renewed> {
    // Many providers take each refresh token once: the new one must not be lost, whatever else fails.
    let next = renewal
    let tokens: Tokens
    let opened: Opened
    try {
      const config = await client()
      tokens = await openid.refreshTokenGrant(config, String(renewal['refresh_token']))
      if (tokens.refresh_token !== undefined) next = { refresh_token: tokens.refresh_token }
      opened = await claimsOf(config, tokens, { ...person.claims, sub: person.subject })
    } catch (fault) {
      if (fault instanceof openid.ResponseBodyError && endings.includes(fault.error)) return { kind: 'ended', why: `the provider answered ${wordOf(fault.error)}` }
      return { kind: 'unreachable', why: nameOf(fault), renewal: next }
    }
    if (!opened.ok) return opened.isUnavailable ? { kind: 'unreachable', why: opened.why, renewal: next } : { kind: 'ended', why: `an ID token that was refused: ${opened.why}` }
    // OpenID Connect Core 1.0 section 12.2: the same subject, or it is somebody else's.
    if (ownClaim(opened.claims, 'sub') !== person.subject) return { kind: 'ended', why: 'an ID token of somebody else' }
    const isSilent = tokens.id_token === undefined && !settings.userinfo
    const read = isSilent ? ({ ok: true, person } as const) : readPerson(opened.claims, settings, naming)
    return read.ok ? { kind: 'renewed', person: read.person, renewal: next, ...keptOf(tokens) } : { kind: 'ended', why: read.message }
  }
}

function proofOf(claims: JsonObject) {
  const [at, acr, amr, sid] = ['auth_time', 'acr', 'amr', 'sid'].map((name) => ownClaim(claims, name))
  return {
    at: typeof at === 'number' ? at * 1000 : 0,
    ...(typeof acr === 'string' ? { acr } : {}),
    ...(Array.isArray(amr) ? { amr: (amr as readonly Json[]).filter((method) => typeof method === 'string') } : {}),
    ...(typeof sid === 'string' ? { session: sid } : {}),
  }
}
