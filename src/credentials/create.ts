import type { CredentialSettings } from '../upstream/credential-settings.ts'
import type { CredentialSource } from '../upstream/credential.ts'
import { createAwsSignatures } from './aws-sigv4.ts'
import { createFixedCredentials } from './fixed.ts'
import { createClientCredentials, createOnBehalfOf, createTokenExchange } from './grants.ts'
import { noCredentials } from './none.ts'
import type { CredentialParts } from './parts.ts'

type Kinds = { readonly [K in CredentialSettings['kind']]: (settings: Extract<CredentialSettings, { kind: K }>, parts: CredentialParts) => CredentialSource }

const kinds = {
  bearer: (settings, { secret }) => createFixedCredentials(settings, secret),
  header: (settings, { secret }) => createFixedCredentials(settings, secret),
  basic: (settings, { secret }) => createFixedCredentials(settings, secret),
  client_credentials: createClientCredentials,
  token_exchange: createTokenExchange,
  on_behalf_of: createOnBehalfOf,
  oauth: (settings, { connections }) => connections(settings),
  aws_sigv4: createAwsSignatures,
} as const satisfies Kinds

/** What a server is given, by the kind that its settings name. */
export function createCredentials(settings: CredentialSettings | undefined, parts: CredentialParts): CredentialSource {
  if (settings === undefined) return noCredentials
  const create = kinds[settings.kind] as (settings: CredentialSettings, parts: CredentialParts) => CredentialSource // the key says which
  return create(settings, parts)
}
