import { generateKeyPair, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import Provider, { errors } from 'oidc-provider'
import { peopleClient, type Persona, personaGrant, personas } from './personas.ts'

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

function createIssuer(name: Persona['issuer'], url: string, secret: string, key: Awaited<ReturnType<typeof makeKey>>, isResource: (text: string) => boolean): Provider {
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
    // Tokens are signed, not stored; there is nothing else that would have to be found again.
    adapter: () => ({ upsert: async () => {}, find: async () => undefined, destroy: async () => {}, consume: async () => {} }),
    cookies: { keys: [randomBytes(32).toString('hex')] },
    clients: name === 'people' ? [client(peopleClient, personaGrant)] : own.map(({ subject }) => client(subject, 'client_credentials')),
    clientDefaults: { id_token_signed_response_alg: alg },
    enabledJWA: { idTokenSigningAlgValues: [alg] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: (_context: unknown, resource: string) => describeResource(resource) },
    },
    ttl: { AccessToken: lifetime, ClientCredentials: lifetime },
    extraTokenClaims: (_context: unknown, token: { readonly accountId?: string; readonly clientId?: string }) =>
      own.find(({ subject }) => subject === (token.accountId ?? token.clientId))?.claims,
  })
  if (name === 'people') addPersonaGrant(provider, own, describeResource)
  return provider
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
  const people = createIssuer('people', issuers.people, secret, await makeKey('people'), isResource).callback()
  const ci = createIssuer('ci', issuers.ci, secret, await makeKey('ci'), isResource).callback()

  http.on('request', (request, response) => {
    const [, issuer, rest] = /^\/(people|ci)(\/.*)$/.exec(request.url ?? '') ?? []
    // Another name for this address is a page that tries to reach it from a browser.
    if (rest === undefined || request.headers.host !== host) {
      response.writeHead(404).end()
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
