import { createHash } from 'node:crypto'
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
  /** Where that authorization server sends people back to. */
  readonly redirectUri: string
}
export interface ClientOptions {
  readonly url: string
  /** Of a client that the settings name; the gateway registers itself for one of each authorization server's own. */
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

/**
 * RFC 9700 section 4.4.2.2: a server that names another authorization server could have a code of the one before sent there. Each has an address
 * of its own, since not all say in their answers who they are (RFC 9207).
 */
export const redirectUriFor = (issuer: string, redirectUri: string): string => `${redirectUri}/${createHash('sha256').update(issuer).digest('base64url').slice(0, 16)}`

/** The gateway as the client of a server's authorization server: found and, where it has to be, registered when it is first needed. */
export function createOAuthClient(options: ClientOptions): Found<Known> {
  const { url, settings, secret, fetch, kept, clock } = options

  const find = async (): Promise<Known> => {
    const server = await findServer(url, settings, options.fetchServer)
    const redirectUri = settings.client_id === undefined ? redirectUriFor(server.issuer, options.redirectUri) : options.redirectUri
    const client = settings.client_id === undefined ? await registered(server.issuer, redirectUri) : await configured(server.issuer, settings.client_id)
    // MCP 2025-11-25 basic/authorization, "Authorization Code Protection": without it, nobody can tell that the code is not somebody else's.
    if (client.serverMetadata().supportsPKCE('S256') !== true) throw new NotConnectable('the authorization server does not offer PKCE with S256')
    return { server, client, redirectUri }
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
  const registered = async (issuer: string, redirectUri: string): Promise<openid.Configuration> => {
    const metadata = await metadataOf(issuer)
    const key = JSON.stringify([issuer, redirectUri])
    const before = await kept.get('upstream:client', key)
    if (before !== undefined) return withAuth(metadata, String(before.value['client_id']), before.value['client_secret'] as string | undefined)
    if (metadata.registration_endpoint === undefined) throw new NotConnectable('the authorization server lets no client register itself: credentials.client_id must name one')
    const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
    const { id, secret: value, until } = await register(metadata.registration_endpoint, {
      client_name: 'Sallyport', redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], application_type: 'web',
      token_endpoint_auth_method: ['client_secret_basic', 'client_secret_post', 'none'].find((method) => methods.includes(method)) ?? 'client_secret_basic',
    }, fetch)
    const isKept = await kept.add('upstream:client', key, { client_id: id, ...(value === undefined ? {} : { client_secret: value }) }, until === undefined ? {} : { expiresAt: until - 60_000 })
    return isKept ? withAuth(metadata, id, value) : registered(issuer, redirectUri)
  }

  return keepFound({ find, clock, againAfter, version: () => secret?.version() ?? 0 })
}
