import type { Clock } from '../model.ts'
import type { Credential, Need, Presented } from '../upstream/credential.ts'

export interface Token {
  readonly value: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}
export type Asked = { readonly token: Token } | { readonly need: Need }

export interface HeldTokenOptions {
  /** Rejects with `GatewayError` where there is none at the moment. */
  readonly ask: () => Promise<Asked>
  readonly clock: Clock
  /** What else must not be echoed. */
  readonly also?: () => readonly string[]
}

const mostEarly = 60_000
/** A token that ends so soon may end on its way. */
const tooLate = 5_000
const retryAfter = 1_000
const mostFormer = 3

const nothingElse: readonly string[] = []

interface Current {
  readonly token: Token
  readonly refreshAt: number
  readonly presented: Presented
}

/** A token that is asked for when it is first needed, again shortly before it expires, and by one caller for all that need it. */
export function createHeldToken({ ask, clock, also = () => nothingElse }: HeldTokenOptions): Credential {
  let current: Current | undefined
  let asking: Promise<Asked> | undefined
  let failed: { readonly why: unknown; readonly at: number } | undefined
  let forcedAt = Number.NEGATIVE_INFINITY
  let former: readonly string[] = []
  let others: readonly string[] = []
  let guarded: readonly string[] = []

  /** It is not presented any more, and may come back all the same. */
  const retire = (next?: Token) => {
    if (current !== undefined && current.token.value !== next?.value) former = [current.token.value, ...former].slice(0, mostFormer)
    current = undefined
    others = []
  }
  const take = (token: Token) => {
    retire(token)
    const length = token.expiresAt - clock()
    const { value } = token
    current = { token, refreshAt: token.expiresAt - Math.min(mostEarly, length / 5), presented: { headers: { authorization: `Bearer ${value}` }, renew: () => renew(value) } }
  }
  const askNow = async (): Promise<Asked> => {
    try {
      const asked = await ask()
      failed = undefined
      if ('token' in asked) take(asked.token)
      else retire()
      return asked
    } catch (why) {
      failed = { why, at: performance.now() }
      throw why
    }
  }
  const askOnce = (): Promise<Asked> => {
    if (asking === undefined && failed !== undefined && performance.now() - failed.at < retryAfter) return Promise.reject(failed.why)
    return (asking ??= askNow().finally(() => (asking = undefined)))
  }
  const renew = async (used: string): Promise<boolean> => {
    if (current !== undefined && current.token.value !== used) return true
    if (asking === undefined && performance.now() - forcedAt < retryAfter) return false
    forcedAt = performance.now()
    const asked = await askOnce().catch(() => undefined)
    return asked !== undefined && (!('token' in asked) || asked.token.value !== used)
  }

  return {
    present() {
      const now = clock()
      if (current !== undefined && now < current.token.expiresAt - tooLate) {
        // While it is good, a new one is nothing to wait for.
        if (now >= current.refreshAt) askOnce().catch(() => undefined)
        return current.presented
      }
      return askOnce().then((asked) => ('need' in asked ? asked : presentedNow(asked.token)))
    },
    secrets() {
      const besides = also()
      if (others !== besides) {
        others = besides
        guarded = [...new Set([...(current === undefined ? [] : [current.token.value]), ...former, ...besides])]
      }
      return guarded
    },
  }

  function presentedNow({ value }: Token): Presented {
    return current?.token.value === value ? current.presented : { headers: { authorization: `Bearer ${value}` }, renew: () => renew(value) }
  }
}
