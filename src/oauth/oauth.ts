import { randomBytes } from 'node:crypto'
import type { Router } from 'express'
import type Provider from 'oidc-provider'
import type { AccountId, Accounts, Browsers, OwnTokens } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { Clock, Fetch, Logger } from '../model.ts'
import { html, makePage } from '../page.ts'
import { createAdapters, groupOfAccount, kindOf, ofGrants } from './adapter.ts'
import { createBroughtTokens } from './brought-tokens.ts'
import { createRegisteredClients } from './clients.ts'
import { clientMetadata } from './configured-clients.ts'
import { createConsent } from './consent.ts'
import { createDevicePages } from './grants/device.ts'
import type { Subject, VerifyWorkload } from './grants/token-exchange.ts'
import { openSigningKeys, type Ring, type SigningKeys } from './keys.ts'
import { createOwnTokens, createVerify } from './own-tokens.ts'
import { createProvider, type ProviderParts } from './provider.ts'
import { createResources } from './resources.ts'
import { createOAuthRouter } from './routes.ts'
import type { Tally } from './rates.ts'
import type { RegistrationSettings, TokenSettings } from './settings.ts'

export interface OAuthParts {
  readonly publicUrl: string
  /** What each upstream's calls may want, in words, by scope. */
  readonly upstreams: ReadonlyMap<string, { readonly more: Readonly<Record<string, string>> }>
  readonly clients: ProviderParts['clients']
  readonly tokens: TokenSettings
  readonly registration: RegistrationSettings
  readonly kept: Kept
  readonly accounts: Accounts
  readonly vouching: ProviderParts['vouching']
  readonly workload: VerifyWorkload
  readonly placeOf: ProviderParts['placeOf']
  readonly browsers: Browsers
  readonly fetch: Fetch
  readonly tally: Tally
  readonly clock: Clock
  readonly logger: Logger
  /** Makes the other processes ask anew what tokens are worth; resolves when they do. */
  readonly ended?: (() => Promise<void>) | undefined
}
export interface OAuth {
  readonly router: Router
  readonly own: OwnTokens
  /** What a token is worth is asked anew. */
  changedElsewhere(): void
  /** Now and then: keys are replaced, and what other processes replaced is read. */
  tick(): Promise<void>
  close(): void
}

/** For the person in front of the page, where the words of the protocol would say nothing. */
const inWords: Readonly<Record<string, string>> = {
  invalid_client: 'The program that sent you here is not known: it may have been forgotten after a long time, or what it says of itself cannot be read.',
  invalid_client_metadata: 'What the program that sent you here says of itself cannot be believed.',
  invalid_redirect_uri: 'The program wants you to be sent back to an address that is not its own. Nothing was sent there.',
}

/** The gateway's own authorization server. Several processes are one: everything is in the store. */
export async function openOAuth(parts: OAuthParts): Promise<OAuth> {
  const { publicUrl, upstreams, kept, accounts, tokens, registration, clock, logger } = parts
  let generation = 0
  const changed = (): void => {
    generation += 1
  }
  const ended = async (): Promise<void> => {
    changed()
    await parts.ended?.()
  }
  const scopes = new Map([...upstreams.values()].flatMap(({ more }) => Object.entries(more)))
  const resources = createResources(publicUrl, new Map([...upstreams].map(([name, { more }]) => [name, { more: Object.keys(more) }])))
  const clients = createRegisteredClients({ kept, clock, most: registration.most })
  const verify = createVerify({ issuer: publicUrl, keys: () => keys, clock })
  const brought = createBroughtTokens({ verify, own: () => own })
  const subjectOf = async (token: string): Promise<Subject | undefined> => {
    const claims = await verify(token)
    const actor = claims === undefined ? undefined : await own.actor(claims)
    if (claims === undefined || actor === undefined || actor.kind === 'service') return undefined
    const person = (await accounts.get(claims['sub'] as AccountId))?.actor // what is no service's names an account
    return person === undefined ? undefined : { claims, person }
  }
  const configured = new Map(parts.clients.map((client) => [client.client_id, clientMetadata(client)]))
  const adapters = createAdapters({ kept, clock, clients, configured, tokensLive: tokens.access, ended, brought: brought.find })

  let provider: Provider
  const build = (ring: Ring): void => {
    changed()
    provider = createProvider({
      ...parts, ring, adapters, resources,
      exchange: { subjectOf, workload: parts.workload },
      showError(context, { error, error_description: description }) {
        const reference = randomBytes(6).toString('hex')
        logger.warn('a client was refused', { error, description, client: (context.oidc.params as Partial<typeof context.oidc.params> | undefined)?.['client_id'], reference })
        const page = makePage({ title: 'This cannot go on', body: html`<p>${inWords[error ?? ''] ?? description ?? 'The program asked for something that cannot be done here.'}</p><p>Go back to the program that sent you here. If it happens again, tell whoever runs the gateway: <code>${error}</code>, reference <code>${reference}</code>.</p>` })
        context.res.setHeaders(new Map(Object.entries(page.headers)))
        context.body = page.text
      },
      assertionRefused: (client, why) => logger.warn('an assertion about somebody was refused', { client, why }),
      fault: (error) => logger.error('the authorization server failed', { error: error instanceof Error ? error.stack : String(error) }),
      used: (client) => void clients.used(client).catch((error: unknown) => logger.warn('a client could not be marked as used', { client, error: String(error) })),
    })
  }
  const keys: SigningKeys = await openSigningKeys({ kept, clock, logger, every: tokens.rotate, tokensLive: tokens.access, onChange: build })
  const own = createOwnTokens({ issuer: publicUrl, clients: parts.clients, kept, accounts, keys, generation: () => generation })
  const describeScope = (scope: string): string => scopes.get(scope) ?? (scope === 'api' ? 'use the gateway\'s own API as you' : 'call its tools, read its resources and use its prompts, as far as the policy lets you')
  const device = createDevicePages({ provider: () => provider, browsers: parts.browsers, resources, describeScope, kept, tally: parts.tally, clock, logger })
  const consent = createConsent({
    provider: () => provider, browsers: parts.browsers, resources, kept, clock, logger,
    isConfigured: (client) => parts.clients.some(({ client_id }) => client_id === client),
    describeScope,
  })
  const forget = accounts.watch((id) => {
    changed()
    accounts.get(id).then(async (account) => {
      if (account === undefined) for (const model of ofGrants) await kept.dropGroup(kindOf(model), groupOfAccount(id))
    }).catch((error: unknown) => logger.error('what an account that ended was given could not be dropped', { account: id, error: String(error) }))
  })

  return {
    router: createOAuthRouter({ publicUrl, provider: () => provider, resources, clients, registration, brought, consent, device, tally: parts.tally }),
    own,
    changedElsewhere: changed,
    tick: keys.renew,
    close: forget,
  }
}
