import type { JSONWebKeySet } from 'jose'
import type { ServiceAccount } from '../model.ts'
import { jwtBearer } from './grants/id-jag.ts'
import { tokenExchange } from './grants/token-exchange.ts'
import type { ClientGrant, ClientSettings } from './settings.ts'

/** A client as it stands in the configuration, with what it shows; `actors` are issuers. */
export type ConfiguredClient = Pick<ClientSettings, 'client_id' | 'name' | 'redirect_uris'> & Partial<Pick<ClientSettings, 'grants' | 'groups' | 'jwks' | 'may_act_for' | 'actors'>> & { readonly client_secret?: string; readonly keys?: JSONWebKeySet }

export const grantsOf = ({ grants = ['authorization_code'] }: Pick<ConfiguredClient, 'grants'>): readonly ClientGrant[] => grants

export const isConfidentialClient = (client: ConfiguredClient | undefined): boolean => client?.client_secret !== undefined || client?.jwks !== undefined

const longNames: Readonly<Partial<Record<ClientGrant, string>>> = { device_code: 'urn:ietf:params:oauth:grant-type:device_code', id_jag: jwtBearer, token_exchange: tokenExchange }

/** In the words of RFC 7591. */
export function clientMetadata(client: ConfiguredClient): Record<string, unknown> {
  const { client_id, name, redirect_uris, client_secret, jwks, keys } = client
  const grants = grantsOf(client)
  const signsIn = grants.includes('authorization_code')
  return {
    client_id, client_name: name, redirect_uris: [...redirect_uris],
    grant_types: [...grants.map((grant) => longNames[grant] ?? grant), ...(signsIn || grants.includes('device_code') ? ['refresh_token'] : [])],
    response_types: signsIn ? ['code'] : [],
    application_type: redirect_uris.every((uri) => uri.startsWith('https:')) ? 'web' : 'native',
    token_endpoint_auth_method: jwks !== undefined ? 'private_key_jwt' : client_secret === undefined ? 'none' : 'client_secret_basic',
    ...(client_secret === undefined ? {} : { client_secret }),
    ...(jwks !== undefined && 'url' in jwks ? { jwks_uri: jwks.url } : keys === undefined ? {} : { jwks: keys }),
  }
}

/** How policies see a client that speaks for itself. */
export const serviceOf = ({ client_id, groups = [] }: ConfiguredClient, issuer: string): ServiceAccount =>
  ({ kind: 'service', subject: client_id, issuer, provider: 'gateway', groups, groups_known: true, claims: { client_id } })
