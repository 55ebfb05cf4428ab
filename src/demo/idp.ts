import { generateKeyPair, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import Provider, { errors, type OidcClient, type OidcContext } from 'oidc-provider'
import { createMemory } from './memory.ts'
import { personaPage } from './persona-page.ts'
import { gatewayClient, peopleClient, type Persona, personaGrant, personas } from './personas.ts'

export interface Idp {
  readonly issuers: Readonly<Record<Persona['issuer'], string>>
  close(): Promise<void>
}

const makeKeys = promisify(generateKeyPair)
const lifetime = 8 * 3600

/** People sign with RSA, jobs with an elliptic curve: both are met in the wild. */
async function makeKey(issuer: Persona['issuer']) {
  const { privateKey } =
    issuer === 'people' ? await makeKeys('rsa', { modulusLength: 2048 }) : await makeKeys('ec', { namedCurve: 'P-256' })
  const alg = issuer === 'people' ? 'RS256' : 'ES256'
  return { alg, jwk: { ...privateKey.export({ format: 'jwk' }), kid: randomBytes(8).toString('hex'), use: 'sig', alg } }
}

interface IssuerParts {
  readonly name: Persona['issuer']
  readonly url: string
  readonly secret: string
  readonly publicUrl: string
  readonly isResource: (text: string) => boolean
}

function createIssuer({ name, url, secret, publicUrl, isResource }: IssuerParts, key: Awaited<ReturnType<typeof makeKey>>): Provider {
  const { alg, jwk } = key
  const own = personas.filter(({ issuer }) => issuer === name)
  const client = (id: string, grant: string) => ({
    client_id: id, client_secret: secret, grant_types: [grant], response_types: [], redirect_uris: [],
    token_endpoint_auth_method: 'client_secret_post', id_token_signed_response_alg: alg,
  })
  /** RFC 8707 section 2: a token is for one resource, and only for one that is the demo's. */
  const describeResource = (resource: unknown) => {
    if (typeof resource !== 'string' || !isResource(resource)) throw new errors.InvalidTarget()
    return { scope: '', audience: resource, accessTokenTTL: lifetime, accessTokenFormat: 'jwt', jwt: { sign: { alg } } }
  }
  const provider = new Provider(url, {
    jwks: { keys: [jwk] },
    adapter: createMemory(),
    cookies: { keys: [randomBytes(32).toString('hex')] },
    clients: name === 'people' ? [client(peopleClient, personaGrant), gatewayOf(client(gatewayClient, 'authorization_code'), publicUrl)] : own.map(({ subject }) => client(subject, 'client_credentials')),
    clientDefaults: { id_token_signed_response_alg: alg },
    enabledJWA: { idTokenSigningAlgValues: [alg] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: (_context: unknown, resource: string) => describeResource(resource) },
    },
    ttl: { AccessToken: lifetime, ClientCredentials: lifetime, RefreshToken: lifetime, Grant: lifetime, IdToken: 3600, Interaction: 600 },
    ...(name === 'people' ? signIn(own) : {}),
    extraTokenClaims: (_context: unknown, token: { readonly accountId?: string; readonly clientId?: string }) =>
      own.find(({ subject }) => subject === (token.accountId ?? token.clientId))?.claims,
  })
  if (name === 'people') addPersonaGrant(provider, own, describeResource)
  return provider
}

/** The gateway signs people in here too. */
const gatewayOf = (client: object, publicUrl: string) => ({
  ...client, grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], redirect_uris: [`${publicUrl}/login/people/callback`],
})

/** Whoever comes says who they are; there is nothing to consent to. */
const signIn = (own: readonly Persona[]) => ({
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  claims: { openid: ['sub', 'groups'], profile: ['name'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  interactions: { url: (_context: unknown, { uid }: { readonly uid: string }) => `/people/persona/${uid}` },
  findAccount(_context: unknown, id: string) {
    const persona = own.find(({ subject }) => subject === id)
    return persona === undefined ? undefined : { accountId: id, claims: () => ({ sub: id, ...persona.claims }) }
  },
  async loadExistingGrant({ oidc: { provider, client, session } }: OidcContext) {
    const grant = new provider.Grant({ accountId: session.accountId ?? '', clientId: client.clientId })
    grant.addOIDCScope('openid profile email offline_access')
    await grant.save()
    return grant
  },
  expiresWithSession: async () => false,
  issueRefreshToken: async (_context: unknown, client: OidcClient) => client.grantTypeAllowed('refresh_token'),
})

/** The page between the gateway and its answer. */
async function askWho(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const own = personas.filter(({ issuer }) => issuer === 'people')
  await provider.interactionDetails(request, response) // of this browser, or it throws
  if (request.method !== 'POST') {
    const { headers, text } = personaPage(own)
    return void response.writeHead(200, headers).end(text)
  }
  let text = ''
  for await (const part of request) if ((text += String(part)).length > 1024) break
  const persona = own.find(({ name }) => name === new URLSearchParams(text).get('persona'))
  if (persona === undefined) return void response.writeHead(400).end()
  await provider.interactionFinished(request, response, { login: { accountId: persona.subject } })
}

/** People have nothing to type a password into: whoever can read the demo's own file may be any of them. */
function addPersonaGrant(provider: Provider, own: readonly Persona[], describeResource: (resource: unknown) => object): void {
  provider.registerGrantType(personaGrant, async (context) => {
    const { client, params } = context.oidc
    const persona = own.find(({ name }) => name === params['persona'])
    if (persona === undefined) throw new errors.InvalidGrant('nobody has that name')
    const resourceServer = new provider.ResourceServer(params['resource'], describeResource(params['resource']))
    const token = Object.assign(new provider.AccessToken({ accountId: persona.subject, client, gty: 'persona' }), { resourceServer })
    context.oidc.entity('AccessToken', token)
    context.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: lifetime }
  }, ['persona', 'resource'])
}

/** The development identity provider: discovery, keys made at start, and tokens for whoever knows its secret. Loopback only. */
export async function startIdp({ publicUrl, secret }: { readonly publicUrl: string; readonly secret: string }): Promise<Idp> {
  const http = createServer()
  await new Promise<void>((resolve, reject) => http.once('error', reject).listen(0, '127.0.0.1', resolve))
  // A TCP listener has an address that is an object.
  const host = `127.0.0.1:${(http.address() as AddressInfo).port}`
  const issuers = { people: `http://${host}/people`, ci: `http://${host}/ci` }
  const isResource = (text: string) => text === `${publicUrl}/api/v1` || /^\/mcp\/[a-z0-9][a-z0-9_-]*$/.test(text.startsWith(publicUrl) ? text.slice(publicUrl.length) : '')
  const parts = { secret, publicUrl, isResource }
  const peopleProvider = createIssuer({ ...parts, name: 'people', url: issuers.people }, await makeKey('people'))
  const people = peopleProvider.callback()
  const ci = createIssuer({ ...parts, name: 'ci', url: issuers.ci }, await makeKey('ci')).callback()

  http.on('request', (request, response) => {
    const [, issuer, rest] = /^\/(people|ci)(\/.*)$/.exec(request.url ?? '') ?? []
    // Another name for this address is a page that tries to reach it from a browser.
    if (rest === undefined || request.headers.host !== host) {
      response.writeHead(404).end()
      return
    }
    if (issuer === 'people' && rest.startsWith('/persona/')) {
      askWho(peopleProvider, request, response).catch(() => response.writeHead(400, { 'content-type': 'text/plain' }).end('This sign-in is over. Begin again in your program.\n'))
      return
    }
    // Mounted below a path: the provider prints its URLs from the difference of the two (its own documentation, "Mounting").
    Object.assign(request, { originalUrl: request.url, url: rest })
    void (issuer === 'people' ? people : ci)(request, response)
  })
  return {
    issuers,
    async close() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}
