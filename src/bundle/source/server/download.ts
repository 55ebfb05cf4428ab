import http from 'node:http'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Problem } from '../../problem.ts'

/** What a connection to the server is made with, as PEM. Holds a private key: never print it. */
export interface ServerTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}
export interface Server {
  readonly url: string
  /** Asked each time: what is short-lived may have been replaced. Rejects with a text for people. */
  readonly token?: () => Promise<string>
  readonly tls?: ServerTls
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

const largest = 64 * 1024 * 1024
const usually = 60_000

const failed = (code: string, message: string, remedy?: string): Downloaded => ({ kind: 'failed', problem: { stage: 'fetch', code, message, ...(remedy === undefined ? {} : { remedy }) } })

const respond = ({ url, tls }: Server, { etag, wait, signal }: Asked, token: string | undefined): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = {
      accept: 'application/gzip, application/octet-stream, application/vnd.openpolicyagent.bundles',
      'user-agent': 'sallyport',
      // As OPA asks: a whole bundle, and later if there is no newer one yet (RFC 7240 section 4.3).
      prefer: wait === undefined ? 'modes=snapshot' : `modes=snapshot;wait=${Math.ceil(wait / 1000)}`,
      ...(etag === undefined ? {} : { 'if-none-match': etag }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
    const request = (url.toLowerCase().startsWith('https:') ? https : http).get(url, { headers, signal, ...tls, minVersion: 'TLSv1.2', agent: false }, resolve)
    request.once('error', reject)
  })

const readBody = async (response: IncomingMessage): Promise<Buffer | undefined> => {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length
    if (size > largest) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** What the server says that is neither a bundle nor that there is nothing new. */
const refused = ({ statusCode: status = 0, headers }: IncomingMessage): Downloaded => {
  // The credential is for this server, and whoever else answers could hand out policy.
  if (status >= 300 && status < 400) return failed('redirected', `the bundle server answers ${status} with another address`, `write the address itself into policy.source.url${headers.location === undefined ? '' : `; it names ${JSON.stringify(headers.location.slice(0, 200).split('?')[0])}`}`)
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
  const deadline = AbortSignal.timeout((asked.within ?? usually) + (asked.wait ?? 0))
  try {
    const response = await respond(server, { ...asked, signal: AbortSignal.any([asked.signal, deadline]) }, token)
    try {
      const { statusCode, headers } = response
      if (statusCode === 304) return asked.etag === undefined ? failed('unreachable', 'the bundle server answers 304 to a request for everything') : { kind: 'unchanged' }
      if (statusCode !== 200) return refused(response)
      const bytes = await readBody(response)
      if (bytes === undefined) return failed('too_large', `the bundle is larger than ${largest / 1024 / 1024} MiB`, 'build it from less')
      return { kind: 'new', bytes, ...(headers.etag === undefined ? {} : { etag: headers.etag }), holds: headers['content-type'] === 'application/vnd.openpolicyagent.bundles' }
    } finally {
      response.destroy()
    }
  } catch (fault) {
    if (asked.signal.aborted) return failed('stopped', 'the gateway is shutting down')
    if (deadline.aborted) return failed('timeout', 'the bundle server did not answer in time', 'see that it runs and can be reached from here')
    const { code, message } = fault as NodeJS.ErrnoException
    return failed('unreachable', `the bundle server cannot be reached: ${code ?? message}`, 'see that it runs, can be reached from here, and shows a certificate that is trusted')
  }
}
