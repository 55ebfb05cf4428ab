import { AsyncLocalStorage } from 'node:async_hooks'
import type { Kept, KeptValue } from '../kept.ts'
import type { Clock, Json, JsonObject } from '../model.ts'
import { networkOf } from './rates.ts'
import { isLocal, isRedirectable } from './redirects.ts'

/** What clients may do that nobody configured: sign people in. */
const selfMadeGrants = ['authorization_code', 'refresh_token'] as const
const knownText = ['client_name', 'client_uri', 'tos_uri', 'policy_uri', 'jwks_uri'] as const
const longestText = 512
const mostRedirects = 20

export type Described = { readonly ok: true; readonly metadata: JsonObject } | { readonly ok: false; readonly error: 'invalid_redirect_uri' | 'invalid_client_metadata'; readonly message: string }

const wrong = (message: string, error: 'invalid_redirect_uri' | 'invalid_client_metadata' = 'invalid_client_metadata'): Described => ({ ok: false, error, message })

/**
 * What a client says of itself, reduced to what is looked at here (RFC 7591 section 2: a server may replace or leave out what it
 * does not support). Many clients ask for more grants than they use, and do not say that they run on somebody's machine.
 */
export function describe(given: JsonObject): Described {
  const redirects = given['redirect_uris']
  if (!Array.isArray(redirects) || redirects.length === 0 || redirects.length > mostRedirects) return wrong(`redirect_uris must be a list of 1 to ${mostRedirects} URIs`, 'invalid_redirect_uri')
  const uris = redirects.filter((uri): uri is string => typeof uri === 'string' && isRedirectable(uri))
  if (uris.length < redirects.length) return wrong('redirect_uris may be https, http on loopback, or of an app\'s own scheme', 'invalid_redirect_uri')
  const grants = given['grant_types']
  if (Array.isArray(grants) && grants.length > 0 && !grants.includes('authorization_code')) return wrong('clients that nobody configured may only sign people in: grant_types must hold authorization_code')
  const isNative = given['application_type'] === 'native' || (given['application_type'] === undefined && uris.some(isLocal))
  // OpenID Connect Dynamic Client Registration 1.0 section 2: a client on a web server is not reached by loopback.
  if (!isNative && uris.some(isLocal)) return wrong('redirect_uris of an application_type of web must be https; programs on somebody\'s machine are native', 'invalid_redirect_uri')
  const texts: Record<string, Json> = {}
  for (const name of knownText) {
    const value = given[name]
    if (value === undefined || value === null) continue
    if (typeof value !== 'string' || value.length > longestText) return wrong(`${name} must be a text of at most ${longestText} signs`)
    texts[name] = value
  }
  const { client_id, token_endpoint_auth_method: method, token_endpoint_auth_signing_alg: alg, jwks } = given
  return {
    ok: true,
    metadata: {
      ...texts,
      ...(client_id === undefined ? {} : { client_id }), ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
      ...(alg === undefined ? {} : { token_endpoint_auth_signing_alg: alg }), ...(jwks === undefined ? {} : { jwks }),
      redirect_uris: uris, application_type: isNative ? 'native' : 'web', grant_types: [...selfMadeGrants], response_types: ['code'],
    },
  }
}

export interface RegisteredClients {
  keep(id: string, metadata: JsonObject): Promise<void>
  find(id: string): Promise<Record<string, unknown> | undefined>
  forget(id: string): Promise<void>
  /** Somebody signed in through it. */
  used(id: string): Promise<void>
  /** False where there is no room for another one. */
  makeRoom(): Promise<boolean>
  /** What is kept meanwhile was registered from that address. */
  from<T>(address: string, act: () => T): T
}

const kind = 'oauth:Client'
const everyone = 'all'
const unusedFor = 24 * 60 * 60_000
const usedFor = 90 * 24 * 60 * 60_000

/** Of the address that has most that nobody used, the oldest: whoever registers thousands makes room for all others first. */
function nextToGo(all: readonly KeptValue[]): string | undefined {
  const unused = all.filter(({ value }) => value['used'] !== true)
  const counts = new Map<unknown, number>()
  for (const { value: { from } } of unused) counts.set(from, (counts.get(from) ?? 0) + 1)
  const most = Math.max(...counts.values())
  const oldest = unused.filter(({ value: { from } }) => counts.get(from) === most).sort((a, b) => Number(a.value['made']) - Number(b.value['made']))[0]
  return oldest === undefined ? undefined : String(oldest.value['id'])
}

/** Clients that registered themselves: bounded in number, and forgotten when nobody uses them. */
export function createRegisteredClients({ kept, clock, most }: { readonly kept: Kept; readonly clock: Clock; readonly most: number }): RegisteredClients {
  const registrant = new AsyncLocalStorage<string>()
  return {
    from: (address, act) => registrant.run(networkOf(address), act),
    keep: (id, metadata) => kept.put(kind, id, { id, metadata, used: false, made: clock(), from: registrant.getStore() ?? '' }, { expiresAt: clock() + unusedFor, groups: [everyone] }),
    async find(id) {
      const metadata = (await kept.get(kind, id))?.value['metadata']
      return typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata) ? { ...metadata } : undefined
    },
    async forget(id) {
      await kept.drop(kind, id)
    },
    async used(id) {
      const found = await kept.get(kind, id)
      // Written about once a month, not with every token.
      if (found === undefined || (found.value['used'] === true && (found.expiresAt ?? 0) > clock() + (usedFor * 2) / 3)) return
      await kept.swap(kind, id, { ...found.value, used: true }, found.version, { expiresAt: clock() + usedFor })
    },
    async makeRoom() {
      const all = await kept.list(kind, everyone)
      if (all.length < most) return true
      const next = nextToGo(all)
      return next !== undefined && (await kept.drop(kind, next))
    },
  }
}
