import type { Signal } from '../abort.ts'
import { GatewayError } from '../errors.ts'
import type { Revision } from '../model.ts'
import type { ExchangeOutput } from './exchange.ts'
import { isRefusal, type Replica, type Replicas } from './replicas.ts'

type Attempt = (replica: Replica) => Promise<ExchangeOutput>

/** A session of the older era at its server: it lives at the replica where it was made. */
export interface HttpSession {
  readonly isOpen: boolean
  /** Counts the sessions that were lost with their replica. */
  readonly generation: number
  /** Of a message in the session (MCP 2025-11-25 basic/transports, "Session Management" and "Protocol Version Header"). */
  headers(revision: Revision): Record<string, string>
  /** Begins it anew, at whichever replica there is. */
  greet(attempt: Attempt, signal: Signal): Promise<ExchangeOutput>
  greeted(id: string | undefined): void
  /** The revision that the client was told. */
  speaks(revision: Revision): void
  /** Where its own replica is gone, so is the session: it is greeted at another one before it is used again. */
  atHome(attempt: Attempt, signal: Signal): Promise<ExchangeOutput>
  /** Where it has to be told that it ends; undefined where there is none. */
  leave(): Replica | undefined
}

export function createHttpSession(replicas: Replicas): HttpSession {
  let session: string | undefined
  let negotiated: Revision | undefined
  let generation = 0
  let home: Replica | undefined
  const settle = (replica: Replica | undefined): void => {
    if (home !== undefined) home.homes -= 1
    if (replica !== undefined) replica.homes += 1
    home = replica
  }
  const settleAt = (attempt: Attempt, signal: Signal): Promise<ExchangeOutput> =>
    replicas.first('sessions', signal, async (replica) => {
      const output = await attempt(replica)
      settle(replica)
      return output
    })
  const only = replicas.all.length === 1 ? replicas.all[0] : undefined
  const atOneOfMany = async (attempt: Attempt, signal: Signal): Promise<ExchangeOutput> => {
    if (home === undefined) throw new GatewayError('upstream_unreachable', { detail: 'no replica was greeted for this session' })
    try {
      return await attempt(home)
    } catch (cause) {
      if (!isRefusal(cause) || signal.aborted) throw cause
      if (session === undefined) return settleAt(attempt, signal) // a server that keeps no session is the same everywhere
      settle(undefined)
      session = undefined
      generation += 1
      throw cause
    }
  }
  return {
    get isOpen() {
      return session !== undefined
    },
    get generation() {
      return generation
    },
    headers(revision) {
      const headers: Record<string, string> = {}
      if (session !== undefined) headers['mcp-session-id'] = session
      if (revision !== '2024-11-05' && revision !== '2025-03-26') headers['mcp-protocol-version'] = negotiated ?? revision
      return headers
    },
    greet(attempt, signal) {
      session = undefined
      return settleAt(attempt, signal)
    },
    greeted(id) {
      session = id
      negotiated = undefined
    },
    speaks(revision) {
      negotiated = revision
    },
    atHome: (attempt, signal) => (only === undefined ? atOneOfMany(attempt, signal) : attempt(only)),
    leave() {
      const last = session === undefined ? undefined : home
      settle(undefined)
      session = undefined
      return last
    },
  }
}
