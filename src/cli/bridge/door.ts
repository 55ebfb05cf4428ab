import { setTimeout as wait } from 'node:timers/promises'
import { Agent, fetch, type Response } from 'undici'
import { messageOf } from '../../errors.ts'

/** Where tokens come from. */
export interface Bearer {
  /** One that is good now and is not the refused one; `mayAsk` tells whether somebody may be asked to sign in. Rejects in words. */
  token(refused: string | undefined, mayAsk: boolean): Promise<string>
  /** Somebody signs in anew, for these scopes where some are named. Rejects in words. */
  anew(refused: string, scope: string | undefined): Promise<string>
}
export interface Sent {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Buffer
  readonly signal: AbortSignal
  /** Nobody waits for what a stream brings, so nobody is asked to sign in for it. */
  readonly mayAsk: boolean
}
export interface Door {
  send(what: Sent): Promise<Response>
  close(): Promise<void>
}

/** The gateway lets nobody in with what there is; said in words. */
export class NotLetIn extends Error {}

/** With these no byte has reached the gateway, so that it may be tried again. */
const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'])
const patience = 30_000
const longestWait = 2_000

const codeOf = (fault: unknown): string => {
  const cause = fault instanceof Error && fault.cause instanceof Error ? fault.cause : fault
  const first = cause instanceof AggregateError ? cause.errors[0] : cause
  return String((first as { readonly code?: unknown } | undefined)?.code ?? '')
}
const reasonOf = (fault: unknown): string => codeOf(fault) || messageOf(fault)

/** The way to one server of a gateway, with whatever it takes to be let in. */
export function createDoor(address: string, bearer: Bearer): Door {
  // Calls may be held for minutes, and streams say something now and then; a kept connection must not be one that the other side has given up.
  const agent = new Agent({ headersTimeout: 0, bodyTimeout: 120_000, keepAliveTimeout: 4_000, pipelining: 1, connections: null })

  async function reach({ method, headers, body, signal }: Sent, token: string): Promise<Response> {
    for (let [pause, end] = [250, performance.now() + patience]; ; pause = Math.min(pause * 2, longestWait)) {
      try {
        return await fetch(address, { method, redirect: 'manual', signal, dispatcher: agent, headers: { ...headers, authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { body }) })
      } catch (fault) {
        if (signal.aborted || !neverSent.has(codeOf(fault)) || performance.now() > end) throw new Error(`the gateway could not be reached (${reasonOf(fault)})`, { cause: fault })
      }
      await wait(pause, undefined, { signal })
    }
  }

  return {
    async send(what) {
      let token = await bearer.token(undefined, what.mayAsk)
      let response = await reach(what, token)
      // A 401, and a 403 for want of scopes, say that nothing was done (RFC 9110 section 15.5.2, RFC 6750 section 3.1).
      if (response.status === 401) {
        await response.body?.cancel()
        token = await bearer.token(token, what.mayAsk)
        response = await reach(what, token)
      }
      const scope = wantedScope(response)
      if (what.mayAsk && (response.status === 401 || scope !== undefined)) {
        await response.body?.cancel()
        response = await reach(what, await bearer.anew(token, scope))
      }
      return response
    },
    close: () => agent.destroy(),
  }
}

/** RFC 6750 section 3.1: the scopes that a call needs, where its token has too few. */
function wantedScope(response: Response): string | undefined {
  const challenge = response.status === 403 ? (response.headers.get('www-authenticate') ?? '') : ''
  return /error="?insufficient_scope/.test(challenge) ? /scope="([^"\\]+)"/.exec(challenge.replace(/error="[^"]*"/, ''))?.[1] : undefined
}
