import { Counter, Gauge, type Registry } from 'prom-client'

export interface ServerMetrics {
  readonly secretRead: (secret: string, result: 'changed' | 'failed') => void
  readonly tokenAsked: (upstream: string, result: 'given' | 'refused' | 'failed') => void
  readonly watchReplicas: (replicas: () => readonly Replica[]) => void
  readonly watchOutbound: () => (purpose: string, outcome: string) => void
}

/** A server over HTTP at one of the addresses it runs at. */
interface Replica {
  readonly upstream: string
  readonly url: string
  readonly up: boolean
  readonly in_flight?: number
}

/** Of servers, what they are given, and what else the gateway fetches. */
export function createServerMetrics(registers: Registry[]): ServerMetrics {
  const secretReads = new Counter({ name: 'sallyport_secret_reads_total', help: 'Secrets of servers that were read again and were others, or could not be read', labelNames: ['secret', 'result'], registers })
  const tokenRequests = new Counter({ name: 'sallyport_upstream_tokens_total', help: 'Tokens for servers that were asked for, by result', labelNames: ['upstream', 'result'], registers })
  return {
    secretRead: (secret, result) => secretReads.inc({ secret, result }),
    tokenAsked: (upstream, result) => tokenRequests.inc({ upstream, result }),
    watchReplicas(replicas) {
      const labelNames = ['upstream', 'replica']
      new Gauge({
        name: 'sallyport_upstream_up', help: '0 since a server last refused a connection at that address', labelNames, registers, aggregator: 'min',
        collect() {
          for (const { upstream, url, up } of replicas()) this.set({ upstream, replica: url }, Number(up))
        },
      })
      new Gauge({
        name: 'sallyport_upstream_in_flight', help: 'Exchanges that run at a replica', labelNames, registers,
        collect() {
          for (const { upstream, url, in_flight } of replicas()) if (in_flight !== undefined) this.set({ upstream, replica: url }, in_flight)
        },
      })
    },
    watchOutbound() {
      const fetched = new Counter({ name: 'sallyport_outbound_requests_total', help: 'What the gateway fetched for itself, by purpose and how it ended; refused: the address is none that may be asked', labelNames: ['purpose', 'outcome'], registers })
      return (purpose, outcome) => fetched.inc({ purpose, outcome })
    },
  }
}
