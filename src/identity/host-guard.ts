import type { IncomingMessage, ServerResponse } from 'node:http'
import { headerValues } from './bearer.ts'

/** Told of a request that was not let in. */
export type TellRefused = (request: IncomingMessage, refusal: { readonly status: number; readonly code: string; readonly message: string }) => void

const answer = (response: ServerResponse, status: 400 | 403, code: string, detail: string): false => {
  const title = status === 400 ? 'Bad Request' : 'Forbidden'
  response.writeHead(status, { 'content-type': 'application/problem+json; charset=utf-8' }).end(JSON.stringify({ type: 'about:blank', title, status, detail, code }))
  return false
}

/** Where an identity provider's page posts to (SAML bindings 3.5): what comes there is signed, and no cookie counts for it. */
const postedFromElsewhere = ({ method, url }: IncomingMessage): boolean => method === 'POST' && /^\/saml\/[a-z0-9][a-z0-9_-]{0,62}\/(?:acs|slo)$/.test(url ?? '')

/** True where the request may go on; else it has been answered. */
export type HostGuard = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * Answers only requests that were meant for this gateway and, where a browser sends them, come from a page that may.
 * A page whose name was pointed at a loopback address brings its own name as host and origin (DNS rebinding).
 */
export const createHostGuard = ({ hosts, origins, tell }: { readonly hosts: readonly string[]; readonly origins: readonly string[]; readonly tell?: TellRefused }): HostGuard => {
  // RFC 9110 section 4.2.1 and 4.2.2: a default port may be written or left out.
  const allowedHosts = new Set(hosts.flatMap(host => [host.toLowerCase(), ...(/^[^:]+$|\]$/.test(host) ? [`${host}:80`, `${host}:443`].map(one => one.toLowerCase()) : [])]))
  const allowedOrigins = new Set(origins.map(origin => origin.toLowerCase()))
  return (request, response) => {
    const refuse: typeof answer = (to, status, code, message) => {
      tell?.(request, { status, code, message })
      return answer(to, status, code, message)
    }
    const given = headerValues(request.rawHeaders, 'host')
    const from = headerValues(request.rawHeaders, 'origin')
    const [host] = given
    // RFC 9112 section 3.2: exactly one. A target in absolute form would be a second one.
    if (given.length !== 1 || host === undefined || request.url?.startsWith('/') !== true) return refuse(response, 400, 'host_ambiguous', 'exactly one host is needed')
    if (from.length > 1) return refuse(response, 400, 'origin_ambiguous', 'at most one origin is possible')
    if (!allowedHosts.has(host.toLowerCase())) return refuse(response, 403, 'host_not_allowed', 'this host is not one of the gateway; see allowed_hosts')
    if (from[0] !== undefined && !allowedOrigins.has(from[0].toLowerCase()) && !postedFromElsewhere(request)) return refuse(response, 403, 'origin_not_allowed', 'this origin may not call the gateway; see allowed_origins')
    return true
  }
}
