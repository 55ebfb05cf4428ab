import type { Settings } from './schema.ts'
import type { Secrets } from './secrets.ts'

type UpstreamSettings = Settings['upstreams'][string]

/** What a server is given to try it: a header that is the same for every caller, and a child's variables. Made from secrets: never print it. */
export interface UpstreamCredentials {
  readonly header?: { readonly header: string; readonly value: string }
  readonly env: { readonly [name: string]: string }
}

const headerOf = (name: string, { credentials }: Extract<UpstreamSettings, { urls: unknown }>, secrets: Secrets): UpstreamCredentials['header'] => {
  const secret = (key: string): string => secrets.get(`upstreams.${name}.credentials.${key}`)
  switch (credentials?.kind) {
    case 'bearer':
      return { header: 'authorization', value: `Bearer ${secret('token')}` }
    case 'header':
      return { header: credentials.name.toLowerCase(), value: secret('value') }
    case 'basic':
      return { header: 'authorization', value: `Basic ${Buffer.from(`${credentials.username}:${secret('password')}`).toString('base64')}` }
    default:
      return undefined
  }
}

/** Joins a server's settings with its secrets (RFC 6750 section 2.1, RFC 7617 section 2). */
export const credentialsOf = (name: string, upstream: UpstreamSettings, secrets: Secrets): UpstreamCredentials => {
  if ('urls' in upstream) {
    const header = headerOf(name, upstream, secrets)
    return header === undefined ? { env: {} } : { header, env: {} }
  }
  const env = Object.entries(upstream.env).map(([key, value]): [string, string] => {
    if (typeof value === 'string') return [key, value]
    const variable = key.slice(0, -'_from'.length)
    return [variable, secrets.get(`upstreams.${name}.env.${variable}`)]
  })
  return { env: Object.fromEntries(env) }
}
