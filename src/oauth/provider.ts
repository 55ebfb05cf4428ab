import { randomBytes } from 'node:crypto'
import Provider, { errors, interactionPolicy, type OidcClient, type OidcContext, type OidcToken } from 'oidc-provider'
import type { AccountId, Accounts, Browsers } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { Clock, Fetch, Logger, Principal } from '../model.ts'
import type { Adapter } from './adapter.ts'
import { consentPath, pageOf } from './begun.ts'
import { describe } from './clients.ts'
import { isConfidentialClient, type ConfiguredClient } from './configured-clients.ts'
import { algorithm, type Ring } from './keys.ts'
import { addClientCredentials } from './grants/client-credentials.ts'
import { addIdJag, jwtBearer, type Vouching } from './grants/id-jag.ts'
import { addTokenExchange, type TokenExchangeParts } from './grants/token-exchange.ts'
import { createAddressRate, type Tally } from './rates.ts'
import type { Resource, Resources } from './resources.ts'
import type { RegistrationSettings, TokenSettings } from './settings.ts'

export interface ProviderParts {
  readonly publicUrl: string
  readonly ring: Ring
  readonly adapters: (model: string) => Adapter
  readonly accounts: Pick<Accounts, 'get'>
  readonly browsers: Pick<Browsers, 'mark'>
  readonly resources: Resources
  readonly clients: readonly ConfiguredClient[]
  readonly tokens: TokenSettings
  readonly registration: RegistrationSettings
  readonly fetch: Fetch
  readonly tally: Tally
  readonly clock: Clock
  readonly showError: (context: OidcContext, error: { readonly error?: string; readonly error_description?: string }) => void
  readonly fault: (error: unknown) => void
  readonly vouching: Vouching
  readonly kept: Kept
  readonly logger: Logger
  readonly exchange: Pick<TokenExchangeParts, 'subjectOf' | 'workload'>
  /** For the claim `place`: which of several processes serves a person. */
  readonly placeOf: (who: Pick<Principal, 'issuer' | 'subject'>) => number
  readonly assertionRefused: (client: string, why: string) => void
  /** A client got tokens. */
  readonly used: (client: string) => void
}

export const paths = {
  authorization: '/oauth/authorize', token: '/oauth/token', registration: '/oauth/register', revocation: '/oauth/revoke',
  introspection: '/oauth/introspect', device_authorization: '/oauth/device/authorization', code_verification: '/oauth/device', jwks: '/oauth/jwks', end_session: '/oauth/end', consent: consentPath,
} as const
export const discoveryPaths = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'] as const

const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000)
const interactionFor = 30 * 60
const longestAssertion = 60 * 60_000
const { Check, Prompt } = interactionPolicy

/** The library with what is decided here: who asks, what for, and what they get is the gateway's; the protocol is the library's. */
export function createProvider(parts: ProviderParts): Provider {
  const { publicUrl, resources, tokens, registration, clients } = parts
  const configured = new Map(clients.map((client) => [client.client_id, client]))
  const mayFetch = createAddressRate('documents about clients', registration.per_minute, parts.tally)
  const provider = new Provider(publicUrl, {
    adapter: parts.adapters,
    jwks: { keys: parts.ring.jwks },
    clientDefaults: { grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], id_token_signed_response_alg: algorithm },
    enabledJWA: { idTokenSigningAlgValues: [algorithm], clientAuthSigningAlgValues: ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'] },
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    responseTypes: ['code'],
    scopes: ['openid', 'offline_access'],
    pkce: { required: () => true },
    cookies: { names: { session: 'sallyport-oauth', interaction: 'sallyport-consent', resume: 'sallyport-resume' }, short: { httpOnly: true, sameSite: 'lax' }, long: { httpOnly: true, sameSite: 'lax' } },
    routes: { ...paths },
    ttl: {
      AccessToken: seconds(tokens.access), ClientCredentials: seconds(tokens.access), IdToken: seconds(tokens.access), RefreshToken: seconds(tokens.refresh),
      AuthorizationCode: 60, DeviceCode: 10 * 60, Interaction: interactionFor, Session: interactionFor,
      // What an assertion began ends with its one token.
      Grant: (context: OidcContext | undefined) => seconds(context?.oidc.params['grant_type'] === jwtBearer ? tokens.access + 60_000 : tokens.grant),
    },
    assertJwtClientAuthClaimsAndHeader: (_context: OidcContext, claims: Readonly<Record<string, unknown>>) => checkAssertion(claims, parts.clock),
    allowOmittingSingleRegisteredRedirectUri: false,
    rotateRefreshToken: true,
    issueRefreshToken: (_context: OidcContext, client: OidcClient) => client.grantTypeAllowed('refresh_token'),
    // How long somebody is signed in here is no matter of the browser they used.
    expiresWithSession: () => false,
    // Whatever of a grant is revoked, all of it ends.
    revokeGrantPolicy: () => true,
    findAccount: async (_context: OidcContext, id: string) => findAccount(parts.accounts, id),
    loadExistingGrant: async ({ oidc }: OidcContext) => (oidc.result?.consent === undefined ? undefined : oidc.provider.Grant.find(oidc.result.consent.grantId)),
    interactions: {
      policy: createPolicy(),
      url({ req, res }: OidcContext, { uid }: { readonly uid: string }) {
        const { browser, cookie } = parts.browsers.mark(req, interactionFor)
        res.appendHeader('set-cookie', cookie)
        return pageOf(uid, browser)
      },
    },
    // Only pages that may call the gateway come as far as this; see the guard of hosts and origins.
    clientBasedCORS: () => true,
    formats: {
      customizers: {
        jwt: async (_context: OidcContext, { grantId, accountId, acting }: OidcToken, token: { readonly payload: Record<string, unknown> }) => {
          if (grantId !== undefined) token.payload['grant_id'] = grantId
          const person = accountId === undefined || acting !== undefined ? undefined : (await parts.accounts.get(accountId as AccountId))?.actor
          Object.assign(token.payload, acting, person === undefined ? {} : { place: parts.placeOf(person) })
        },
      },
    },
    // Without the library's signal: it ends a fetch after 2.5 s with an error of ours; how long one may take is said by `outbound/`.
    fetch: (url: string, { method, headers }: RequestInit) => fetchDocument(parts.fetch, url, { ...(method === undefined ? {} : { method }), ...(headers === undefined ? {} : { headers }) }),
    fetchResponseBodyLimits: { 'client_id metadata document': 16 * 1024, jwks_uri: 64 * 1024, sector_identifier_uri: 0 },
    renderError: (context: OidcContext, out: { readonly error?: string; readonly error_description?: string }) => parts.showError(context, out),
    features: {
      devInteractions: { enabled: false }, userinfo: { enabled: false }, rpInitiatedLogout: { enabled: false }, pushedAuthorizationRequests: { enabled: false }, dPoP: { enabled: false },
      deviceFlow: { enabled: true },
      revocation: { enabled: true, allowedPolicy: (_context: OidcContext, client: OidcClient, token: OidcToken) => token.clientId === client.clientId },
      introspection: { enabled: true, allowedPolicy: (_context: OidcContext, client: OidcClient) => isConfidentialClient(configured.get(client.clientId)) },
      registration: { enabled: registration.dynamic, issueRegistrationAccessToken: false, idFactory: () => `reg_${randomBytes(16).toString('hex')}` },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_context: OidcContext, _client: OidcClient, oneOf?: string) => oneOf ?? resources.only?.uri ?? noResource(),
        useGrantedResource: () => true,
        getResourceServerInfo: ({ oidc }: OidcContext, uri: string) => describeResource(oidc.params['resource'], resources.find(uri), tokens),
      },
      clientIdMetadataDocument: {
        enabled: registration.metadata_documents, ack: 'draft-02', cacheDuration: { min: 60, max: 3600 },
        // A document needs a path of its own, or a whole site would be one client.
        // Without a request of its own it is for the page that asks, which another process may have sent the browser to.
        allowFetch: async (context: OidcContext | undefined, id: string) => id.length <= 512 && URL.parse(id)?.pathname !== '/' && (context === undefined || await mayFetch(context.req.socket.remoteAddress)),
      },
    },
  })
  provider.proxy = true // what is believed there is written by `present`
  provider.use(async (context, next) => {
    await next()
    dropSessionCookie(context)
    if ((discoveryPaths as readonly string[]).includes(context.path) && typeof context.body === 'object') {
      context.body = { ...context.body, scopes_supported: [...resources.scopes, 'offline_access'] }
    }
  })
  const describe = (resource: Resource) => describeResource(undefined, resource, tokens)
  addClientCredentials(provider, { resources, describe })
  addIdJag(provider, { issuer: publicUrl, vouching: parts.vouching, resources, describe, kept: parts.kept, clock: parts.clock, refused: parts.assertionRefused })
  addTokenExchange(provider, { ...parts.exchange, clients: configured, resources, describe, longest: tokens.access, clock: parts.clock, logger: parts.logger })
  provider.on('error', (error: unknown) => parts.fault(error))
  provider.on('server_error', (_context: OidcContext, error: unknown) => parts.fault(error))
  provider.on('grant.success', ({ oidc }: OidcContext) => parts.used(oidc.client.clientId))
  return provider
}

/** RFC 7523 section 3, beside what the library looks at: it is for this server alone, and is not good for long, so that its use is remembered for as long. */
function checkAssertion({ aud, exp, sub, iss }: Readonly<Record<string, unknown>>, clock: Clock): void {
  if (Array.isArray(aud) && aud.length > 1) throw new errors.InvalidClientAuth('the assertion is meant for several')
  if (sub !== iss) throw new errors.InvalidClientAuth('the assertion is about somebody else')
  if (typeof exp !== 'number' || exp * 1000 > clock() + longestAssertion) throw new errors.InvalidClientAuth('the assertion is good for longer than an hour')
}

async function findAccount(accounts: Pick<Accounts, 'get'>, id: string) {
  const account = id.startsWith('acc_') ? await accounts.get(id as AccountId) : undefined
  return account === undefined ? undefined : { accountId: account.id, claims: async () => ({ sub: account.id }) }
}

const noResource = (): never => {
  throw new errors.InvalidTarget('name the MCP server by the resource parameter (RFC 8707), such as the address that the client was given')
}

/** RFC 8707 section 2: a token is for one resource, and only for one that is here. */
function describeResource(asked: unknown, resource: Resource | undefined, { access }: TokenSettings) {
  if (Array.isArray(asked) && asked.length > 1) throw new errors.InvalidTarget('one resource for each token')
  if (resource === undefined) throw new errors.InvalidTarget('there is no such resource here')
  return { scope: resource.scopes.join(' '), audience: resource.uri, accessTokenTTL: seconds(access), accessTokenFormat: 'jwt', jwt: { sign: { alg: algorithm } } }
}

/** Whoever asks is always asked on a page of the gateway, which also finds out who they are. */
function createPolicy() {
  return [
    new Prompt({ name: 'login', requestable: true }, new Check('no_session', 'somebody must be signed in', ({ oidc }) => oidc.session.accountId === undefined)),
    new Prompt({ name: 'select_account', requestable: true }),
    new Prompt({ name: 'consent', requestable: true }, new Check('consent_missing', 'nobody has consented', ({ oidc }) => oidc.result?.consent === undefined)),
  ]
}

/** Sessions of the library's own are not kept: a cookie for one would say nothing. */
function dropSessionCookie({ response }: OidcContext): void {
  const given = response.get('set-cookie') ?? []
  const kept = (typeof given === 'string' ? [given] : given).filter((cookie) => cookie !== '' && !cookie.startsWith('sallyport-oauth'))
  if (kept.length === 0) response.remove('set-cookie')
  else response.set('set-cookie', kept)
}

/** A document about a client is held to the same form as what clients register. */
async function fetchDocument(fetch: Fetch, url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'manual' })
  if (response.status !== 200) return response
  const text = await response.text()
  const given: unknown = JSON.parse(text)
  if (typeof given !== 'object' || given === null || !('redirect_uris' in given)) return new Response(text, response)
  const described = describe(given as Parameters<typeof describe>[0])
  if (!described.ok) throw new Error(described.message)
  // What must not stand there at all is refused by the library, so it stays.
  const odd = Object.fromEntries(Object.entries(given).filter(([name]) => name.startsWith('client_secret')))
  return new Response(JSON.stringify({ ...described.metadata, ...odd }), { status: 200, headers: response.headers })
}
