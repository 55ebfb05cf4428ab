import type { Fetch } from '../source/server/download.ts'

/** Where reports go. Holds a credential: never print it. */
export interface ReportServer {
  /** Up to `/logs` or `/status` and the partition, whole. */
  readonly url: string
  readonly token?: string
  readonly fetch: Fetch
}
export type Posted = { readonly ok: true } | { readonly ok: false; readonly status?: number; readonly why: string }

/** Milliseconds that one of them may take. */
export const reportWithin = 30_000

export const urlOf = ({ url, partition }: { readonly url: string; readonly partition?: string | undefined }, resource: 'logs' | 'status'): string =>
  `${url.replace(/\/+$/, '')}/${resource}${partition === undefined ? '' : `/${partition}`}`

/** One POST. */
export const post = async ({ url, token, fetch }: ReportServer, body: Buffer, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Posted> => {
  try {
    const all = { ...headers, 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
    const { status, ok } = await fetch(url, { method: 'POST', headers: all, body: new Uint8Array(body), signal })
    return ok ? { ok: true } : { ok: false, status, why: `the server answers ${status}` }
  } catch (fault) {
    const { code, message } = fault as NodeJS.ErrnoException
    return { ok: false, why: code === 'timeout' ? 'the server did not answer in time' : `the server cannot be reached: ${message}` }
  }
}

const firstPause = 500
const longestPause = 60_000

/** How long to wait before the next attempt: longer each time, and not the same for all who failed together. */
export const backoff = (failures: number): number => Math.min(firstPause * 2 ** Math.min(failures, 10), longestPause) * (0.75 + Math.random() / 2)
