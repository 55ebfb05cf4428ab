import type { Credential, Need, Presented } from '../../upstream/credential.ts'
import { createRefreshing, type RefreshingParts } from './refreshing.ts'
import { createConnectionRow, type Connected, type RowOptions, type Who } from './connection-row.ts'
import { scopesWanted } from './server.ts'
import type { Tokens } from './tokens.ts'

export interface ConnectionOptions extends RowOptions, Pick<RefreshingParts, 'client' | 'tell'> {
  readonly publicUrl: string
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

const early = 30_000
const forceAgain = 2_000

/** One person's account at one server: what is kept of it is the same in all processes. */
export function createConnection(who: Who, options: ConnectionOptions): Held {
  const { upstream, publicUrl, clock } = options
  const row = createConnectionRow(who, options)
  const refresh = createRefreshing({ ...options, row })
  let refreshing: Promise<void> | undefined
  let forcedAt = Number.NEGATIVE_INFINITY
  const refreshOnce = (before: Tokens) => (refreshing ??= refresh(before).finally(() => (refreshing = undefined)))

  const link = `${publicUrl}/connect/${upstream}`
  const need: Need = { code: 'not_connected', message: `${upstream} is called with your own account there, which this gateway is not connected to: open ${link} in a browser, then make the call again`, link }
  const presentedOf = ({ tokens: { access } }: Connected): Presented => ({ headers: { authorization: `Bearer ${access}` }, renew: () => renew(access), lacks })
  const lacks = async (challenge: string): Promise<Need | undefined> => {
    const scopes = scopesWanted(challenge)
    if (scopes === undefined) return undefined
    await row.want(scopes)
    // Which, the page tells its person: no policy has judged the server's words.
    return { code: 'more_scopes', message: `${upstream} wants more of your own account there than this gateway was given: open ${link} in a browser, connect again, then make the call again`, link }
  }
  const isGood = ({ tokens: { expiresAt } }: Connected, margin: number) => expiresAt === undefined || clock() < expiresAt - margin

  const present = async (): Promise<Presented | { readonly need: Need }> => {
    const held = await row.use()
    if (held === undefined) return { need }
    if (isGood(held, early)) return presentedOf(held)
    if (held.tokens.refresh === undefined) return isGood(held, 0) ? presentedOf(held) : { need }
    await refreshOnce(held.tokens).catch((cause: unknown) => {
      if (!isGood(held, 0)) throw cause
    })
    const next = await row.read()
    return next === undefined ? { need } : presentedOf(next)
  }
  const renew = async (used: string): Promise<boolean> => {
    const held = await row.read()
    if (held?.tokens.access !== used) return true
    if (refreshing === undefined && performance.now() - forcedAt < forceAgain) return false
    forcedAt = performance.now()
    if (held.tokens.refresh === undefined) await row.end(held.tokens, 'the server refused it')
    else await refreshOnce(held.tokens).catch(() => undefined)
    return (await row.read())?.tokens.access !== used
  }

  return {
    credential: {
      present() {
        const held = row.recent()
        return held !== undefined && isGood(held, early) ? presentedOf(held) : present()
      },
      secrets: row.secrets,
    },
    read: async () => (await row.read())?.tokens,
    keep: row.keep,
    forget: row.forget,
    leave: row.leave,
  }
}
