import http from 'node:http'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import type { ServerTls } from '../source/server/download.ts'

/** Where reports go. Holds a credential: never print it. */
export interface ReportServer {
  /** Up to `/logs` or `/status` and the partition, whole. */
  readonly url: string
  readonly token?: string
  readonly tls?: ServerTls
}
export type Posted = { readonly ok: true } | { readonly ok: false; readonly status?: number; readonly why: string }

const within = 30_000

export const urlOf = ({ url, partition }: { readonly url: string; readonly partition?: string | undefined }, resource: 'logs' | 'status'): string =>
  `${url.replace(/\/+$/, '')}/${resource}${partition === undefined ? '' : `/${partition}`}`

/** One POST, bounded in time; no redirects. */
export const post = async ({ url, token, tls }: ReportServer, body: Buffer, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Posted> => {
  const deadline = AbortSignal.timeout(within)
  try {
    const { statusCode: status = 0 } = await new Promise<IncomingMessage>((resolve, reject) => {
      const all = { ...headers, 'content-type': 'application/json', 'content-length': String(body.length), 'user-agent': 'sallyport', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
      const request = (url.toLowerCase().startsWith('https:') ? https : http).request(url, { method: 'POST', headers: all, signal: AbortSignal.any([signal, deadline]), ...tls, minVersion: 'TLSv1.2', agent: false }, (response) => {
        response.resume()
        response.once('end', () => resolve(response)).once('error', reject)
      })
      request.once('error', reject).end(body)
    })
    return status >= 200 && status < 300 ? { ok: true } : { ok: false, status, why: `the server answers ${status}` }
  } catch (fault) {
    const { code, message } = fault as NodeJS.ErrnoException
    return { ok: false, why: deadline.aborted ? 'the server did not answer in time' : `the server cannot be reached: ${code ?? message}` }
  }
}

const firstPause = 500
const longestPause = 60_000

/** How long to wait before the next attempt: longer each time, and not the same for all who failed together. */
export const backoff = (failures: number): number => Math.min(firstPause * 2 ** Math.min(failures, 10), longestPause) * (0.75 + Math.random() / 2)
