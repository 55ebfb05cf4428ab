import type { SignedIn } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { Clock } from '../model.ts'
import { groupOfAccount } from './adapter.ts'
import { isLocal } from './redirects.ts'
import type { Resource } from './resources.ts'

export interface RememberedParts {
  readonly kept: Kept
  readonly clock: Clock
  /** Whether a client is one that somebody configured. */
  readonly isConfigured: (client: string) => boolean
}
interface About {
  readonly client: { readonly clientId: string }
  readonly redirect: string
  readonly resource: Resource
  readonly scopes: readonly string[]
}

const rememberedFor = 90 * 24 * 60 * 60_000

/** A yes that need not be said again. */
export function createRemembered({ kept, clock, isConfigured }: RememberedParts) {
  // A program on somebody's machine can call itself anything and be sent the answer: it is never taken for one that was let in before.
  const mayRemember = ({ client, redirect }: About): boolean => isConfigured(client.clientId) && !isLocal(redirect)
  const keyOf = ({ client, redirect, resource }: About, { account }: SignedIn): string => JSON.stringify([account.id, client.clientId, resource.uri, URL.parse(redirect)?.origin ?? redirect])
  return {
    async covers(about: About, who: SignedIn): Promise<boolean> {
      const before = mayRemember(about) ? (await kept.get('oauth:consent', keyOf(about, who)))?.value['scopes'] : undefined
      return Array.isArray(before) && about.scopes.every((scope) => before.includes(scope))
    },
    async remember(about: About, who: SignedIn): Promise<void> {
      if (mayRemember(about)) await kept.put('oauth:consent', keyOf(about, who), { scopes: [...about.scopes] }, { expiresAt: clock() + rememberedFor, groups: [groupOfAccount(who.account.id)] })
    },
  }
}
