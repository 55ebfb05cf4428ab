import type { Kept } from '../../kept.ts'
import type { Clock, JsonObject, KnownActor, Logger } from '../../model.ts'
import { isSameGrant, isTimeToTouch, keptFor, leftFor, readTokens, writeTokens, type Tokens } from './tokens.ts'

export type Who = Pick<KnownActor, 'issuer' | 'subject'>

interface Row {
  /** Undefined where they have ended and the person has to connect again. */
  readonly tokens: Tokens | undefined
  readonly version: number
  readonly expiresAt: number
}
export type Connected = Row & { readonly tokens: Tokens }

export interface RowOptions {
  readonly upstream: string
  readonly url: string
  readonly clientSecret: () => string | undefined
  readonly kept: Kept
  readonly clock: Clock
  readonly logger: Logger
}
export type ConnectionRow = ReturnType<typeof createConnectionRow>

const kind = 'upstream:token'
const rereadAfter = 1_000
const mostFormer = 3
const mostWanted = 50

const withTokens = (row: Row | undefined): Connected | undefined => (row?.tokens === undefined ? undefined : { ...row, tokens: row.tokens })

/** What is kept of one person's account at one server, and what of it is at hand here. */
export function createConnectionRow(who: Who, { upstream, url, clientSecret, kept, clock, logger }: RowOptions) {
  const key = JSON.stringify([who.issuer, who.subject, upstream])
  let seen: { readonly row: Row | undefined; readonly at: number } | undefined
  let former: readonly string[] = []
  let secrets: readonly string[] = []

  const expiry = () => ({ expiresAt: clock() + keptFor })
  const isRecent = (): boolean => seen !== undefined && performance.now() - seen.at < rereadAfter
  const note = (row: Row | undefined): void => {
    seen = { row, at: performance.now() }
    const { access, refresh } = row?.tokens ?? {}
    const now = [access, refresh, clientSecret()].filter((secret) => secret !== undefined)
    if (now.every((secret) => secrets.includes(secret)) && secrets.length === now.length + former.length) return
    former = [...new Set(secrets.filter((secret) => !now.includes(secret)))].slice(0, mostFormer)
    secrets = [...now, ...former]
  }
  const readRow = async (): Promise<Row | undefined> => {
    const found = await kept.get(kind, key)
    const tokens = found === undefined ? undefined : readTokens(found.value)
    // Of a server that has moved, the new address is given nothing of the old one's.
    note(found === undefined || (tokens !== undefined && tokens.url !== url) ? undefined : { tokens, version: found.version, expiresAt: found.expiresAt ?? 0 })
    return seen?.row
  }
  const read = async (): Promise<Connected | undefined> => withTokens(await readRow())
  /** In place of what was read; false where it is another by now. */
  const replace = (tokens: Tokens, { version }: Connected, expires = expiry()): Promise<boolean> => kept.swap(kind, key, writeTokens(tokens), version, expires)

  /** In place of what somebody was given then, whatever else was noted of it meanwhile; false where that is not there any more. */
  const settle = async (before: Tokens, write: (now: Tokens) => JsonObject): Promise<boolean> => {
    for (let row = await read(); row !== undefined && isSameGrant(row.tokens, before); row = await read()) {
      if (await kept.swap(kind, key, write(row.tokens), row.version, expiry())) return true
    }
    return false
  }

  return {
    key, read,
    /** As it was read a moment ago, if it was. */
    recent: () => (isRecent() ? withTokens(seen?.row) : undefined),
    /** False where the person has disconnected or connected again. */
    succeed: (next: Tokens, before: Tokens): Promise<boolean> => settle(before, ({ wanted }) => writeTokens({ ...next, ...(wanted === undefined ? {} : { wanted }) })),
    /** Of these and some former ones nothing may come back in an answer. */
    secrets: () => secrets,
    /** For use: that it is used is written about once a day. */
    async use(): Promise<Connected | undefined> {
      // That there was none a moment ago tells nothing: by another process they may be connected now.
      const row = (isRecent() ? withTokens(seen?.row) : undefined) ?? (await read())
      if (row === undefined || !isTimeToTouch(row.expiresAt, clock())) return row
      await replace(row.tokens, row)
      return read()
    },
    /** The person has to connect again. */
    async end(before: Tokens, why: string): Promise<void> {
      if (await settle(before, () => ({ ended: why }))) logger.warn('somebody has to connect to a server again', { upstream, why })
      await readRow()
    },
    /** The person will be asked for these as well. */
    async want(scopes: readonly string[]): Promise<void> {
      const held = await read()
      if (held === undefined) return
      const before = held.tokens.wanted?.split(' ') ?? []
      const wanted = [...new Set([...before, ...scopes])].slice(-mostWanted)
      if (wanted.length === before.length && wanted.every((scope) => before.includes(scope))) return
      await replace({ ...held.tokens, wanted: wanted.join(' ') }, held)
      await readRow()
    },
    async keep(tokens: Tokens): Promise<void> {
      await kept.put(kind, key, writeTokens(tokens), expiry())
      await readRow()
    },
    async forget(): Promise<Tokens | undefined> {
      const before = (await read())?.tokens
      await kept.drop(kind, key)
      await readRow()
      return before
    },
    async leave(): Promise<void> {
      const row = await read()
      const until = clock() + leftFor
      if (row !== undefined && row.expiresAt > until) await replace(row.tokens, row, { expiresAt: until })
    },
  }
}
