import { setTimeout as pause } from 'node:timers/promises'
import * as openid from 'openid-client'
import { GatewayError } from '../../errors.ts'
import type { Kept } from '../../kept.ts'
import type { Clock, KnownActor, Logger } from '../../model.ts'
import { exchangeSeconds } from '../../openid.ts'
import type { Credential, Need, Presented } from '../../upstream/credential.ts'
import { whyNot } from '../token-endpoint.ts'
import type { Known } from './client.ts'
import { giveBack } from './give-back.ts'
import { NotConnectable } from './server.ts'
import { isTimeToTouch, keptFor, leftFor, readTokens, tokensOf, writeTokens, type Tokens } from './tokens.ts'

export type Who = Pick<KnownActor, 'issuer' | 'subject'>

interface Row {
  /** Undefined where they have ended and the person has to connect again. */
  readonly tokens: Tokens | undefined
  readonly version: number
  readonly expiresAt: number
}
type Connected = Row & { readonly tokens: Tokens }

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
  /** Answers with what there was. */
  forget(): Promise<Tokens | undefined>
  /** The person's account has ended: unless they come back soon, this is forgotten. */
  leave(): Promise<void>
}

const kind = 'upstream:token'
const rereadAfter = 1_000
const early = 30_000
/** One exchange with the authorization server is made under the lock, and what comes of it is kept. */
const lockFor = 2 * exchangeSeconds * 1000
const forceAgain = 2_000
const mostFormer = 3

/** One person's account at one server: what is kept of it is the same in all processes. */
export function createConnection(who: Who, options: ConnectionOptions): Held {
  const { upstream, url, kept, clock, logger } = options
  const key = JSON.stringify([who.issuer, who.subject, upstream])
  let seen: { readonly row: Row | undefined; readonly at: number } | undefined
  let refreshing: Promise<void> | undefined
  let forcedAt = Number.NEGATIVE_INFINITY
  let former: readonly string[] = []
  let guarded: readonly string[] = []

  const expiry = () => ({ expiresAt: clock() + keptFor })
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
    note(found === undefined || (tokens !== undefined && tokens.url !== url) ? undefined : { tokens, version: found.version, expiresAt: found.expiresAt ?? 0 })
    return seen?.row
  }
  const current = (): Row | undefined | Promise<Row | undefined> => (seen !== undefined && performance.now() - seen.at < rereadAfter ? seen.row : read())
  const end = async ({ version }: Row, why: string) => {
    await kept.swap(kind, key, { ended: why }, version, expiry())
    logger.warn('somebody has to connect to a server again', { upstream, why })
    await read()
  }

  /** One process asks for all; a refresh token may be good once only. */
  const refresh = async (row: Connected): Promise<void> => {
    try {
      // Before the lock is taken, since nobody knows how long it takes to find the server.
      const known = await options.client()
      const lock = `${key} ${row.version}`
      if (!(await kept.add('upstream:refresh', lock, {}, { expiresAt: clock() + lockFor }))) return await waitForOther(row.version, lock)
      await refreshLocked(row, known).finally(() => kept.drop('upstream:refresh', lock))
    } catch (cause) {
      options.tell('failed')
      throw new GatewayError('upstream_unreachable', { cause, detail: `the token of a person for ${upstream} cannot be refreshed: ${cause instanceof NotConnectable ? cause.message : whyNot(cause)}` })
    }
  }
  const refreshLocked = async (row: Connected, known: Known): Promise<void> => {
    const { server, client } = known
    // Somebody had the lock before, and has done it.
    if ((await read())?.version !== row.version) return
    if (server.issuer !== row.tokens.issuer) return end(row, 'another authorization server')
    const granted = await openid.refreshTokenGrant(client, row.tokens.refresh ?? '', { resource: server.resource }).catch((cause: unknown) => {
      if (cause instanceof openid.ResponseBodyError && cause.error === 'invalid_grant') return cause
      throw cause
    })
    if (granted instanceof Error) {
      options.tell('refused')
      return end(row, granted.error)
    }
    options.tell('given')
    const next = tokensOf(granted, row.tokens, clock())
    const isKept = await kept.swap(kind, key, writeTokens(next), row.version, expiry())
    // Who disconnected meanwhile gave back what there was then: nobody but this process knows of these.
    if (withTokens(await read()) === undefined && !isKept) await giveBack(known, next).catch((cause: unknown) => logger.warn('what somebody was given after they had disconnected could not be given back', { upstream, why: whyNot(cause) }))
  }
  const waitForOther = async (version: number, lock: string) => {
    const until = performance.now() + lockFor
    while (performance.now() < until) {
      await pause(50)
      if ((await read())?.version !== version) return
      if ((await kept.get('upstream:refresh', lock)) === undefined) return
    }
  }
  const refreshOnce = (row: Connected) => (refreshing ??= refresh(row).finally(() => (refreshing = undefined)))

  const need: Need = { code: 'not_connected', message: `${upstream} is called with your own account there, which this gateway is not connected to: open ${options.publicUrl}/connect/${upstream} in a browser, then make the call again`, link: `${options.publicUrl}/connect/${upstream}` }
  const presentedOf = ({ tokens, version }: Connected): Presented => ({ headers: { authorization: `Bearer ${tokens.access}` }, renew: () => renew(version) })
  const isGood = ({ expiresAt }: Tokens, margin: number) => expiresAt === undefined || clock() < expiresAt - margin
  const withTokens = (row: Row | undefined): Connected | undefined => (row?.tokens === undefined ? undefined : { ...row, tokens: row.tokens })

  /** That it is used is written about once a day. */
  const touched = async (row: Connected | undefined): Promise<Connected | undefined> => {
    if (row === undefined || !isTimeToTouch(row.expiresAt, clock())) return row
    await kept.swap(kind, key, writeTokens(row.tokens), row.version, expiry())
    return withTokens(await read())
  }

  const present = async (): Promise<Presented | { readonly need: Need }> => {
    const row = await touched(withTokens(await current()))
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
    async leave() {
      const row = withTokens(await read())
      const until = clock() + leftFor
      if (row !== undefined && row.expiresAt > until) await kept.swap(kind, key, writeTokens(row.tokens), row.version, { expiresAt: until })
    },
  }
}
