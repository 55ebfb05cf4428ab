import * as openid from 'openid-client'
import { ownClaim } from '../../claims.ts'
import type { Clock, Fetch } from '../../model.ts'
import type { Naming } from '../person.ts'
import type { Finished, SignInProvider } from '../provider.ts'
import { createAnswers, isWeak, keptOf, nameOf, no, proofOf, unavailable } from './answers.ts'
import { createClient, presetOf, type ClientSecret } from './client.ts'
import { readPerson } from './people.ts'
import { createRenewing } from './renew.ts'
import type { OidcSettings } from './settings.ts'
import type { Keys } from './signed.ts'

export interface OidcParts {
  readonly settings: OidcSettings
  readonly secret: () => ClientSecret
  readonly naming: Naming
  readonly publicUrl: string
  readonly fetch: Fetch
  readonly keys: Keys
  readonly clock: Clock
}

/** A sign-in provider that speaks OpenID Connect. */
export function createOidcProvider({ settings, secret, naming, publicUrl, fetch, keys, clock }: OidcParts): SignInProvider {
  const { name } = settings
  const preset = presetOf(settings)
  const client = createClient(settings, { secret, fetch, clock })
  // An address of its own for each provider: what another one answers does not even arrive here (RFC 9700 section 4.4.2).
  const callback = `${publicUrl}/login/${name}/callback`
  const answers = createAnswers({ settings, callback, keys, clock })

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
      const tokens = await answers.redeem(config, query, keep, want)
      if ('ok' in tokens) return tokens as Finished // of the library's answers none has that member
      let opened
      try {
        opened = await answers.claimsOf(config, tokens, {})
      } catch (fault) {
        return unavailable(nameOf(fault))
      }
      if (!opened.ok) return opened.isUnavailable ? unavailable(opened.why) : no('answer_refused', 'its answer is not signed as it must be, and was not accepted', opened.why)
      const { claims } = opened
      if (ownClaim(claims, 'nonce') !== keep['nonce']) return no('answer_refused', 'its answer is not what was asked for, and was not accepted. Sign in again', 'another nonce')
      const weak = isWeak(settings, claims, want)
      if (weak !== undefined) return no('not_strong_enough', 'it did not check who you are as strongly as is required here. Sign in again with a second factor', weak)
      const read = readPerson(claims, settings, naming)
      if (!read.ok) return no(read.code, read.message)
      return { ok: true, verified: { person: read.person, ...proofOf(claims), ...keptOf(tokens, clock), ...(tokens.refresh_token === undefined ? {} : { renewal: { refresh_token: tokens.refresh_token } }), ...(tokens.id_token === undefined ? {} : { logout: { id_token: tokens.id_token } }) } }
    },
    renew: createRenewing({ settings, naming, client, answers, clock }),
    async logoutUrl(logout, returnTo) {
      const config = await client()
      if (config.serverMetadata().end_session_endpoint === undefined) return undefined
      return openid.buildEndSessionUrl(config, { id_token_hint: String(logout['id_token']), post_logout_redirect_uri: returnTo }).href
    },
  }
}
