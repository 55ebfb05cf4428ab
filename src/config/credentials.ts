import type { Settings } from './schema.ts'
import type { Secrets } from './secrets.ts'

type UpstreamSettings = Settings['upstreams'][string]

/** What a server is given by the gateway itself. Made from secrets: never print it. */
export interface UpstreamCredentials {
  /** The header of a server over HTTP. */
  readonly header?: { readonly header: string; readonly value: string }
  /** The child's variables beside PATH and HOME, of a server over stdio. */
  readonly env: { readonly [name: string]: string }
  /** Every spelling that an answer must not echo, longest first. */
  readonly secrets: readonly string[]
}

const spellings = (values: readonly string[]): readonly string[] => {
  const all = values.flatMap(value => [
    value,
    Buffer.from(value).toString('base64'),
    Buffer.from(value).toString('base64url'),
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
  ])
  return [...new Set(all)].sort((a, b) => b.length - a.length)
}

const headerOf = (name: string, { credentials }: Extract<UpstreamSettings, { urls: unknown }>, secrets: Secrets): { header: string; value: string; bare: readonly string[] } | undefined => {
  const secret = (key: string): string => secrets.get(`upstreams.${name}.credentials.${key}`)
  switch (credentials?.kind) {
    case undefined:
      return undefined
    case 'bearer':
      return { header: 'authorization', value: `Bearer ${secret('token')}`, bare: [secret('token')] }
    case 'header':
      return { header: credentials.name.toLowerCase(), value: secret('value'), bare: [secret('value')] }
    case 'basic': {
      const pair = `${credentials.username}:${secret('password')}`
      return { header: 'authorization', value: `Basic ${Buffer.from(pair).toString('base64')}`, bare: [pair, secret('password')] }
    }
  }
}

/** Joins a server's settings with its secrets (RFC 6750 section 2.1, RFC 7617 section 2). */
export const credentialsOf = (name: string, upstream: UpstreamSettings, secrets: Secrets): UpstreamCredentials => {
  if ('urls' in upstream) {
    const made = headerOf(name, upstream, secrets)
    return made === undefined ? { env: {}, secrets: [] } : { header: { header: made.header, value: made.value }, env: {}, secrets: spellings(made.bare) }
  }
  const hidden: string[] = []
  const env = Object.entries(upstream.env).map(([key, value]): [string, string] => {
    if (typeof value === 'string') return [key, value]
    const variable = key.slice(0, -'_from'.length)
    const secret = secrets.get(`upstreams.${name}.env.${variable}`)
    hidden.push(secret)
    return [variable, secret]
  })
  return { env: Object.fromEntries(env), secrets: spellings(hidden) }
}
