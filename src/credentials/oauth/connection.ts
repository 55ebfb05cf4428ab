import { setTimeout as pause } from 'node:timers/promises'
import * as openid from 'openid-client'
import { GatewayError } from '../../errors.ts'
import type { Kept } from '../../kept.ts'
import type { Clock, JsonObject, KnownActor, Logger } from '../../model.ts'
import type { Credential, Need, Presented } from '../../upstream/credential.ts'
import { whyNot } from '../token-endpoint.ts'
import type { Known } from './client.ts'
import { NotConnectable } from './server.ts'

export type Who = Pick<KnownActor, 'issuer' | 'subject'>

/** Somebody's tokens for a server. */
export interface Tokens {
  readonly access: string
  readonly refresh?: string
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number
  readonly scope?: string
  readonly issuer: string
  /** The server's own URL in the configuration: for no other are they used. */
  readonly url: string
  readonly since: number
}
interface Row {
  /** Undefined where they have ended and the person has to connect again. */
  readonly tokens: Tokens | undefined
  readonly version: number
}

export interface ConnectionOptions {
  readonly upstream: string
  readonly url: string
  readonly publicUrl: string
  readonly client: () => Promise<Known>
  readonly clientSecret: () => string | undefined
  readonly kept: Kept
  readonly clock: Clock
  readonly logger: Logger
  readonly tell: (result: 'given' | 'refused' | 'failed') => void
}
export interface Held {
  readonly credential: Credential
  read(): Promise<Tokens | undefined>
  keep(tokens: Tokens): Promise<void>
  /** Gives back what there was. */
  forget(): Promise<Tokens | undefined>
}

const kind = 'upstream:token'
/** Connections that nobody used for so long are forgotten. */
const unusedFor = 90 * 24 * 60 * 60_000
const rereadAfter = 1_000
const early = 30_000
const lockFor = 20_000
const forceAgain = 2_000
const mostFormer = 3

const writeTokens = ({ access, refresh, expiresAt, scope, issuer, url, since }: Tokens): JsonObject => ({
  access, issuer, url, since, ...(refresh === undefined ? {} : { refresh }), ...(expiresAt === undefined ? {} : { expires_at: expiresAt }), ...(scope === undefined ? {} : { scope }),
})
const readTokens = ({ access, refresh, expires_at: expiresAt, scope, issuer, url, since }: JsonObject): Tokens | undefined =>
  typeof access !== 'string' ? undefined : {
    access, issuer: String(issuer), url: String(url), since: Number(since),
    ...(typeof refresh === 'string' ? { refresh } : {}), ...(typeof expiresAt === 'number' ? { expiresAt } : {}), ...(typeof scope === 'string' ? { scope } : {}),
  }

/** What a token endpoint gave, as it is kept. */
export const tokensOf = (granted: openid.TokenEndpointResponse, about: Pick<Tokens, 'issuer' | 'url' | 'since'> & { readonly refresh?: string }, now: number): Tokens => ({
  access: granted.access_token, issuer: about.issuer, url: about.url, since: about.since,
  ...(granted.refresh_token === undefined ? (about.refresh === undefined ? {} : { refresh: about.refresh }) : { refresh: granted.refresh_token }),
  ...(granted.expires_in === undefined ? {} : { expiresAt: now + granted.expires_in * 1000 }),
  ...(granted.scope === undefined ? {} : { scope: granted.scope }),
})

/** One person's account at one server: what is kept of it is the same in all processes. */
export function createConnection(who: Who, options: ConnectionOptions): Held {
  const { upstream, url, kept, clock, logger } = options
  const key = JSON.stringify([who.issuer, who.subject, upstream])
  let seen: { readonly row: Row | undefined; readonly at: number } | undefined
  let refreshing: Promise<void> | undefined
  let forcedAt = Number.NEGATIVE_INFINITY
  let former: readonly string[] = []
  let guarded: readonly string[] = []

  const expiry = () => ({ expiresAt: clock() + unusedFor })
  const note = (row: Row | undefined) => {
    seen = { row, at: performance.now() }
    const { access, refresh } = row?.tokens ?? {}
    const now = [access, refresh, options.clientSecret()].filter((secret) => secret !== undefined)
    if (now.every((secret) => guarded.includes(secret)) && guarded.length === now.length + former.length) return
    former = [...new Set([...guarded.filter((secret) => !now.includes(secret))])].slice(0, mostFormer)
    guarded = [...now, ...former]
  }
  const read = async (): Promise<Row | undefined> => {
    const found = await kept.get(kind, key)
    const tokens = found === undefined ? undefined : readTokens(found.value)
    // Of a server that has moved, the new address is given nothing of the old one's.
    note(found === undefined || (tokens !== undefined && tokens.url !== url) ? undefined : { tokens, version: found.version })
    return seen?.row
  }
  const current = (): Row | undefined | Promise<Row | undefined> => (seen !== undefined && performance.now() - seen.at < rereadAfter ? seen.row : read())
  const end = async ({ version }: Row, why: string) => {
    await kept.swap(kind, key, { ended: why }, version, expiry())
    logger.warn('somebody has to connect to a server again', { upstream, why })
    await read()
  }

  /** One process asks for all; a refresh token may be good once only. */
  const refresh = async (row: Row & { readonly tokens: Tokens }): Promise<void> => {
    const lock = `${key} ${row.version}`
    if (!(await kept.add('upstream:refresh', lock, {}, { expiresAt: clock() + lockFor }))) return waitForOther(row.version, lock)
    try {
      const { server, client } = await options.client()
      if (server.issuer !== row.tokens.issuer) return await end(row, 'another authorization server')
      const granted = await openid.refreshTokenGrant(client, row.tokens.refresh ?? '', { resource: server.resource })
      options.tell('given')
      const next = tokensOf(granted, row.tokens.refresh === undefined ? row.tokens : { ...row.tokens, refresh: row.tokens.refresh }, clock())
      await kept.swap(kind, key, writeTokens(next), row.version, expiry())
      await read()
    } catch (cause) {
      await kept.drop('upstream:refresh', lock)
      if (cause instanceof openid.ResponseBodyError && cause.error === 'invalid_grant') {
        options.tell('refused')
        return end(row, cause.error)
      }
      options.tell('failed')
      throw new GatewayError('upstream_unreachable', { cause, detail: `the token of a person for ${upstream} cannot be refreshed: ${cause instanceof NotConnectable ? cause.message : whyNot(cause)}` })
    }
  }
  const waitForOther = async (version: number, lock: string) => {
    const until = performance.now() + lockFor
    while (performance.now() < until) {
      await pause(50)
      if ((await read())?.version !== version) return
      if ((await kept.get('upstream:refresh', lock)) === undefined) return
    }
  }
  const refreshOnce = (row: Row & { readonly tokens: Tokens }) => (refreshing ??= refresh(row).finally(() => (refreshing = undefined)))

  const need: Need = { code: 'not_connected', message: `${upstream} is called with your own account there, which this gateway is not connected to: open ${options.publicUrl}/connect/${upstream} in a browser, then make the call again`, link: `${options.publicUrl}/connect/${upstream}` }
  const presentedOf = ({ tokens, version }: Row & { readonly tokens: Tokens }): Presented => ({ headers: { authorization: `Bearer ${tokens.access}` }, renew: () => renew(version) })
  const isGood = ({ expiresAt }: Tokens, margin: number) => expiresAt === undefined || clock() < expiresAt - margin
  const withTokens = (row: Row | undefined): (Row & { readonly tokens: Tokens }) | undefined => (row?.tokens === undefined ? undefined : { ...row, tokens: row.tokens })

  const present = async (): Promise<Presented | { readonly need: Need }> => {
    const row = withTokens(await current())
    if (row === undefined) return { need }
    if (isGood(row.tokens, early)) return presentedOf(row)
    if (row.tokens.refresh === undefined) return isGood(row.tokens, 0) ? presentedOf(row) : { need }
    await refreshOnce(row).catch((cause: unknown) => {
      if (!isGood(row.tokens, 0)) throw cause
    })
    const next = withTokens(await read())
    return next === undefined ? { need } : presentedOf(next)
  }
  const renew = async (version: number): Promise<boolean> => {
    const row = withTokens(await read())
    if (row === undefined || row.version !== version) return true
    if (refreshing === undefined && performance.now() - forcedAt < forceAgain) return false
    forcedAt = performance.now()
    if (row.tokens.refresh === undefined) await end(row, 'the server refused it')
    else await refreshOnce(row).catch(() => undefined)
    return seen?.row?.version !== version
  }

  return {
    credential: {
      present() {
        const row = seen !== undefined && performance.now() - seen.at < rereadAfter ? withTokens(seen.row) : undefined
        return row !== undefined && isGood(row.tokens, early) ? presentedOf(row) : present()
      },
      secrets: () => guarded,
    },
    read: async () => (await read())?.tokens,
    async keep(tokens) {
      await kept.put(kind, key, writeTokens(tokens), expiry())
      await read()
    },
    async forget() {
      const before = (await read())?.tokens
      await kept.drop(kind, key)
      await read()
      return before
    },
  }
}
