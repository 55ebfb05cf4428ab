import { messageOf } from '../errors.ts'
import type { Fetch } from '../model.ts'
import { fetchJson } from './fetch-json.ts'

const metadataUrls = (issuer: string): readonly string[] => {
  const url = new URL(issuer)
  const path = url.pathname.replace(/\/$/, '')
  return [`${url.origin}${path}/.well-known/openid-configuration`, `${url.origin}/.well-known/oauth-authorization-server${path}`]
}

const keysUrl = (issuer: string, metadata: unknown): string => {
  if (typeof metadata !== 'object' || metadata === null) throw new Error('metadata that is not an object')
  const { issuer: named, jwks_uri: uri } = metadata as Record<string, unknown>
  // OpenID Connect Discovery 1.0 section 4.3, RFC 8414 section 3.3: no normalisation, or one issuer could speak for another.
  if (named !== issuer) throw new Error('metadata of another issuer')
  const url = typeof uri === 'string' ? URL.parse(uri) : null
  if (url === null || url.username !== '') throw new Error('metadata without a usable jwks_uri')
  return url.href
}

/** Where an issuer says its keys are: OpenID Connect Discovery first, then RFC 8414. Throws when neither answers. */
export const discoverKeysUrl = async (fetch: Fetch, issuer: string): Promise<string> => {
  const problems: string[] = []
  for (const url of metadataUrls(issuer)) {
    try {
      return keysUrl(issuer, (await fetchJson(fetch, url)).body)
    } catch (error) {
      problems.push(`${url}: ${messageOf(error)}`)
    }
  }
  throw new Error(problems.join('; '))
}
