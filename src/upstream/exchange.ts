import type { IncomingHttpHeaders } from 'node:http'
import type { Signal } from '../abort.ts'
import { GatewayError } from '../errors.ts'

export interface ExchangeInput {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly headers: { readonly [name: string]: string }
  readonly body?: string
  /** Path and query in place of those of the server's URL. */
  readonly path?: string
  /** Asked when a connection is there, at the moment of the first byte; where it says no, nothing is sent and `Outdated` is thrown. */
  readonly mayBegin?: () => boolean
  readonly signal: Signal
  /** Milliseconds until the server's response head; 0 waits for ever. */
  readonly headersTimeout: number
}
/** Bytes as they arrive; what is not read holds the server back. A body that breaks off throws. */
export interface AnswerBody extends AsyncIterable<Uint8Array> {
  /** The whole of it, up to `limit` bytes; `patience` is the longest pause in milliseconds. Rejects with `GatewayError`. */
  whole(limit: number, patience: number): Promise<Uint8Array>
  /** Nobody reads on: the socket is closed, unless everything has arrived. */
  destroy(): void
}
export interface ExchangeOutput {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: AnswerBody
}
/**
 * One HTTP exchange with a server, never repeated and never redirected. Rejects with `GatewayError`: `upstream_unreachable` when
 * nothing was sent for certain, `upstream_broken` when it may have been, `upstream_timeout`.
 */
export type ExchangeWith = (input: ExchangeInput) => Promise<ExchangeOutput>

/** Nothing was sent: it was not to be sent any more. */
export class Outdated extends Error {}

/**
 * What a TLS connection is made with, as PEM. The server is verified, always: by `ca` in place of the public authorities, where it is given.
 * No session is resumed: that shows no certificate, and so nothing of one that has expired since, or of another machine with the same tickets.
 */
export interface TlsIdentity {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}
export const tlsOptions = (own: TlsIdentity = {}) => ({ ...own, minVersion: 'TLSv1.2', rejectUnauthorized: true, maxCachedSessions: 0 }) as const

/** Idle sockets are dropped well before common servers drop theirs: a call on a dying socket cannot be repeated. */
export const idleFor = 4000

export const tooLong = (limit: number) => new GatewayError('upstream_broken', { detail: `an answer of more than ${limit} bytes` })
export const unfinished = () => new GatewayError('upstream_timeout', { detail: 'the answer was not finished' })

export function faultOf(error: Error & { code?: string }, signal: Signal, neverSent: boolean): GatewayError {
  if (error instanceof GatewayError) return error
  return new GatewayError(neverSent ? 'upstream_unreachable' : 'upstream_broken', { cause: error, detail: signal.aborted ? 'aborted' : (error.code ?? error.message) })
}
