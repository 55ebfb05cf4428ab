import { Counter, type Registry } from 'prom-client'
import type { Decision, Direction } from '../model.ts'
import type { Meters } from '../proxy/rooms.ts'
import { Distribution, secondsOfCalls as buckets } from './distribution.ts'

const none = (): Record<Direction, number> => ({ to_server: 0, to_client: 0 })

/** What is counted of every message. */
export function createMeters(registers: Registry[]): Meters {
  // The library hashes labels whenever it counts: it is told when it is asked.
  const decided: Record<Decision['kind'], Record<Direction, number>> = { allow: none(), mask: none(), require_approval: none(), deny: none() }
  new Counter({
    name: 'sallyport_decisions_total', help: 'Decisions by kind and direction', labelNames: ['kind', 'direction'], registers,
    collect() {
      for (const [kind, counts] of Object.entries(decided)) {
        for (const direction of ['to_server', 'to_client'] as const) {
          if (counts[direction] > 0) this.inc({ kind, direction }, counts[direction])
          counts[direction] = 0
        }
      }
    },
  })
  const errors = new Counter({ name: 'sallyport_policy_errors_total', help: 'Judgements that went wrong and were denied', registers })
  const unjudged = new Counter({ name: 'sallyport_unjudged_total', help: 'Messages that reached a socket unjudged; always 0', registers })
  const rejected = new Counter({ name: 'sallyport_rejected_total', help: 'Requests refused before they were judged, by reason', labelNames: ['reason'], registers })
  const judging = new Distribution({ name: 'sallyport_judging_seconds', help: 'Time of one judgement', buckets, registers })
  const recording = new Distribution({ name: 'sallyport_recording_seconds', help: 'Time until a record was durable', buckets, registers })
  const total = new Distribution({ name: 'sallyport_request_seconds', help: 'Time of a forwarded request, server included', buckets, registers })
  const echoes = new Counter({ name: 'sallyport_credential_echoes_total', help: "Messages in which a server sent the gateway's own credential back; it was removed", labelNames: ['upstream'], registers })
  unjudged.inc(0)

  return {
    decided({ direction }, decision) {
      decided[decision.kind][direction] += 1
      if (decision.reasons.some(({ rule }) => rule === 'sallyport/policy_error')) errors.inc()
    },
    judged: (value) => judging.add(value),
    recorded: (value) => recording.add(value),
    completed: (value) => total.add(value),
    unjudged: () => unjudged.inc(),
    rejected: (reason) => rejected.inc({ reason }),
    credentialEchoed: (upstream) => echoes.inc({ upstream }),
  }
}
