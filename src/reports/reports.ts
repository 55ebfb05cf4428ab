import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Activator, PipelineStatus } from '../bundle/pipeline/activate.ts'
import type { Labels } from '../bundle/report/decision-event.ts'
import { createLogState, type LogState } from '../bundle/report/log-state.ts'
import { createStatusReporter } from '../bundle/report/status.ts'
import type { Settings } from '../config/schema.ts'
import type { Secrets } from '../config/secrets.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { Clock, Logger } from '../model.ts'
import type { Outbound } from '../outbound/outbound.ts'
import { fetchOf, serverOf, type ServerOrder } from './server.ts'
import { createReportToken } from './token.ts'
import { createUpload, type Upload } from './upload.ts'
import type { ThreadNews } from './upload-thread.ts'

export interface Reports {
  /** The store is there: what is recorded from now on is reported. Rejects with a text for people where it cannot be told from where. */
  start(): Promise<void>
  /** What judges by a bundle, where decisions are sent as the same bundle has it (`package system.log`). */
  beside(engine: Activator): Activator
  policyChanged(status: PipelineStatus): void
  state(): { readonly decision_logs?: LogState }
  close(): Promise<void>
}
export interface ReportsParts {
  readonly settings: Settings
  readonly secrets: Secrets
  readonly outbound: Outbound
  readonly metrics: Pick<Metrics, 'watchReports'>
  readonly clock: Clock
  readonly logger: Logger
}

/** What is told elsewhere in OPA's forms, by the process that runs the pipeline. */
export function createReports({ settings, secrets, outbound, metrics, clock, logger }: ReportsParts): Reports {
  const { policy: { decision_logs: logs, status }, store, public_url } = settings
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string }
  const labels: Labels = { app: 'sallyport', id: randomUUID(), version, public_url }
  const meters = logs === undefined && status === undefined ? undefined : metrics.watchReports()
  const tell = (report: 'decision_logs' | 'status', failure: string | undefined) => {
    meters?.failing(report, failure !== undefined)
    if (failure === undefined) logger.info('reports reach their server again', { report })
    else logger.warn('reports do not reach their server; they are sent when they do', { report, why: failure })
  }

  const state = createLogState({ clock })
  const reporter = status === undefined ? undefined : startStatus(serverOf('status', status, settings, secrets), { outbound, labels, told: (failure) => tell('status', failure) })
  let now: PipelineStatus | undefined
  const report = (): void => void (now !== undefined && reporter?.changed(now, logs === undefined ? undefined : state.read()))

  const failed = (why: string | undefined): void => {
    state.failing(why)
    tell('decision_logs', why)
  }
  const hear = (news: ThreadNews): void => {
    if (news.kind === 'asked') return outbound.count('reports', news.outcome)
    if (news.kind === 'failed') return failed(news.why)
    if (news.kind === 'recovered') return failed(undefined)
    meters?.decisions(news.kind, news.decisions)
    const isNews = state.count(news)
    if (news.kind === 'lost') logger.error('a decision was passed over, because its server takes it at no size', { why: news.why })
    if (!isNews || (news.kind !== 'bare' && news.kind !== 'withheld')) return
    logger.error(news.kind === 'bare' ? 'what to hide of a decision could not be told, so it is sent without input and result' : 'whether to send a decision could not be told, so it is not sent', { why: news.why })
    report()
  }
  const upload = createUpload({ told: hear, failed })

  return {
    async start() {
      if (logs === undefined) return
      const server = serverOf('decision_logs', logs, settings, secrets)
      await upload.start({ store: { kind: store.kind, path: store.path }, server, labels, file: `${store.path}.decision-logs`, from: clock(), outbound: settings.outbound })
    },
    beside: (engine) => withRules(engine, upload, state.rulesChanged),
    policyChanged(status) {
      now = status
      report()
    },
    state: () => (logs === undefined ? {} : { decision_logs: state.read() }),
    async close() {
      await Promise.all([upload.close(), reporter?.close()])
    },
  }
}

function startStatus(server: ServerOrder, { outbound, labels, told }: { readonly outbound: Outbound; readonly labels: Labels; readonly told: (failure: string | undefined) => void }) {
  const token = server.token === undefined ? undefined : createReportToken(server.token)
  const reporter = createStatusReporter({ server: { url: server.url, fetch: fetchOf(server, outbound), ...(token === undefined ? {} : { token }) }, labels, told })
  return {
    changed: reporter.changed,
    async close() {
      reporter.close()
      await token?.close()
    },
  }
}

const withRules = (engine: Activator, upload: Upload, changed: () => void): Activator => ({
  async activate({ log_rules, ...bundle }) {
    const before = upload.rules()
    // What it judges from here on must not pass the rules of the bundle before.
    upload.order({ kind: 'changing' })
    try {
      await engine.activate(bundle)
    } catch (fault) {
      upload.order(before)
      throw fault
    }
    changed()
    upload.order({ kind: 'active', ...(log_rules === undefined ? {} : { rules: { ...log_rules, data: JSON.stringify(bundle.data) } }) })
  },
})
