import type { IncomingMessage } from 'node:http'
import type { CryptoKey } from 'jose'
import type { JsonObject, KnownActor, Person } from './model.ts'

export type AccountId = `acc_${string}`

/** Somebody who signed in through a provider, as the provider last spoke of them. */
export interface Account {
  readonly id: AccountId
  readonly actor: Person
  /** Milliseconds since the epoch: when the provider last said so. */
  readonly checked_at: number
}

export interface Accounts {
  /** Undefined for whoever was ended, or was not heard of for too long: nothing of theirs is good any more. */
  get(id: AccountId): Promise<Account | undefined>
  /** Ends all that stands on the account: browser sessions, tokens, running sessions. `why` is for the log and the record. */
  end(id: AccountId, why: string): Promise<void>
  /** Told of every account that ended or whose groups changed, within the stated bound, in every process. Returns how to stop being told. */
  watch(changed: (id: AccountId) => void): () => void
}

/** A browser's session. */
export interface SignedIn {
  readonly account: Account
  /** Milliseconds since the epoch: when the person last proved to the provider who they are. */
  readonly at: number
  readonly acr?: string
  readonly amr?: readonly string[]
  /** What each form of this session carries; it is good in no other. */
  readonly csrf: string
}

export interface Browsers {
  /** Something of a browser's own, whoever uses it, and the cookie that keeps it there for so many seconds. */
  mark(request: Pick<IncomingMessage, 'rawHeaders'>, seconds: number): { readonly browser: string; readonly cookie: string }
  /** What it was marked with. */
  marked(request: Pick<IncomingMessage, 'rawHeaders'>): string | undefined
  /** Whose cookie it is. */
  current(request: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): Promise<SignedIn | undefined>
  /** Whether a form, by what it carries as `csrf`, came from a page of this very session. */
  mayPost(session: SignedIn, csrf: unknown): boolean
  /** The local path where a person signs in and from which they come back to `returnTo`, a local path too. */
  loginPath(returnTo: string, want?: { readonly provider?: string; readonly acr?: string; /** Seconds since they last proved who they are. */ readonly maxAge?: number }): string
}

/** What access tokens of the gateway's own stand on: keys that are at hand, and what must not have ended meanwhile. */
export interface OwnTokens {
  readonly algorithm: 'ES256'
  /** Undefined where no such key signs or signed what may still be good. */
  key(id: string): Promise<CryptoKey | undefined>
  /** Who a token of that content speaks for now; undefined where what it stands on has ended. */
  actor(claims: JsonObject): Promise<KnownActor | undefined>
  /** Grows whenever anything ended or changed in this process: what was looked up before must be looked up anew. */
  generation(): number
}
