import type { Settings } from '../config/schema.ts'
import { messageOf } from '../errors.ts'
import type { ProviderSettings } from '../login/settings.ts'
import type { Fetch, Logger } from '../model.ts'
import type { Check } from './doctor.ts'

const silent = () => undefined
const remedies = {
  oidc: 'write its issuer as it stands in its tokens, character by character, and see that it can be reached from here',
  saml: 'see that its metadata, or its certificate, is the right one and can be read from here',
}

/** An error of a client says what went wrong in what caused it. */
const whyOf = (fault: unknown): string => {
  const { cause } = (typeof fault === 'object' && fault !== null ? fault : {}) as { readonly cause?: unknown }
  return typeof cause === 'object' && cause !== null && 'message' in cause ? `${messageOf(fault)}: ${whyOf(cause)}` : messageOf(fault)
}

/** Says why nobody could sign in there, if so. The gateway's secret is not tried: a provider is shown it only together with somebody's sign-in. */
async function tryProvider(provider: ProviderSettings, fetchFor: (configured: readonly string[]) => Fetch): Promise<string | undefined> {
  if (provider.kind === 'oidc') {
    const { createClient } = await import('../login/oidc/client.ts')
    return createClient(provider, { secret: () => ({ secret: '' }), fetch: fetchFor([provider.issuer]), clock: Date.now })().then(() => undefined, whyOf)
  }
  const { createIdpSource } = await import('../login/saml/idp.ts')
  let why: unknown
  const logger: Logger = { debug: silent, info: silent, warn: (_, fields) => void (why = fields?.['cause']), error: silent }
  const { metadata } = provider
  const idp = await createIdpSource(provider, { fetch: fetchFor(metadata !== undefined && 'url' in metadata ? [metadata.url] : []), clock: Date.now, logger }).current()
  return idp === undefined ? String(why ?? 'it has nothing that is valid now') : undefined
}

/** Whether people could sign in where the configuration says: a slip there would show only when the first of them comes. */
export const checkProviders = async (settings: Settings): Promise<readonly Check[]> => {
  const { createOutbound } = await import('../outbound/outbound.ts')
  const outbound = createOutbound({ settings: settings.outbound })
  try {
    return await Promise.all(settings.identity.providers.map(async (provider): Promise<Check> => {
      const check = `provider ${provider.name}`
      const why = await tryProvider(provider, (configured) => outbound.fetchFor({ purpose: 'sign_in', configured }))
      return why === undefined ? { check, state: 'ok', says: 'says where people sign in' } : { check, state: 'failed', says: `does not say where people sign in: ${why}`, remedy: remedies[provider.kind] }
    }))
  } finally {
    outbound.close()
  }
}
