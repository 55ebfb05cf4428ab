import * as openid from 'openid-client'
import { GatewayError } from '../errors.ts'
import { basicAuth, clientOf, discover, keepFound, privateKeyAuth } from '../openid.ts'
import type { CredentialSettings } from '../upstream/credential-settings.ts'
import type { Token } from './held-token.ts'
import type { CredentialParts } from './parts.ts'
import { usable } from './usable.ts'

type Settings = Extract<CredentialSettings, { kind: 'client_credentials' | 'token_exchange' | 'on_behalf_of' }>
export type Granted = openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers

/** The authorization server says no to this person, not to the gateway. */
export class GrantRefused extends Error {
  readonly code: string

  constructor(code: string) {
    super(code)
    this.code = code
  }
}

export interface TokenEndpoint {
  /** Rejects with `GrantRefused`, or `GatewayError` where it cannot be had. */
  ask(grant: (client: openid.Configuration) => Promise<Granted>): Promise<Token>
  /** The gateway's own secret there. */
  secrets(): readonly string[]
}

const usualLife = 300
/** It says no to the person, who can do something about it. */
export const ofPerson: ReadonlySet<string> = new Set(['invalid_grant', 'interaction_required', 'consent_required', 'login_required', 'access_denied', 'invalid_target'])

async function authOf(settings: Settings, value: string): Promise<openid.ClientAuth> {
  if (settings.private_key_from === undefined) return settings.client_secret_method === 'post' ? openid.ClientSecretPost(value) : basicAuth(value)
  return privateKeyAuth(value, { id: settings.private_key_id })
}

/** What the authorization server said, without anything that could be a token. */
export const whyNot = (cause: unknown): string => {
  if (cause instanceof openid.ResponseBodyError) return /^[\w.:-]{1,64}$/.test(cause.error) ? cause.error : `status ${cause.status}`
  const { code, name } = cause as { readonly code?: unknown; readonly name?: unknown }
  return String(code ?? name ?? 'fault')
}

export function createTokenEndpoint(settings: Settings, { upstream, secret: secretOf, fetch, clock, tell }: CredentialParts): TokenEndpoint {
  const secret = secretOf(settings.private_key_from === undefined ? 'client_secret' : 'private_key')
  let guard: { readonly version: number; readonly secrets: readonly string[] } | undefined

  const create = async (): Promise<openid.Configuration> => {
    const auth = await authOf(settings, secret.value())
    const { issuer, token_url: tokenUrl, client_id: id } = settings
    if (issuer !== undefined) return discover(issuer, id, auth, fetch, ['oauth2', 'oidc'])
    const at = tokenUrl ?? '' // the settings name one of both
    return clientOf({ issuer: new URL(at).origin, token_endpoint: at }, id, auth, fetch)
  }
  // What failed is not asked for again at once by whoever holds the token.
  const clientNow = keepFound({ find: create, clock, againAfter: 0, version: secret.version })
  const once = async (grant: (client: openid.Configuration) => Promise<Granted>): Promise<Token> => {
    const granted = usable(await grant(await clientNow()))
    return { value: granted.access_token, expiresAt: clock() + (granted.expires_in ?? usualLife) * 1000 }
  }
  const isOwnFault = (cause: unknown): boolean => (cause instanceof openid.ResponseBodyError && ['invalid_client', 'unauthorized_client'].includes(cause.error)) || cause instanceof openid.WWWAuthenticateChallengeError

  return {
    async ask(grant) {
      const version = secret.version()
      try {
        const token = await once(grant).catch(async (cause: unknown) => {
          if (!isOwnFault(cause) || !(await secret.renewed(version))) throw cause
          return once(grant)
        })
        tell('given')
        return token
      } catch (cause) {
        if (cause instanceof openid.ResponseBodyError && ofPerson.has(cause.error)) {
          tell('refused')
          throw new GrantRefused(cause.error)
        }
        tell('failed')
        throw new GatewayError('upstream_unreachable', { cause, detail: `no token for ${upstream} can be had: ${whyNot(cause)}` })
      }
    },
    secrets() {
      if (guard?.version !== secret.version()) guard = { version: secret.version(), secrets: settings.private_key_from === undefined ? [secret.value(), ...secret.former()] : [] }
      return guard.secrets
    },
  }
}
