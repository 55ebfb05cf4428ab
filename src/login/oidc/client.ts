import { importPKCS8 } from 'jose'
import * as openid from 'openid-client'
import { isLoopback } from '../../loopback.ts'
import type { Clock } from '../../model.ts'
import { plain, presets, type Preset } from './presets.ts'
import type { OidcSettings } from './settings.ts'

export type Fetch = (url: string, init: RequestInit) => Promise<Response>
/** The client's own secret, or its key. */
export type ClientSecret = { readonly secret: string } | { readonly privateKey: string }

/** What a provider says of itself is asked for again after that. */
const goodFor = 60 * 60_000
const againAfter = 5_000
const within = 10

export const presetOf = ({ preset }: OidcSettings): Preset => (preset === undefined ? plain : presets[preset])

async function authOf(settings: OidcSettings, secret: ClientSecret): Promise<openid.ClientAuth> {
  if ('secret' in secret) return (settings.client_secret_method ?? presetOf(settings).secret_method) === 'basic' ? openid.ClientSecretBasic(secret.secret) : openid.ClientSecretPost(secret.secret)
  const key = await importPKCS8(secret.privateKey, settings.private_key_algorithm)
  return openid.PrivateKeyJwt(settings.private_key_id === undefined ? key : { key, kid: settings.private_key_id })
}

/** The gateway as a client of one provider: discovered when first needed, one discovery at a time. */
export function createClient(settings: OidcSettings, deps: { readonly secret: () => ClientSecret; readonly fetch: Fetch; readonly clock: Clock }): () => Promise<openid.Configuration> {
  const { fetch, clock } = deps
  let known: { readonly client: openid.Configuration; readonly at: number } | undefined
  let running: Promise<openid.Configuration> | undefined
  let failed: { readonly why: unknown; readonly at: number } | undefined

  // What comes back is never followed elsewhere.
  const customFetch: openid.CustomFetch = (url, { body, method, headers, signal }) =>
    fetch(url, { method, headers, redirect: 'manual', ...(body === undefined || body === null ? {} : { body: body as string }), ...(signal === undefined ? {} : { signal }) })

  async function discover(): Promise<openid.Configuration> {
    const url = new URL(settings.issuer)
    const client = await openid.discovery(url, settings.client_id, {}, await authOf(settings, deps.secret()), {
      [openid.customFetch]: customFetch, timeout: within,
      // Plain http is for loopback only, as the settings have it.
      ...(isLoopback(url.hostname) && url.protocol === 'http:' ? { execute: [openid.allowInsecureRequests] } : {}),
    })
    // OpenID Connect Discovery 1.0 section 4.3: the very same, or one issuer could speak for another. The library is laxer with some.
    if (client.serverMetadata().issuer !== settings.issuer) throw new Error('metadata of another issuer')
    return client
  }

  return async () => {
    if (known !== undefined && Math.abs(clock() - known.at) < goodFor) return known.client
    if (running === undefined && failed !== undefined && Math.abs(clock() - failed.at) < againAfter) throw failed.why
    running ??= discover().then((client) => {
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
