import { createPrivateKey } from 'node:crypto'
import { importPKCS8 } from 'jose'
import * as openid from 'openid-client'
import { isLoopback } from './loopback.ts'
import type { Clock, Fetch } from './model.ts'

// The gateway as the client of somebody else's authorization server.

/** What one exchange may take. */
export const exchangeSeconds = 10

/** Plain http is for loopback only, as the settings have it. */
const insecureIfOwn = (url: URL): { readonly execute?: ((client: openid.Configuration) => void)[] } =>
  isLoopback(url.hostname) && url.protocol === 'http:' ? { execute: [openid.allowInsecureRequests] } : {}

/** How everything that the library asks there goes out: one exchange, never redirected. */
const requestsBy = (fetch: Fetch, server: URL) => ({
  [openid.customFetch]: ((url, { body, method, headers, signal }) =>
    fetch(url, { method, headers, redirect: 'manual', ...(body === undefined || body === null ? {} : { body: body as string }), ...(signal === undefined ? {} : { signal }) })) satisfies openid.CustomFetch,
  timeout: exchangeSeconds,
  ...insecureIfOwn(server),
})

/** A client of a server whose addresses are known. */
export function clientOf(metadata: openid.ServerMetadata, id: string, auth: openid.ClientAuth, fetch: Fetch): openid.Configuration {
  const client = new openid.Configuration(metadata, id, {}, auth)
  const { [openid.customFetch]: customFetch, timeout, execute = [] } = requestsBy(fetch, new URL(metadata.issuer))
  client[openid.customFetch] = customFetch
  client.timeout = timeout
  for (const each of execute) each(client)
  return client
}

/** OpenID Connect Discovery 1.0 section 4.3, RFC 8414 section 3.3: of the very issuer that was asked for, or one could speak for another. The library is laxer with some. */
export async function discover(issuer: string, id: string, auth: openid.ClientAuth, fetch: Fetch, places: readonly ('oauth2' | 'oidc')[]): Promise<openid.Configuration> {
  const server = new URL(issuer)
  let first: unknown
  for (const algorithm of places) {
    try {
      const client = await openid.discovery(server, id, {}, auth, { algorithm, ...requestsBy(fetch, server) })
      if (client.serverMetadata().issuer !== issuer) throw new TypeError('metadata of another issuer')
      return client
    } catch (cause) {
      first ??= cause
    }
  }
  throw first
}

const algorithmOf = (pem: string): string => {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(pem)
  if (type === 'ec') return details?.namedCurve === 'secp384r1' ? 'ES384' : 'ES256'
  return type === 'ed25519' ? 'EdDSA' : type === 'rsa-pss' ? 'PS256' : 'RS256'
}

/** RFC 7523 section 2.2: the gateway signs who it is, with the algorithm of its key unless another is named. */
export async function privateKeyAuth(pem: string, { id, algorithm = algorithmOf(pem) }: { readonly id?: string | undefined; readonly algorithm?: string | undefined }): Promise<openid.ClientAuth> {
  const key = await importPKCS8(createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem' }) as string, algorithm) // PEM is a text
  return openid.PrivateKeyJwt(id === undefined ? key : { key, kid: id })
}

/**
 * RFC 6749 section 2.3.1: id and secret are form-encoded, which leaves `-`, `_` and `.` as they are. The library writes those as `%2D` and so on:
 * the same to whoever decodes, and another client to the many that do not.
 */
export const basicAuth = (secret: string): openid.ClientAuth => (_server, { client_id: id }, _body, headers) => {
  const [user, password] = [id, secret].map((part) => new URLSearchParams({ '': part }).toString().slice(1))
  headers.set('authorization', `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`)
}

/** What somebody else's server says of itself, and this gateway's place there, is looked for again after that. */
const goodFor = 60 * 60_000

export interface KeepFoundOptions<T> {
  readonly find: () => Promise<T>
  readonly clock: Clock
  /** Milliseconds for which what failed is not tried again. */
  readonly againAfter: number
  /** Counts what the gateway shows there: what was found with another is not used. */
  readonly version?: () => number
  /** Where it cannot be found now, what was found before serves: an address that has moved fails where it is used. */
  readonly mayBeOld?: boolean
}

/** Gives what was found; `fresh`: what is true now, where somebody is about to rely on it for long. */
export type Found<T> = (how?: { readonly fresh: boolean }) => Promise<T>

/** Looked for when it is first needed, once for all who need it. */
export function keepFound<T>({ find, clock, againAfter, version = () => 0, mayBeOld = false }: KeepFoundOptions<T>): Found<T> {
  let known: { readonly value: T; readonly at: number; readonly version: number } | undefined
  let failed: { readonly why: unknown; readonly at: number; readonly version: number } | undefined
  let running: { readonly value: Promise<T>; readonly version: number } | undefined
  const orOld = (why: unknown): T => {
    if (mayBeOld && known !== undefined) return known.value
    throw why
  }
  const look = (own: number): Promise<T> => find().then((value) => {
    known = { value, at: clock(), version: own }
    failed = undefined
    return value
  }, (why: unknown) => {
    failed = { why, at: clock(), version: own }
    return orOld(why)
  })

  return async ({ fresh } = { fresh: false }) => {
    const own = version()
    if (!fresh && known?.version === own && Math.abs(clock() - known.at) < goodFor) return known.value
    if (running?.version === own) return running.value
    if (failed?.version === own && Math.abs(clock() - failed.at) < againAfter) return orOld(failed.why)
    const looking = { value: look(own).finally(() => (running = running === looking ? undefined : running)), version: own }
    running = looking
    return looking.value
  }
}
