import type { Fetch } from '../../../model.ts'
import type { Problem } from '../../problem.ts'

export interface Server {
  readonly url: string
  /** Leaves a body as it came. */
  readonly fetch: Fetch
  /** Asked each time: what is short-lived may have been replaced. Rejects with a text for people. */
  readonly token?: () => Promise<string>
}
export interface Asked {
  /** What the caller has already. */
  readonly etag?: string
  /** Milliseconds that the server may hold the request until there is something new. */
  readonly wait?: number
  readonly signal: AbortSignal
  /** Milliseconds for all of it, beside `wait`. */
  readonly within?: number
}
export type Downloaded =
  | { readonly kind: 'new'; readonly bytes: Buffer; readonly etag?: string; readonly holds: boolean }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'failed'; readonly problem: Problem }

export const largestBundle = 64 * 1024 * 1024
export const usualPatience = 60_000

const failed = (code: string, message: string, remedy?: string): Downloaded => ({ kind: 'failed', problem: { stage: 'fetch', code, message, ...(remedy === undefined ? {} : { remedy }) } })

const respond = ({ url, fetch }: Server, { etag, wait, signal }: Asked, token: string | undefined): Promise<Response> => {
  const headers = {
    accept: 'application/gzip, application/octet-stream, application/vnd.openpolicyagent.bundles',
    // As OPA asks: a whole bundle, and later if there is no newer one yet (RFC 7240 section 4.3).
    prefer: wait === undefined ? 'modes=snapshot' : `modes=snapshot;wait=${Math.ceil(wait / 1000)}`,
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }
  return fetch(url, { headers, signal })
}

/** What the server says that is neither a bundle nor that there is nothing new. */
const refused = ({ status, headers }: Response): Downloaded => {
  const location = headers.get('location')
  // The credential is for this server, and whoever else answers could hand out policy.
  if (status >= 300 && status < 400) return failed('redirected', `the bundle server answers ${status} with another address`, `write the address itself into policy.source.url${location === null ? '' : `; it names ${JSON.stringify(location.slice(0, 200).split('?')[0])}`}`)
  if (status === 401 || status === 403) return failed('credentials_refused', `the bundle server does not let the gateway in (${status})`, 'see that policy.source.credentials and tls are right and may read the bundle')
  if (status === 404) return failed('bundle_missing', 'the bundle server has no such bundle (404)', 'see policy.source.url')
  return failed('unreachable', `the bundle server answers ${status}`, 'see that it runs')
}

/** One request to a bundle server: no redirects, bounded in time and size. */
export const download = async (server: Server, asked: Asked): Promise<Downloaded> => {
  let token: string | undefined
  try {
    token = await server.token?.()
  } catch (fault) {
    return failed('credentials_missing', (fault as Error).message, 'see policy.source.credentials')
  }
  const deadline = AbortSignal.timeout((asked.within ?? usualPatience) + (asked.wait ?? 0))
  try {
    const response = await respond(server, { ...asked, signal: AbortSignal.any([asked.signal, deadline]) }, token)
    const { status, headers } = response
    if (status === 304) return asked.etag === undefined ? failed('unreachable', 'the bundle server answers 304 to a request for everything') : { kind: 'unchanged' }
    if (status !== 200) return refused(response)
    const etag = headers.get('etag')
    return { kind: 'new', bytes: Buffer.from(await response.arrayBuffer()), ...(etag === null ? {} : { etag }), holds: headers.get('content-type') === 'application/vnd.openpolicyagent.bundles' }
  } catch (fault) {
    const { code, message } = fault as NodeJS.ErrnoException
    if (asked.signal.aborted || code === 'stopped') return failed('stopped', 'the gateway is shutting down')
    if (deadline.aborted || code === 'timeout') return failed('timeout', 'the bundle server did not answer in time', 'see that it runs and can be reached from here')
    if (code === 'too_large') return failed('too_large', `the bundle is larger than ${largestBundle / 1024 / 1024} MiB`, 'build it from less')
    if (code === 'refused') return failed('address_refused', `the bundle server may not be asked: ${message}`, 'see policy.source.url')
    return failed('unreachable', `the bundle server cannot be reached: ${message}`, 'see that it runs, can be reached from here, and shows a certificate that is trusted')
  }
}
