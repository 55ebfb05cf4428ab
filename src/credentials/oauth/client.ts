import * as openid from 'openid-client'
import type { LiveSecret } from '../../config/secrets-live.ts'
import type { Kept } from '../../kept.ts'
import type { Clock, Fetch } from '../../model.ts'
import { basicAuth, clientOf, discover, keepFound, type Found } from '../../openid.ts'
import { register } from './register.ts'
import { findServer, NotConnectable, type ProtectedServer } from './server.ts'

export interface Known {
  readonly server: ProtectedServer
  readonly client: openid.Configuration
}
export interface ClientOptions {
  readonly url: string
  readonly redirectUri: string
  readonly settings: { readonly issuer?: string | undefined; readonly scope?: string | undefined; readonly client_id?: string | undefined }
  readonly secret: LiveSecret | undefined
  /** For the authorization server … */
  readonly fetch: Fetch
  /** … and for the server itself. */
  readonly fetchServer: Fetch
  readonly kept: Kept
  readonly clock: Clock
}

const againAfter = 2_000

/** The client that something was given to, or begun by, at an authorization server. */
export interface Grantee {
  readonly issuer: string
  readonly client?: string
}
export const clientIdOf = ({ client }: Known): string => client.clientMetadata().client_id
/** Another process may have found the server with another authorization server, or registered there anew, since this one looked. */
export async function knownFor({ issuer, client: id }: Grantee, client: Found<Known>): Promise<Known> {
  const known = await client()
  return known.server.issuer === issuer && (id === undefined || clientIdOf(known) === id) ? known : client({ fresh: true })
}

/** The gateway as the client of a server's authorization server: found and, where it has to be, registered when it is first needed. */
export function createOAuthClient(options: ClientOptions): Found<Known> {
  const { url, settings, secret, fetch, kept, clock } = options

  const find = async (): Promise<Known> => {
    const server = await findServer(url, settings, options.fetchServer)
    const client = settings.client_id === undefined ? await registered(server.issuer) : await configured(server.issuer, settings.client_id)
    // MCP 2025-11-25 basic/authorization, "Authorization Code Protection": without it, nobody can tell that the code is not somebody else's.
    if (client.serverMetadata().supportsPKCE('S256') !== true) throw new NotConnectable('the authorization server does not offer PKCE with S256')
    return { server, client }
  }
  const authFor = (metadata: openid.ServerMetadata, value: string | undefined): openid.ClientAuth => {
    if (value === undefined) return openid.None()
    const methods = metadata.token_endpoint_auth_methods_supported
    return methods === undefined || methods.includes('client_secret_basic') ? basicAuth(value) : openid.ClientSecretPost(value)
  }
  const withAuth = (metadata: openid.ServerMetadata, id: string, value: string | undefined): openid.Configuration => clientOf(metadata, id, authFor(metadata, value), fetch)
  const metadataOf = async (issuer: string) => (await discover(issuer, 'unregistered', openid.None(), fetch, ['oauth2', 'oidc'])).serverMetadata()
  const configured = async (issuer: string, id: string) => withAuth(await metadataOf(issuer), id, secret?.value())

  // RFC 7591; one registration for all processes, and for every start.
  const registered = async (issuer: string): Promise<openid.Configuration> => {
    const metadata = await metadataOf(issuer)
    const key = JSON.stringify([issuer, options.redirectUri])
    const before = await kept.get('upstream:client', key)
    if (before !== undefined) return withAuth(metadata, String(before.value['client_id']), before.value['client_secret'] as string | undefined)
    if (metadata.registration_endpoint === undefined) throw new NotConnectable('the authorization server lets no client register itself: credentials.client_id must name one')
    const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
    const { id, secret: value, until } = await register(metadata.registration_endpoint, {
      client_name: 'Sallyport', redirect_uris: [options.redirectUri], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], application_type: 'web',
      token_endpoint_auth_method: ['client_secret_basic', 'client_secret_post', 'none'].find((method) => methods.includes(method)) ?? 'client_secret_basic',
    }, fetch)
    const isKept = await kept.add('upstream:client', key, { client_id: id, ...(value === undefined ? {} : { client_secret: value }) }, until === undefined ? {} : { expiresAt: until - 60_000 })
    return isKept ? withAuth(metadata, id, value) : registered(issuer)
  }

  return keepFound({ find, clock, againAfter, version: () => secret?.version() ?? 0 })
}
