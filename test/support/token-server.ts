import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider, { errors } from 'oidc-provider'

/** What the tests need of it beside what `src/` types. */
interface Found {
  readonly accountId?: string
  readonly clientId: string
  readonly aud?: string
  readonly scope?: string
  readonly isExpired: boolean
  destroy(): Promise<void>
}
interface Noted {
  readonly oidc: { readonly body?: Record<string, string> }
  readonly req: IncomingMessage
}
interface Untyped {
  readonly AccessToken: { find(token: string): Promise<Found | undefined> }
  readonly ClientCredentials: { find(token: string): Promise<Found | undefined> }
  interactionFinished(request: IncomingMessage, response: ServerResponse, result: object, options: object): Promise<void>
  interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<{ prompt: { name: string }; params: Record<string, string>; session?: { accountId: string } }>
}

export interface TokenServer {
  readonly issuer: string
  /** Every request to the token endpoint, in order. */
  readonly asked: { readonly grant: string; readonly params: URLSearchParams; readonly authorization: string | undefined }[]
  /** Every path asked for, with its method. */
  readonly paths: string[]
  /** Seconds that access tokens live. */
  ttl: number
  /** What exchanged tokens are for where the request has no word for it. */
  resource: string | undefined
  /** Who says yes at its pages; `undefined` says no. */
  person: string | undefined
  /** Whether it says until when the secret of a client that registers is good; many do not. */
  tellsExpiry: boolean
  /** Set: the token endpoint answers so, whatever is asked. */
  broken: { readonly status: number; readonly body: unknown } | undefined
  /** Who a token speaks for, and for what; undefined where it is not good (any more). */
  accept(token: string): Promise<{ readonly who: string; readonly audience: string | undefined; readonly scopes: readonly string[] } | undefined>
  revoke(token: string): Promise<void>
  close(): Promise<void>
}
export interface TokenServerOptions {
  readonly clients?: readonly object[]
  /** What a subject token of somebody else's is worth: whom it stands for. */
  readonly subjects?: (token: string) => string | undefined
  readonly registration?: boolean
}
export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const bearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** Everything it knows, for as long as it runs. */
function inMemory() {
  const kept = new Map<string, Record<string, unknown>>()
  return class {
    readonly #kind: string

    constructor(kind: string) {
      this.#kind = kind
    }
    async upsert(id: string, payload: Record<string, unknown>) {
      kept.set(`${this.#kind}:${id}`, payload)
    }
    async find(id: string) {
      return kept.get(`${this.#kind}:${id}`)
    }
    async findByUid(uid: string) {
      return [...kept].find(([key, { uid: own }]) => key.startsWith('Session:') && own === uid)?.[1]
    }
    async findByUserCode() {
      return undefined
    }
    async destroy(id: string) {
      kept.delete(`${this.#kind}:${id}`)
    }
    async consume(id: string) {
      const found = kept.get(`${this.#kind}:${id}`)
      if (found !== undefined) found['consumed'] = Math.floor(Date.now() / 1000)
    }
    async revokeByGrantId(grant: string) {
      for (const [key, { grantId }] of kept) if (grantId === grant) kept.delete(key)
    }
  }
}

/** A real authorization server (oidc-provider) that gives opaque tokens for any loopback resource, with pages that say yes by themselves. */
export async function startTokenServer({ clients = [], subjects = () => undefined, registration = true }: TokenServerOptions = {}): Promise<TokenServer> {
  const http = createServer()
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const made: Omit<TokenServer, 'accept' | 'revoke' | 'close'> = { issuer, asked: [], paths: [], ttl: 3600, resource: undefined, person: 'sam-at-the-server', broken: undefined, tellsExpiry: true }
  const describe = (resource: string) => ({ scope: 'crm.read crm.write offline_access', audience: resource, accessTokenFormat: 'opaque', accessTokenTTL: made.ttl })
  const provider = new Provider(issuer, {
    clients, jwks: { keys: [{ ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), kid: 'own', alg: 'RS256', use: 'sig' }] }, adapter: inMemory(), cookies: { keys: [randomBytes(32).toString('hex')] }, scopes: ['openid', 'offline_access', 'crm.read', 'crm.write'],
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    rotateRefreshToken: true,
    features: {
      devInteractions: { enabled: false }, clientCredentials: { enabled: true }, registration: { enabled: registration }, revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: { enabled: true, useGrantedResource: () => true, getResourceServerInfo: (_context: unknown, resource: string) => describe(resource) },
    },
    ttl: { Interaction: 3600, Session: 3600, Grant: 3600, AuthorizationCode: 60, RefreshToken: 3600, AccessToken: () => made.ttl, ClientCredentials: () => made.ttl },
  })
  const untyped = provider as unknown as Untyped
  for (const [grant, subject] of [[exchangeGrant, 'subject_token'], [bearerGrant, 'assertion']] as const) {
    provider.registerGrantType(grant, async (context) => {
      const { client, params } = context.oidc
      const account = subjects(String(params[subject]))
      if (account === undefined) throw new errors.InvalidGrant('not a token of ours')
      const resource = String(params['resource'] ?? made.resource)
      const token = Object.assign(new provider.AccessToken({ accountId: account, client, gty: 'exchanged', expiresIn: made.ttl }), { resourceServer: new provider.ResourceServer(resource, describe(resource)) })
      context.oidc.entity('AccessToken', token)
      context.body = { access_token: await token.save(), issued_token_type: 'urn:ietf:params:oauth:token-type:access_token', token_type: 'Bearer', expires_in: made.ttl }
    }, [subject, 'subject_token_type', 'requested_token_type', 'requested_token_use', 'resource', 'scope', 'audience'])
  }
  const serve = provider.callback()
  const interact = async (request: IncomingMessage, response: ServerResponse) => {
    const { prompt, params, session } = await untyped.interactionDetails(request, response)
    const finish = (result: object) => untyped.interactionFinished(request, response, result, { mergeWithLastSubmission: true })
    if (made.person === undefined) return finish({ error: 'access_denied' })
    if (prompt.name === 'login') return finish({ login: { accountId: made.person } })
    const grant = new provider.Grant({ accountId: session?.accountId ?? made.person, clientId: String(params['client_id']) })
    grant.addOIDCScope('crm.read crm.write offline_access')
    grant.addResourceScope(String(params['resource']), 'crm.read crm.write offline_access')
    return finish({ consent: { grantId: await grant.save() } })
  }
  http.on('request', (request, response) => {
    const { pathname } = new URL(request.url ?? '/', issuer)
    made.paths.push(`${request.method} ${pathname}`)
    if (pathname.startsWith('/interaction/')) return void interact(request, response).catch(() => response.writeHead(500).end())
    if (pathname === '/token' && made.broken !== undefined) {
      made.asked.push({ grant: 'broken', params: new URLSearchParams(), authorization: request.headers.authorization })
      return void response.writeHead(made.broken.status, { 'content-type': 'application/json' }).end(JSON.stringify(made.broken.body))
    }
    return void serve(request, response)
  })
  provider.use(async (context, next) => {
    await next()
    if (context.path === '/reg' && !made.tellsExpiry) delete (context.body as { client_secret_expires_at?: number }).client_secret_expires_at
  })
  const note = ({ oidc: { body }, req }: Noted) => {
    made.asked.push({ grant: body?.['grant_type'] ?? '', params: new URLSearchParams(body), authorization: req.headers.authorization })
  }
  provider.on('grant.success', note as (...told: never[]) => void)
  provider.on('grant.error', note as (...told: never[]) => void)
  const find = async (token: string) => (await untyped.AccessToken.find(token)) ?? (await untyped.ClientCredentials.find(token))
  return Object.assign(made, {
    async accept(token: string) {
      const found = await find(token)
      return found === undefined || found.isExpired ? undefined : { who: found.accountId ?? found.clientId, audience: found.aud, scopes: found.scope?.split(' ') ?? [] }
    },
    revoke: async (token: string) => (await find(token))?.destroy(),
    close: () => new Promise<void>((resolve) => {
      http.close(() => resolve())
      http.closeAllConnections()
    }),
  })
}

export const clientWithSecret = (id: string, secret: string, grants: readonly string[]) => ({
  client_id: id, client_secret: secret, grant_types: grants, response_types: [], redirect_uris: [], token_endpoint_auth_method: 'client_secret_basic',
})
