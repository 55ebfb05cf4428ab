import type * as openid from 'openid-client'
import type { JsonObject } from '../../model.ts'
import { usable } from '../usable.ts'

/** Somebody's tokens for a server. */
export interface Tokens {
  readonly access: string
  readonly refresh?: string
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number
  readonly scope?: string
  /** What the server wanted beside that, since it was given. */
  readonly wanted?: string
  readonly issuer: string
  /** To which client they were given; an earlier version did not keep that. */
  readonly client?: string
  /** The server's own URL in the configuration: for no other are they used. */
  readonly url: string
  readonly since: number
}

/** Whether both came of one answer of the authorization server. It may give the same access token again, good for longer, beside another refresh token. */
export const isSameGrant = (one: Tokens, other: Tokens): boolean => one.access === other.access && one.refresh === other.refresh && one.expiresAt === other.expiresAt

const day = 24 * 60 * 60_000
/** Connections that nobody used for so long are forgotten, ... */
export const keptFor = 90 * day
/** ... and so soon where their person's account has ended. Providers end accounts also when a sign-in of theirs is over, so not at once. */
export const leftFor = 7 * day
export const isTimeToTouch = (expiresAt: number, now: number): boolean => expiresAt < now + keptFor - day

export const writeTokens = ({ access, refresh, expiresAt, scope, wanted, issuer, client, url, since }: Tokens): JsonObject => ({
  access, issuer, url, since, ...(client === undefined ? {} : { client }), ...(refresh === undefined ? {} : { refresh }), ...(expiresAt === undefined ? {} : { expires_at: expiresAt }), ...(scope === undefined ? {} : { scope }), ...(wanted === undefined ? {} : { wanted }),
})
export const readTokens = ({ access, refresh, expires_at: expiresAt, scope, wanted, issuer, client, url, since }: JsonObject): Tokens | undefined =>
  typeof access !== 'string' ? undefined : {
    access, issuer: String(issuer), url: String(url), since: Number(since),
    ...(typeof client === 'string' ? { client } : {}), ...(typeof refresh === 'string' ? { refresh } : {}), ...(typeof expiresAt === 'number' ? { expiresAt } : {}), ...(typeof scope === 'string' ? { scope } : {}), ...(typeof wanted === 'string' ? { wanted } : {}),
  }

const mostScope = 10_000

type About = Pick<Tokens, 'issuer' | 'client' | 'url' | 'since' | 'refresh' | 'scope' | 'wanted'>

/** What a token endpoint gave, as it is kept; what it leaves out is as it was (RFC 6749 sections 5.1 and 6). Throws where it cannot be used. */
export const tokensOf = (given: openid.TokenEndpointResponse, about: About, now: number): Tokens => keptOf(usable(given), about, now)

const keptOf = (granted: openid.TokenEndpointResponse, about: About, now: number): Tokens => ({
  access: granted.access_token, issuer: about.issuer, url: about.url, since: about.since,
  ...(about.client === undefined ? {} : { client: about.client }),
  ...(granted.refresh_token === undefined ? (about.refresh === undefined ? {} : { refresh: about.refresh }) : { refresh: granted.refresh_token }),
  ...(granted.expires_in === undefined ? {} : { expiresAt: now + granted.expires_in * 1000 }),
  ...scopeOf(granted.scope ?? about.scope),
  ...(about.wanted === undefined ? {} : { wanted: about.wanted }),
})
const scopeOf = (scope: string | undefined): Pick<Tokens, 'scope'> => (scope === undefined || scope.length > mostScope ? {} : { scope })
