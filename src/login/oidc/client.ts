import * as openid from 'openid-client'
import type { Clock, Fetch } from '../../model.ts'
import { basicAuth, discover, privateKeyAuth } from '../../openid.ts'
import { plain, presets, type Preset } from './presets.ts'
import type { OidcSettings } from './settings.ts'

/** The client's own secret, or its key. */
export type ClientSecret = { readonly secret: string } | { readonly privateKey: string }

/** What a provider says of itself is asked for again after that. */
const goodFor = 60 * 60_000
const againAfter = 5_000

export const presetOf = ({ preset }: OidcSettings): Preset => (preset === undefined ? plain : presets[preset])

async function authOf(settings: OidcSettings, secret: ClientSecret): Promise<openid.ClientAuth> {
  if ('secret' in secret) return (settings.client_secret_method ?? presetOf(settings).secret_method) === 'basic' ? basicAuth(secret.secret) : openid.ClientSecretPost(secret.secret)
  return privateKeyAuth(secret.privateKey, { id: settings.private_key_id, algorithm: settings.private_key_algorithm })
}

/** The gateway as a client of one provider: discovered when first needed, one discovery at a time. */
export function createClient(settings: OidcSettings, deps: { readonly secret: () => ClientSecret; readonly fetch: Fetch; readonly clock: Clock }): () => Promise<openid.Configuration> {
  const { fetch, clock } = deps
  let known: { readonly client: openid.Configuration; readonly at: number } | undefined
  let running: Promise<openid.Configuration> | undefined
  let failed: { readonly why: unknown; readonly at: number } | undefined
  const find = async () => discover(settings.issuer, settings.client_id, await authOf(settings, deps.secret()), fetch, ['oidc'])

  return async () => {
    if (known !== undefined && Math.abs(clock() - known.at) < goodFor) return known.client
    if (running === undefined && failed !== undefined && Math.abs(clock() - failed.at) < againAfter) throw failed.why
    running ??= find().then((client) => {
      known = { client, at: clock() }
      failed = undefined
      return client
    }, (why: unknown) => {
      failed = { why, at: clock() }
      // It was right an hour ago: an address that has moved fails where it is used.
      if (known !== undefined) return known.client
      throw why
    }).finally(() => (running = undefined))
    return running
  }
}
