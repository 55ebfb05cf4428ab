import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Account, AccountId, Accounts, Browsers, SignedIn } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { Clock, JsonObject } from '../model.ts'
import { cookieOf, createCookies, type CookieNames } from './cookies.ts'
import type { Verified } from './provider.ts'
import { localPath } from './return-path.ts'

export interface BrowserSession extends SignedIn {
  readonly provider: string
  readonly logout?: JsonObject
}
export interface OwnBrowsers extends Browsers {
  current(request: Pick<IncomingMessage, 'rawHeaders'>): Promise<BrowserSession | undefined>
  /** Always another id than before, so that nobody can have chosen it. Answers with the cookie. */
  open(account: Account, verified: Verified, request: Pick<IncomingMessage, 'rawHeaders'>): Promise<string>
  /** Answers with the cookie that takes the old one away. */
  end(request: Pick<IncomingMessage, 'rawHeaders'>): Promise<string>
  /** When each session of an account began and was last used. */
  of(id: AccountId): Promise<readonly { readonly since: number; readonly seen: number }[]>
}
export interface BrowserParts {
  readonly kept: Kept
  readonly accounts: Pick<Accounts, 'get'>
  readonly cookies: CookieNames
  readonly idle: number
  readonly absolute: number
  readonly clock: Clock
}

interface Row {
  readonly account: AccountId
  readonly provider: string
  readonly csrf: string
  readonly at: number
  readonly since: number
  readonly seen: number
  readonly acr?: string
  readonly amr?: readonly string[]
  readonly logout?: JsonObject
}
const kind = 'login:browser'
/** That a session is used is written at most so often. */
const touchAfter = 60_000

export function createBrowsers({ kept, accounts, cookies, idle, absolute, clock }: BrowserParts): OwnBrowsers {
  const { set, clear } = createCookies(cookies)
  const keyOf = (request: Pick<IncomingMessage, 'rawHeaders'>): string | undefined => cookieOf(request.rawHeaders, cookies.session)
  const rowOf = (value: JsonObject): Row => value as unknown as Row

  async function find(key: string): Promise<Row | undefined> {
    const found = await kept.get(kind, key)
    if (found === undefined) return undefined
    const row = rowOf(found.value)
    if (clock() - row.seen > idle) {
      await kept.drop(kind, key)
      return undefined
    }
    // Of several requests at once one writes; where none can, it is written the next time.
    if (clock() - row.seen > Math.min(touchAfter, idle / 2)) await kept.swap(kind, key, { ...found.value, seen: clock() }, found.version, { expiresAt: row.since + absolute })
    return row
  }

  const marked = ({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): string | undefined => cookieOf(rawHeaders, cookies.mark)

  return {
    marked,
    mark(request, seconds) {
      const browser = marked(request) ?? randomBytes(32).toString('base64url')
      return { browser, cookie: set(cookies.mark, browser, seconds) }
    },
    async current(request) {
      const key = keyOf(request)
      const row = key === undefined ? undefined : await find(key)
      if (row === undefined) return undefined
      const account = await accounts.get(row.account)
      if (account === undefined) return undefined
      const { at, acr, amr, csrf, provider, logout } = row
      return { account, at, csrf, provider, ...(acr === undefined ? {} : { acr }), ...(amr === undefined ? {} : { amr }), ...(logout === undefined ? {} : { logout }) }
    },
    loginPath(returnTo, { provider, acr, maxAge } = {}) {
      const query = new URLSearchParams({ return: localPath(returnTo), ...(acr === undefined ? {} : { acr }), ...(maxAge === undefined ? {} : { max_age: String(maxAge) }) })
      return `/login${provider === undefined ? '' : `/${encodeURIComponent(provider)}`}?${query}`
    },
    async open(account, { person, at, acr, amr, logout }, request) {
      const before = keyOf(request)
      if (before !== undefined) await kept.drop(kind, before)
      const key = randomBytes(32).toString('base64url')
      const now = clock()
      const row: Row = { account: account.id, provider: person.provider, csrf: randomBytes(24).toString('base64url'), at, since: now, seen: now, ...(acr === undefined ? {} : { acr }), ...(amr === undefined ? {} : { amr }), ...(logout === undefined ? {} : { logout }) }
      await kept.put(kind, key, row as unknown as JsonObject, { expiresAt: now + absolute, groups: [account.id] })
      return set(cookies.session, key)
    },
    async end(request) {
      const key = keyOf(request)
      if (key !== undefined) await kept.drop(kind, key)
      return clear(cookies.session)
    },
    async of(id) {
      return (await kept.list(kind, id)).map(({ value }) => rowOf(value)).filter(({ seen }) => clock() - seen <= idle).map(({ since, seen }) => ({ since, seen }))
    },
    mayPost({ csrf }, given) {
      const [form, own] = [Buffer.from(typeof given === 'string' ? given : ''), Buffer.from(csrf)]
      return form.length === own.length && timingSafeEqual(form, own)
    },
  }
}
