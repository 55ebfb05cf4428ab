import { GatewayError } from '../errors.ts'
import type { Message } from '../model.ts'
import type { CredentialSource } from './credential.ts'
import type { AnswerBody, ExchangeOutput, TlsIdentity } from './exchange.ts'
import type { OwnIds } from './upstream.ts'

export interface SseEventLike {
  readonly id?: string
  readonly event?: string
  readonly data: string
  readonly retry?: number
}
export interface SseReader {
  push(chunk: Uint8Array): readonly SseEventLike[]
  end(): readonly SseEventLike[]
  takeSkipped(): number
}

/** A server that has a URL, whichever of MCP's transports it speaks. */
export interface HttpServer {
  readonly name: string
  readonly labels: { readonly [label: string]: string }
  /** Where the server runs; more than one are replicas of it. */
  readonly urls: readonly string[]
  readonly tls?: TlsIdentity | undefined
  readonly credentials: CredentialSource
  /** Bytes of one answer or event. */
  readonly maxAnswer: number
  readonly print: (message: Message, own: OwnIds) => string
  readonly createSseReader: (options: { maxEvent: number }) => SseReader
}

/** What is about the gateway, never about its caller: its own credential (RFC 9110 sections 15.5.2 and 15.5.4), or a proxy on its way (15.5.8, RFC 6585 section 6). */
export const isAboutGateway = (status: number): boolean => [401, 403, 407, 511].includes(status)
export const credentialRefused = (status: number) => new GatewayError('upstream_unreachable', { detail: `the server refused the gateway's own credential (${status})` })

/** Undefined also where there are several: readers would differ. */
export function mediaTypeOf({ headers }: ExchangeOutput): string | undefined {
  const type: unknown = headers['content-type'] // a list where a pooled answer has it more than once
  if (typeof type !== 'string') return undefined
  return type === 'application/json' ? type : type.split(';')[0]?.trim().toLowerCase()
}

const mostDiscarded = 64 * 1024

/** Reads what nobody needs, so that its socket can be used again; what is long or slow costs the socket. */
export async function discard(body: AnswerBody): Promise<void> {
  await body.whole(mostDiscarded, 1000).catch(() => undefined)
}
