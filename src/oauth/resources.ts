/** What a token is for: one MCP server, or the API. */
export interface Resource {
  /** The audience of its tokens. */
  readonly uri: string
  /** Undefined for the API. */
  readonly upstream?: string
  /** The first is what every token for it has. */
  readonly scopes: readonly [string, ...string[]]
}
export interface Resources {
  /** RFC 8707 section 2, with or without a slash at its end, as clients write it. */
  find(uri: unknown): Resource | undefined
  /** Where there is one upstream, clients that cannot name a resource mean it. */
  readonly only: Resource | undefined
  readonly scopes: readonly string[]
}

/** `more` are the scopes that some calls of an upstream want. */
export function createResources(publicUrl: string, upstreams: ReadonlyMap<string, { readonly more: readonly string[] }>): Resources {
  const servers = [...upstreams].map(([upstream, { more }]): Resource => ({ uri: `${publicUrl}/mcp/${upstream}`, upstream, scopes: [`mcp:${upstream}`, ...more] }))
  const all: readonly Resource[] = [...servers, { uri: `${publicUrl}/api/v1`, scopes: ['api'] }]
  const byUri = new Map(all.flatMap((resource) => [[resource.uri, resource], [`${resource.uri}/`, resource]]))
  return {
    find: (uri) => (typeof uri === 'string' ? byUri.get(uri) : undefined),
    only: servers.length === 1 ? servers[0] : undefined,
    scopes: all.flatMap(({ scopes }) => scopes),
  }
}

/** The address of an authorization request with what clients of older revisions leave out: the one server there is, and its first scope. */
export function completed(url: string, { find, only }: Pick<Resources, 'find' | 'only'>): string {
  const [path = '', query = ''] = split(url)
  const given = new URLSearchParams(query)
  const named = given.getAll('resource')
  const resource = named.length === 0 ? only : find(named[0])
  if (resource === undefined || named.length > 1 || given.getAll('scope').length > 1) return url
  if (named.length === 0) given.set('resource', resource.uri)
  const scopes = (given.get('scope') ?? '').split(' ').filter((one) => one !== '')
  if (!scopes.includes(resource.scopes[0])) given.set('scope', [...scopes, resource.scopes[0]].join(' '))
  return `${path}?${given}`
}

const split = (url: string): readonly string[] => {
  const at = url.indexOf('?')
  return at < 0 ? [url] : [url.slice(0, at), url.slice(at + 1)]
}
