import { GatewayError } from '../errors.ts'
import type { KnownActor } from '../model.ts'
import type { ExchangeInput, ExchangeOutput, ExchangeWith } from './exchange.ts'
import { discard } from './http-server.ts'

/** An exchange as it will be sent, but for the credential. */
export interface Outgoing {
  readonly method: string
  /** Where exactly: a credential is made for this and for nothing else. */
  readonly url: string
  readonly headers: { readonly [name: string]: string }
  readonly body?: string
}

/** Why a caller has no credential for the server, in words that tell them what to do. */
export interface Need {
  readonly code: 'not_connected' | 'sign_in_again' | 'not_granted' | 'more_scopes'
  readonly message: string
  /** Where they can do it. */
  readonly link?: string
}

export interface Presented {
  readonly headers: { readonly [name: string]: string }
  /** Asked after the server refused it (401): whether there is another by now. */
  readonly renew: () => Promise<boolean>
  /** Asked after the server would not do it with this one (403), by its challenge: what would help, where anything does. */
  readonly lacks?: (challenge: string) => Promise<Need | undefined>
}

/** What one caller's exchanges with a server carry. */
export interface Credential {
  /** At once where it is at hand. Rejects with `GatewayError` where it cannot be had at the moment. */
  present(outgoing: Outgoing): Presented | { readonly need: Need } | Promise<Presented | { readonly need: Need }>
  /** What an answer must not echo; another array only when they are others. */
  secrets(): readonly string[]
}

/** What a server is given, whoever calls. */
export interface CredentialSource {
  of(caller: KnownActor): Credential
}

/** Nothing was done: its caller has to do something first. */
export class Uncredentialed extends Error {
  readonly need: Need

  constructor(need: Need) {
    super(need.code)
    this.need = need
  }
}

/** Of what nobody can answer to the caller. */
export const faultOfNeed = (cause: unknown): unknown => (cause instanceof Uncredentialed ? new GatewayError('upstream_unreachable', { cause, detail: `no credential for this caller: ${cause.need.code}` }) : cause)

/**
 * Exchanges that carry a credential. A 401 says that the server did nothing (RFC 9110 section 15.5.2): where there is another
 * credential by then, the same is sent once more with it. So does a 403 that wants more of the credential (RFC 6750 section 3.1).
 */
export async function exchangeAs(credential: Credential, exchange: ExchangeWith, base: string, input: ExchangeInput): Promise<ExchangeOutput> {
  const outgoing: Outgoing = { ...input, url: input.path === undefined ? base : new URL(input.path, base).href }
  const found = credential.present(outgoing)
  let presented = presentable(found instanceof Promise ? await found : found)
  let output = await exchange(carrying(presented, input))
  if (output.status === 401 && !input.signal.aborted && (await presented.renew())) {
    await discard(output.body)
    presented = presentable(await credential.present(outgoing))
    output = await exchange(carrying(presented, input))
  }
  const need = output.status === 403 ? await presented.lacks?.(output.headers['www-authenticate'] ?? '') : undefined
  if (need === undefined) return output
  await discard(output.body)
  throw new Uncredentialed(need)
}

function presentable(found: Presented | { readonly need: Need }): Presented {
  if ('need' in found) throw new Uncredentialed(found.need)
  return found
}

const carrying = ({ headers }: Presented, input: ExchangeInput): ExchangeInput => ({ ...input, headers: { ...input.headers, ...headers } })
