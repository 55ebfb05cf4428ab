import * as openid from 'openid-client'
import type { Clock, Fetch } from '../../model.ts'
import { basicAuth, discover, keepFound, privateKeyAuth } from '../../openid.ts'
import { plain, presets, type Preset } from './presets.ts'
import type { OidcSettings } from './settings.ts'

/** The client's own secret, or its key. */
export type ClientSecret = { readonly secret: string } | { readonly privateKey: string }

const againAfter = 5_000

export const presetOf = ({ preset }: OidcSettings): Preset => (preset === undefined ? plain : presets[preset])

async function authOf(settings: OidcSettings, secret: ClientSecret): Promise<openid.ClientAuth> {
  if ('secret' in secret) return (settings.client_secret_method ?? presetOf(settings).secret_method) === 'basic' ? basicAuth(secret.secret) : openid.ClientSecretPost(secret.secret)
  return privateKeyAuth(secret.privateKey, { id: settings.private_key_id, algorithm: settings.private_key_algorithm })
}

/** The gateway as a client of one provider: discovered when first needed, one discovery at a time. */
export function createClient(settings: OidcSettings, deps: { readonly secret: () => ClientSecret; readonly fetch: Fetch; readonly clock: Clock }): () => Promise<openid.Configuration> {
  const find = async () => discover(settings.issuer, settings.client_id, await authOf(settings, deps.secret()), deps.fetch, ['oidc'])
  return keepFound({ find, clock: deps.clock, againAfter, mayBeOld: true })
}
