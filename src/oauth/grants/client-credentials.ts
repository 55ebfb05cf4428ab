import { errors } from 'oidc-provider'
import type Provider from 'oidc-provider'
import type { Resource, Resources } from '../resources.ts'

/** A client gets a token for itself (RFC 6749 section 4.4): for one resource, and on nobody's behalf. */
export function addClientCredentials(provider: Provider, { resources, describe }: {
  readonly resources: Resources
  readonly describe: (resource: Resource) => object
}): void {
  provider.registerGrantType('client_credentials', async (context) => {
    const { client, params } = context.oidc
    const resource = params['resource'] === undefined ? resources.only : resources.find(params['resource'])
    if (resource === undefined) throw new errors.InvalidTarget('name the one MCP server that the token is for by the resource parameter (RFC 8707)')
    const wanted = new Set(String(params['scope'] ?? '').split(' '))
    const scope = resource.scopes.filter((one, index) => index === 0 || wanted.has(one)).join(' ')
    const token = new provider.ClientCredentials({ client, scope, resourceServer: new provider.ResourceServer(resource.uri, describe(resource)) })
    context.oidc.entity('ClientCredentials', token)
    context.body = { access_token: await token.save(), expires_in: token.expiration, token_type: 'Bearer', scope }
  }, ['scope', 'resource'])
}
