import type { Router } from 'express'
import type { JsonObject, Person } from '../model.ts'

/** What is asked of a sign-in beyond that it happens. */
export interface Want {
  readonly acr?: string
  /** Seconds since the person last proved who they are. */
  readonly maxAge?: number
}

/** Where the browser goes. `keep` is sealed with the flow and handed back when the browser returns; it holds whatever the answer must match. */
export interface Begun {
  readonly url: string
  readonly keep: JsonObject
}

/** Somebody whom the provider vouches for, everything checked. */
export interface Verified {
  readonly person: Person
  /** Milliseconds since the epoch: when they last proved who they are; 0 where the provider does not say. */
  readonly at: number
  readonly acr?: string
  readonly amr?: readonly string[]
  /** The provider's own id of its session (`sid`, `SessionIndex`): what its logout names. */
  readonly session?: string
  /** What `renew` needs; absent where the provider cannot be asked again. */
  readonly renewal?: JsonObject
  /** What `logoutUrl` needs. */
  readonly logout?: JsonObject
  /** What a server may be given in exchange for the person's own identity. */
  readonly tokens?: ProviderTokens
}
export interface ProviderTokens {
  readonly id_token?: string
  readonly access_token?: string
  /** Milliseconds since the epoch. */
  readonly expires_at?: number
}

export type Finished =
  | { readonly ok: true; readonly verified: Verified }
  /** `message` is for the person; `detail` for the log. Neither holds a token, a code or an assertion. */
  | { readonly ok: false; readonly code: string; readonly message: string; readonly detail?: string }

export type Renewed =
  | ({ readonly kind: 'renewed'; readonly person: Person } & Pick<Verified, 'renewal' | 'tokens'>)
  /** The provider does not stand by the person any more. */
  | { readonly kind: 'ended'; readonly why: string }
  /** Nothing was learned; `renewal` where what was given for the next time is another one. */
  | { readonly kind: 'unreachable'; readonly why: string; readonly renewal?: JsonObject }

/** What OIDC and SAML both are. */
export interface SignInProvider {
  readonly name: string
  /** What its button says. */
  readonly title: string
  /** `flow` names the flow in the provider's answer (`state`, `RelayState`): unguessable, used once, bound to one browser. */
  begin(flow: string, want: Want): Promise<Begun>
  /** The browser is back at `/login/<name>/callback`, its flow was found and is its own. `query` is the address's, as it came. */
  finish(query: URLSearchParams, keep: JsonObject, want: Want): Promise<Finished>
  /** Called by one process at a time for each account. */
  renew?(renewal: JsonObject, person: Person): Promise<Renewed>
  /** Where the browser signs out at the provider too, and comes back to `returnTo`. */
  logoutUrl?(logout: JsonObject, returnTo: string): Promise<string | undefined>
  /** Whatever else it answers, by whole paths. */
  readonly routes?: Router
}

/** What a provider says has ended: everything of a person, or of one of its sessions. */
export interface Ending {
  readonly provider: string
  readonly issuer: string
  readonly subject?: string
  readonly session?: string
}
/** How many accounts that were. */
export type EndAccounts = (ending: Ending, why: string) => Promise<number>
