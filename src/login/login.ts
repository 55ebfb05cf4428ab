import type { Router } from 'express'
import type { Kept } from '../kept.ts'
import type { Clock, Fetch, Logger, Person } from '../model.ts'
import { createAccounts, type OwnAccounts } from './accounts.ts'
import { createBrowsers, type OwnBrowsers } from './browsers.ts'
import type { News } from './changes.ts'
import { cookieNames } from './cookies.ts'
import { createFlows } from './flows.ts'
import { createBackChannel } from './oidc/back-channel.ts'
import type { ClientSecret } from './oidc/client.ts'
import { createOidcProvider } from './oidc/provider.ts'
import type { Keys } from './oidc/signed.ts'
import type { Naming } from './person.ts'
import type { EndAccounts, SignInProvider } from './provider.ts'
import { createLoginRoutes } from './routes.ts'
import { openSamlProvider } from './saml/open.ts'
import type { LoginSettings, ProviderSettings } from './settings.ts'

export interface LoginParts {
  readonly settings: LoginSettings
  readonly publicUrl: string
  readonly kept: Kept
  /** By the path of the setting, `identity.providers.0.client_secret`. */
  readonly secret: (path: string) => string
  /** What fetches for a provider; it may go inside the network to the origins that the operator wrote. */
  readonly fetchFor: (configured: readonly string[]) => Fetch
  readonly keysFor: (issuer: { readonly name: string; readonly issuer: string }) => Keys
  /** Of all who can name groups, providers or not. */
  readonly issuers: readonly { readonly name: string }[]
  readonly clock: Clock
  readonly logger: Logger
  /** Makes the other processes learn of what changed with somebody; resolves when they have. */
  readonly announced?: ((news: News) => Promise<void>) | undefined
}
export interface Login {
  readonly router: Router
  readonly accounts: OwnAccounts
  readonly browsers: OwnBrowsers
  /** From now on providers are asked about whoever is in use. */
  start(held: () => Iterable<Pick<Person, 'issuer' | 'subject'>>): void
  close(): void
}

const tickEvery = 2_000

/** Signing in by a browser, and what becomes of it. */
export function createLogin({ settings, publicUrl, kept, secret, fetchFor, keysFor, issuers, clock, logger, announced }: LoginParts): Login {
  const { refresh, grace, session, idle } = settings
  const cookies = cookieNames(publicUrl)
  const providers = new Map<string, SignInProvider>()
  const accounts = createAccounts({ kept, bounds: { refresh, grace, session }, provider: (name) => providers.get(name), clock, logger, announced })
  const browsers = createBrowsers({ kept, accounts, cookies, idle, absolute: session, clock })
  const names = [...settings.providers, ...issuers].map(({ name }) => name)

  const namingOf = ({ name, trusted_groups: trusted }: ProviderSettings): Naming =>
    ({ provider: name, trusted: trusted ?? (settings.providers.length === 1 ? 'all' : []), names: names.filter((other) => other !== name) })
  const createProvider = (provider: ProviderSettings, index: number, end: EndAccounts): SignInProvider => {
    const place = `identity.providers.${index}`
    if (provider.kind === 'saml') return openSamlProvider(provider, { secret: (name) => secret(`${place}.${name}`), naming: namingOf(provider), publicUrl, kept, fetchFor, end, clock, logger })
    const keys = keysFor({ name: provider.name, issuer: provider.issuer })
    const ownSecret = (): ClientSecret => (provider.private_key_from === undefined ? { secret: secret(`${place}.client_secret`) } : { privateKey: secret(`${place}.private_key`) })
    const made = createOidcProvider({ settings: provider, secret: ownSecret, naming: namingOf(provider), publicUrl, fetch: fetchFor([provider.issuer]), keys, clock })
    return { ...made, routes: createBackChannel({ settings: provider, keys, kept, end, clock, logger }) }
  }
  for (const [index, provider] of settings.providers.entries()) providers.set(provider.name, createProvider(provider, index, accounts.endAll))

  let timer: NodeJS.Timeout | undefined
  return {
    accounts, browsers,
    router: createLoginRoutes({ providers, accounts, browsers, flows: createFlows({ kept, cookies, clock }), publicUrl, clock, logger }),
    start(held) {
      timer ??= setInterval(() => void accounts.tick(held()).catch((cause: unknown) => logger.error('accounts could not be looked at', { cause: String(cause) })), tickEvery).unref()
    },
    close: () => clearInterval(timer),
  }
}
