import { isObject } from '../../exact-json.ts'
import { isConfidential } from '../../loopback.ts'
import type { Fetch, Json } from '../../model.ts'

/** Who gives tokens for a server, and for what (RFC 9728). */
export interface ProtectedServer {
  readonly issuer: string
  /** As the server names itself: tokens are asked for this. */
  readonly resource: string
  readonly scope?: string
}

/** What is wrong, for whoever wants to connect and for the log. */
export class NotConnectable extends Error {}

const isScope = (scope: string): boolean => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)
const mostScopes = 50

/** What a server wants that a token was not given for (RFC 6750 section 3.1); undefined where it wants something else. */
export function scopesWanted(challenge: string): readonly string[] | undefined {
  if (parameter(challenge, 'error') !== 'insufficient_scope') return undefined
  const scopes = (parameter(challenge, 'scope') ?? '').split(' ').filter(isScope)
  return scopes.length === 0 || scopes.length > mostScopes ? undefined : scopes
}

const parameter = (header: string, name: string): string | undefined => new RegExp(`(?:^|[\\s,])${name}="([^"\\\\]{1,2000})"`, 'i').exec(header)?.[1]

async function readJson(fetch: Fetch, url: string): Promise<unknown> {
  const response = await fetch(url, { redirect: 'manual', headers: { accept: 'application/json' } })
  if (response.status === 200) return JSON.parse(await response.text())
  await response.body?.cancel()
  return undefined
}

/** RFC 9728 section 3.3: metadata of another resource is not used, or a server could have tokens made for its neighbour. */
const isOf = (resource: string, url: string): boolean => {
  const [named, own] = [URL.parse(resource), new URL(url)]
  if (named === null || named.origin !== own.origin) return false
  const path = named.pathname.replace(/\/$/, '')
  return own.pathname === path || own.pathname.startsWith(`${path}/`)
}

/** Its challenge (RFC 9728 section 5.1). Where only messages are challenged an empty one is sent, which says nothing to anybody. */
async function challengeOf(url: string, fetch: Fetch): Promise<string> {
  const accept = 'application/json, text/event-stream'
  const faults: unknown[] = []
  for (const ask of [{ method: 'GET', headers: { accept: 'text/event-stream' } }, { method: 'POST', headers: { accept, 'content-type': 'application/json' }, body: '' }]) {
    // To some, whoever asks for a stream is given one without end.
    const asked = await fetch(url, { ...ask, redirect: 'manual' }).catch((cause: unknown) => void faults.push(cause))
    if (asked === undefined) continue
    await asked.body?.cancel()
    if (asked.status === 401) return asked.headers.get('www-authenticate') ?? ''
  }
  if (faults.length > 1) throw faults[0]
  return ''
}

/** Asks the server itself, then the usual places. */
export async function findServer(url: string, settings: { readonly issuer?: string | undefined; readonly scope?: string | undefined }, fetch: Fetch): Promise<ProtectedServer> {
  const { origin, pathname } = new URL(url)
  const challenge = await challengeOf(url, fetch)
  // What the server is asked with may be a certificate: that is for the server's own origin alone.
  const named = URL.parse(parameter(challenge, 'resource_metadata') ?? '')
  const told = named?.origin === origin ? named.href : undefined
  const places = [...new Set([...(told === undefined ? [] : [told]), `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`, `${origin}/.well-known/oauth-protected-resource`])]
  for (const place of places) {
    const metadata = await readJson(fetch, place).catch(() => undefined)
    if (!isObject(metadata)) continue
    const found = readMetadata(metadata as { readonly [name: string]: Json }, url, settings.issuer)
    const scope = settings.scope ?? parameter(challenge, 'scope') ?? found.scope
    return { issuer: found.issuer, resource: found.resource, ...(scope === undefined ? {} : { scope }) }
  }
  if (settings.issuer === undefined) throw new NotConnectable('the server does not say who gives tokens for it (RFC 9728); credentials.issuer can')
  return { issuer: settings.issuer, resource: url, ...(settings.scope === undefined ? {} : { scope: settings.scope }) }
}

function readMetadata(metadata: { readonly [name: string]: Json }, url: string, configured: string | undefined): ProtectedServer {
  const { resource, authorization_servers: servers, scopes_supported: scopes } = metadata
  if (typeof resource !== 'string' || !isOf(resource, url)) throw new NotConnectable('the metadata of the server is about another resource')
  const issuer = configured ?? (Array.isArray(servers) ? servers.find((server): server is string => typeof server === 'string') : undefined)
  const parsed = issuer === undefined ? null : URL.parse(issuer)
  if (issuer === undefined || parsed === null || !isConfidential(parsed)) throw new NotConnectable('the server names nobody who gives tokens for it')
  const all = Array.isArray(scopes) ? scopes.filter((scope): scope is string => typeof scope === 'string' && isScope(scope)) : []
  return { issuer, resource, ...(all.length === 0 ? {} : { scope: all.join(' ') }) }
}
