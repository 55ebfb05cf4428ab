import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import { Distribution } from './distribution.ts'
import type { Meters } from './proxy/rooms.ts'

export interface Gauges {
  readonly queued: () => number
  readonly sessions: () => number
}
/** A server over HTTP at one of the addresses it runs at. */
export interface ReplicaGauge {
  readonly upstream: string
  readonly url: string
  readonly up: boolean
  readonly in_flight?: number
}
/** One metric with its values, as it crosses to another process. */
export type Snapshot = readonly { readonly name: string; readonly type: string }[]
export interface Metrics {
  readonly meters: Meters
  readonly committed: (batch: { readonly size: number; readonly seconds: number }) => void
  /** Records that could not be kept: what they were of was refused, or withheld. */
  readonly recordsRefused: (reason: string, count: number) => void
  readonly secretRead: (secret: string, result: 'changed' | 'failed') => void
  readonly tokenAsked: (upstream: string, result: 'given' | 'refused' | 'failed') => void
  readonly watchStore: (isWritable: () => boolean) => void
  readonly policyRun: (run: PolicyRun) => void
  readonly watch: (gauges: Gauges) => void
  readonly watchReplicas: (replicas: () => readonly ReplicaGauge[]) => void
  readonly watchBundle: (age: () => number | undefined) => void
  readonly watchSource: (status: () => SourceGauges) => void
  readonly watchShadow: () => (result: string) => void
  readonly watchReports: () => { decisions(result: 'sent' | 'lost' | 'dropped' | 'bare' | 'withheld', count: number): void; failing(report: string, isFailing: boolean): void }
  readonly rolesFailed: () => void
  readonly watchOutbound: () => (purpose: string, outcome: string) => void
  readonly watchWorkers: (ready: () => number) => { restarted(): void }
  readonly watchHandOvers: () => { handedOver(): void }
  readonly contentType: string
  print(): Promise<string>
  snapshot(): Promise<Snapshot>
}

const stageSeconds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const seconds = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30]

/** What is counted of one run of the policy pipeline. */
export interface PolicyRun {
  readonly stages: readonly { readonly name: string; readonly ms: number; readonly ok: boolean }[]
  readonly error?: string
  readonly problems: readonly unknown[]
  readonly warnings: readonly unknown[]
}
export interface SourceGauges {
  readonly source?: { readonly state: string; readonly age_ms: number }
  readonly rolled_back?: unknown
}

/** Every metric of the gateway, in Prometheus' text form. Names are stable. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const decisions = new Counter({ name: 'sallyport_decisions_total', help: 'Decisions by kind and direction', labelNames: ['kind', 'direction'], registers })
  const errors = new Counter({ name: 'sallyport_policy_errors_total', help: 'Judgements that went wrong and were denied', registers })
  const roleErrors = new Counter({ name: 'sallyport_role_errors_total', help: 'Times that the policies could not say which roles somebody has; they had none', registers })
  const unjudged = new Counter({ name: 'sallyport_unjudged_total', help: 'Messages that reached a socket unjudged; always 0', registers })
  const rejected = new Counter({ name: 'sallyport_rejected_total', help: 'Requests refused before they were judged, by reason', labelNames: ['reason'], registers })
  const judging = new Distribution({ name: 'sallyport_judging_seconds', help: 'Time of one judgement', buckets: seconds, registers })
  const recording = new Distribution({ name: 'sallyport_recording_seconds', help: 'Time until a record was durable', buckets: seconds, registers })
  const total = new Distribution({ name: 'sallyport_request_seconds', help: 'Time of a forwarded request, server included', buckets: seconds, registers })
  const commit = new Distribution({ name: 'sallyport_commit_seconds', help: 'Time of one group commit', buckets: seconds, registers })
  const batch = new Distribution({ name: 'sallyport_commit_records', help: 'Records in one group commit', buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256], registers })
  const refused = new Counter({ name: 'sallyport_records_refused_total', help: 'Records that could not be kept, by reason; what they were of was refused', labelNames: ['reason'], registers })
  const runs = new Counter({ name: 'sallyport_policy_runs_total', help: 'Policy builds by result', labelNames: ['result'], registers })
  const stageTime = new Histogram({ name: 'sallyport_policy_stage_seconds', help: 'Time of a stage on the way from source to active policy', labelNames: ['stage'], buckets: stageSeconds, registers })
  const stageFailures = new Counter({ name: 'sallyport_policy_stage_failures_total', help: 'Stages that kept new policies from becoming active', labelNames: ['stage'], registers })
  const lastProblems = new Gauge({ name: 'sallyport_policy_problems', help: 'What the last run found, by level; any error means that the newest policies are not active', labelNames: ['level'], registers })
  const echoes = new Counter({ name: 'sallyport_credential_echoes_total', help: "Messages in which a server sent the gateway's own credential back; it was removed", labelNames: ['upstream'], registers })
  const secretReads = new Counter({ name: 'sallyport_secret_reads_total', help: 'Secrets of servers that were read again and were others, or could not be read', labelNames: ['secret', 'result'], registers })
  const tokenRequests = new Counter({ name: 'sallyport_upstream_tokens_total', help: 'Tokens for servers that were asked for, by result', labelNames: ['upstream', 'result'], registers })
  unjudged.inc(0)

  // Children are looked up once: `labels()` hashes at each call.
  const byKind: Record<string, Record<string, { inc(): void }>> = {}
  return {
    meters: {
      decided({ direction }, decision) {
        const children = (byKind[decision.kind] ??= {})
        const child = (children[direction] ??= decisions.labels(decision.kind, direction))
        child.inc()
        if (decision.reasons.some(({ rule }) => rule === 'sallyport/policy_error')) errors.inc()
      },
      judged: (value) => judging.add(value),
      recorded: (value) => recording.add(value),
      completed: (value) => total.add(value),
      unjudged: () => unjudged.inc(),
      rejected: (reason) => rejected.inc({ reason }),
      credentialEchoed: (upstream) => echoes.inc({ upstream }),
    },
    committed({ size, seconds: value }) {
      commit.add(value)
      batch.add(size)
    },
    secretRead: (secret, result) => secretReads.inc({ secret, result }),
    tokenAsked: (upstream, result) => tokenRequests.inc({ upstream, result }),
    recordsRefused: (reason, count) => refused.inc({ reason }, count),
    watchStore(isWritable) {
      new Gauge({ name: 'sallyport_store_writable', help: '0 while nothing can be recorded', registers, aggregator: 'min', collect() { this.set(Number(isWritable())) } })
    },
    rolesFailed: () => roleErrors.inc(),
    policyRun({ stages, error, problems, warnings }) {
      runs.inc({ result: error === undefined ? 'activated' : 'failed' })
      for (const { name, ms, ok } of stages) {
        stageTime.observe({ stage: name }, ms / 1000)
        stageFailures.inc({ stage: name }, Number(!ok))
      }
      lastProblems.set({ level: 'error' }, problems.length)
      lastProblems.set({ level: 'warning' }, warnings.length)
    },
    watch({ queued, sessions }) {
      gauge('sallyport_record_queue', 'Records waiting for a commit', queued)
      gauge('sallyport_sessions', 'Open sessions', sessions)
    },
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
    watchBundle(bundleAge) {
      gauge('sallyport_bundle_age_seconds', 'Seconds since the active bundle was activated', () => bundleAge() ?? 0)
      gauge('sallyport_bundle_active', '1 while a bundle is active', () => (bundleAge() === undefined ? 0 : 1))
    },
    watchSource(status) {
      gauge('sallyport_policy_source_age_seconds', 'Seconds since the source of the policies was last seen to say what is active', () => (status().source?.age_ms ?? 0) / 1000)
      gauge('sallyport_policy_alarm', '1 while that is longer ago than policy.max_age.alarm', () => Number((status().source?.state ?? 'current') !== 'current'))
      gauge('sallyport_policy_stale', '1 while that is longer ago than policy.max_age.deny, and everything is denied', () => Number(status().source?.state === 'stale'))
      gauge('sallyport_policy_rolled_back', '1 while an older bundle is active because somebody went back to it', () => Number(status().rolled_back !== undefined))
    },
    watchShadow() {
      const seen = new Counter({ name: 'sallyport_shadow_decisions_total', help: 'Decisions that a second bundle was asked about without effect: whether it would decide the same, or was not asked or gave no answer', labelNames: ['result'], registers })
      return (result) => seen.inc({ result })
    },
    watchReports() {
      const reported = new Counter({ name: 'sallyport_decision_logs_total', help: 'Decisions that were sent to the server of decision logs (sent), that it takes at no size (lost), that the rules of system.log drop (dropped), or that went without input and result (bare, counted in sent too) or not at all (withheld) because these rules failed', labelNames: ['result'], registers })
      const failing = new Gauge({ name: 'sallyport_reports_failing', help: 'Whether a server of reports takes none at present', labelNames: ['report'], registers })
      return { decisions: (result, count) => reported.inc({ result }, count), failing: (report, isFailing) => failing.set({ report }, isFailing ? 1 : 0) }
    },
    watchOutbound() {
      const fetched = new Counter({ name: 'sallyport_outbound_requests_total', help: 'What the gateway fetched for itself, by purpose and how it ended; refused: the address is none that may be asked', labelNames: ['purpose', 'outcome'], registers })
      return (purpose, outcome) => fetched.inc({ purpose, outcome })
    },
    watchWorkers(ready) {
      gauge('sallyport_workers_ready', 'Worker processes that serve', ready)
      const restarts = new Counter({ name: 'sallyport_worker_restarts_total', help: 'Worker processes that ended unexpectedly and were started again', registers })
      return { restarted: () => restarts.inc() }
    },
    watchHandOvers() {
      const handed = new Counter({ name: 'sallyport_handed_over_total', help: 'Requests that came to another worker than that of their caller, and were answered by that', registers })
      return { handedOver: () => handed.inc() }
    },
    contentType: registry.contentType,
    print: () => registry.metrics(),
    snapshot: async () => (await registry.getMetricsAsJSON()) as unknown as Snapshot, // its own type is loose
  }

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({ name, help, registers, collect() { this.set(read()) } })
  }
}

const registryOf = (snapshots: readonly Snapshot[]): Registry => AggregatorRegistry.aggregate(snapshots as unknown as object[])

/** What several processes counted, as one. */
export const printTogether = (snapshots: readonly Snapshot[]): Promise<string> => registryOf(snapshots).metrics()

/** What a process counted stays counted when it is gone: a sum that fell would look like a start. How many of something it has now is gone with it. */
export async function keepCounts(kept: Snapshot, gone: Snapshot): Promise<Snapshot> {
  const counts = gone.filter(({ type }) => type !== 'gauge')
  return (await registryOf([kept, counts]).getMetricsAsJSON()) as unknown as Snapshot
}
