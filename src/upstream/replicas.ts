import type { Signal } from '../abort.ts'
import { GatewayError } from '../errors.ts'
import { createPooledExchange } from './exchange-pooled.ts'
import { createProxiedExchange } from './exchange-proxied.ts'
import type { AnswerBody, ExchangeWith, TlsIdentity } from './exchange.ts'

/** One of the addresses under which the same server runs. */
export interface Replica {
  readonly url: string
  /** Sessions that live here. */
  homes: number
  /** For calls. */
  readonly calls: ExchangeWith
  /** For streams, and what ends them. */
  readonly streams: ExchangeWith
}
export interface ReplicaState {
  readonly url: string
  /** False since it last refused a connection. */
  readonly up: boolean
  /** Exchanges that run; not counted where there is only one replica. */
  readonly in_flight?: number
}

export interface Replicas {
  readonly all: readonly Replica[]
  /**
   * Tries at the replica with the least to do, and at the next one only where the connection was refused: an exchange of which a
   * byte may have been sent is never made again. Where all refuse, the last fault is thrown.
   */
  first<T>(by: 'calls' | 'sessions', signal: Signal, attempt: (replica: Replica) => Promise<T>): Promise<T>
  state(): readonly ReplicaState[]
  close(): void
}

/** A replica that refused a connection is tried after all others for so long. */
const coolOff = 5000

interface Own extends Replica {
  downSince: number | undefined
  inFlight: number
  readonly close: () => void
}

export function createReplicas(urls: readonly string[], tls: TlsIdentity | undefined): Replicas {
  const all = urls.map((url) => createReplica(url, tls, urls.length > 1))
  let turn = 0

  const isResting = ({ downSince }: Own) => downSince !== undefined && performance.now() - downSince < coolOff
  const inOrder = (by: 'calls' | 'sessions'): readonly Own[] => {
    if (all.length === 1) return all
    turn = (turn + 1) % all.length
    const rotated = [...all.slice(turn), ...all.slice(0, turn)]
    const load = (replica: Own) => (by === 'sessions' ? replica.homes : replica.inFlight)
    return rotated.sort((one, other) => Number(isResting(one)) - Number(isResting(other)) || load(one) - load(other) || one.inFlight - other.inFlight)
  }

  return {
    all,
    async first(by, signal, attempt) {
      let fault: unknown = new GatewayError('upstream_unreachable', { detail: 'there is no address to try' })
      for (const replica of inOrder(by)) {
        try {
          return await attempt(replica)
        } catch (cause) {
          fault = cause
          if (!isRefusal(cause) || signal.aborted) break
        }
      }
      throw fault
    },
    state: () => all.map(({ url, downSince, inFlight }) => ({ url, up: downSince === undefined, ...(all.length > 1 ? { in_flight: inFlight } : {}) })),
    close() {
      for (const replica of all) replica.close()
    },
  }
}

/** Whether nothing was sent, because there was no connection. */
export const isRefusal = (cause: unknown): boolean => cause instanceof GatewayError && cause.code === 'upstream_unreachable'

function createReplica(url: string, tls: TlsIdentity | undefined, counts: boolean): Own {
  const calls = createPooledExchange(url, tls)
  const streams = createProxiedExchange(url, tls)
  const watched = (exchange: ExchangeWith): ExchangeWith => async (input) => {
    try {
      const output = await exchange(input)
      own.downSince = undefined
      return output
    } catch (cause) {
      if (isRefusal(cause) && !input.signal.aborted) own.downSince = performance.now()
      throw cause
    }
  }
  const counting = (exchange: ExchangeWith): ExchangeWith => async (input) => {
    own.inFlight += 1
    const done = once(() => (own.inFlight -= 1))
    try {
      const output = await exchange(input)
      return { ...output, body: counted(output.body, done) }
    } catch (cause) {
      done()
      throw cause
    }
  }
  const reached = (exchange: ExchangeWith) => (counts ? counting(watched(exchange)) : watched(exchange))
  const own: Own = {
    url, homes: 0, downSince: undefined, inFlight: 0,
    calls: reached(calls.exchange), streams: reached(streams.exchange),
    close() {
      calls.close()
      streams.close()
    },
  }
  return own
}

const once = (act: () => void) => {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}

/** The same body, telling when it is over. */
function counted(body: AnswerBody, over: () => void): AnswerBody {
  return {
    whole: (limit, patience) => body.whole(limit, patience).finally(over),
    destroy() {
      over()
      body.destroy()
    },
    async *[Symbol.asyncIterator]() {
      try {
        yield* body
      } finally {
        over()
      }
    },
  }
}
