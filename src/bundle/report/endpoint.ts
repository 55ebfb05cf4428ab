import type { Fetch } from '../../model.ts'

/** A token that may be another one tomorrow. */
export interface ReportToken {
  value(): string
  /** Counts the values. */
  version(): number
  /** Whether it is another than `version` by now; read anew if need be. */
  renewed(version: number): Promise<boolean>
}
/** Where reports go. Holds a credential: never print it. */
export interface ReportServer {
  /** Up to `/logs` or `/status` and the partition, whole. */
  readonly url: string
  readonly token?: ReportToken
  readonly fetch: Fetch
}
export type Posted = { readonly ok: true } | { readonly ok: false; readonly status?: number; readonly why: string }

/** Milliseconds that one of them may take. */
export const reportWithin = 30_000

export const urlOf = ({ url, partition }: { readonly url: string; readonly partition?: string | undefined }, resource: 'logs' | 'status'): string =>
  `${url.replace(/\/+$/, '')}/${resource}${partition === undefined ? '' : `/${partition}`}`

/** One POST; a second one where the token was refused and is another by now. */
export const post = async (server: ReportServer, body: Buffer, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Posted> => {
  const version = server.token?.version() ?? 0
  const posted = await attempt(server, body, headers, signal)
  const isRefused = !posted.ok && posted.status === 401
  return isRefused && (await server.token?.renewed(version)) === true ? attempt(server, body, headers, signal) : posted
}

const attempt = async ({ url, token, fetch }: ReportServer, body: Buffer, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Posted> => {
  try {
    const all = { ...headers, 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token.value()}` }) }
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
