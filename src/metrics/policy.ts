import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { addGauge } from './gauge.ts'

export interface PolicyMetrics {
  readonly policyRun: (run: PolicyRun) => void
  readonly rolesFailed: () => void
  readonly watchBundle: (age: () => number | undefined) => void
  readonly watchSource: (status: () => SourceState) => void
  readonly watchShadow: () => (result: string) => void
  readonly watchReports: () => { decisions(result: 'sent' | 'lost' | 'dropped' | 'bare' | 'withheld', count: number): void; failing(report: string, isFailing: boolean): void }
}

/** What is counted of one run of the policy pipeline. */
interface PolicyRun {
  readonly stages: readonly { readonly name: string; readonly ms: number; readonly ok: boolean }[]
  readonly error?: string
  readonly problems: readonly unknown[]
  readonly warnings: readonly unknown[]
}
interface SourceState {
  readonly source?: { readonly state: string; readonly age_ms: number }
  readonly rolled_back?: unknown
}

const stageSeconds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Of policies on their way, of what is active, and of what is told of it elsewhere. */
export function createPolicyMetrics(registers: Registry[]): PolicyMetrics {
  const roleErrors = new Counter({ name: 'sallyport_role_errors_total', help: 'Times that the policies could not say which roles somebody has; they had none', registers })
  const runs = new Counter({ name: 'sallyport_policy_runs_total', help: 'Policy builds by result', labelNames: ['result'], registers })
  const stageTime = new Histogram({ name: 'sallyport_policy_stage_seconds', help: 'Time of a stage on the way from source to active policy', labelNames: ['stage'], buckets: stageSeconds, registers })
  const stageFailures = new Counter({ name: 'sallyport_policy_stage_failures_total', help: 'Stages that kept new policies from becoming active', labelNames: ['stage'], registers })
  const lastProblems = new Gauge({ name: 'sallyport_policy_problems', help: 'What the last run found, by level; any error means that the newest policies are not active', labelNames: ['level'], registers })
  return {
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
    watchBundle(age) {
      addGauge(registers, 'sallyport_bundle_age_seconds', 'Seconds since the active bundle was activated', () => age() ?? 0)
      addGauge(registers, 'sallyport_bundle_active', '1 while a bundle is active', () => Number(age() !== undefined))
    },
    watchSource(status) {
      addGauge(registers, 'sallyport_policy_source_age_seconds', 'Seconds since the source of the policies was last seen to say what is active', () => (status().source?.age_ms ?? 0) / 1000)
      addGauge(registers, 'sallyport_policy_alarm', '1 while that is longer ago than policy.max_age.alarm', () => Number((status().source?.state ?? 'current') !== 'current'))
      addGauge(registers, 'sallyport_policy_stale', '1 while that is longer ago than policy.max_age.deny, and everything is denied', () => Number(status().source?.state === 'stale'))
      addGauge(registers, 'sallyport_policy_rolled_back', '1 while an older bundle is active because somebody went back to it', () => Number(status().rolled_back !== undefined))
    },
    watchShadow() {
      const seen = new Counter({ name: 'sallyport_shadow_decisions_total', help: 'Decisions that a second bundle was asked about without effect: whether it would decide the same, or was not asked or gave no answer', labelNames: ['result'], registers })
      return (result) => seen.inc({ result })
    },
    watchReports() {
      const reported = new Counter({ name: 'sallyport_decision_logs_total', help: 'Decisions that were sent to the server of decision logs (sent), that it takes at no size (lost), that the rules of system.log drop (dropped), or that went without input and result (bare, counted in sent too) or not at all (withheld) because these rules failed', labelNames: ['result'], registers })
      const failing = new Gauge({ name: 'sallyport_reports_failing', help: 'Whether a server of reports takes none at present', labelNames: ['report'], registers })
      return { decisions: (result, count) => reported.inc({ result }, count), failing: (report, isFailing) => failing.set({ report }, Number(isFailing)) }
    },
  }
}
