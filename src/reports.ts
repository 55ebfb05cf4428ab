import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { PipelineStatus } from './bundle/pipeline/activate.ts'
import type { Labels } from './bundle/report/decision-event.ts'
import { backoff, reportWithin, urlOf } from './bundle/report/endpoint.ts'
import { createStatusReporter } from './bundle/report/status.ts'
import type { Settings } from './config/schema.ts'
import type { Secrets } from './config/secrets.ts'
import { tlsOfReport } from './config/tls.ts'
import type { Metrics } from './metrics.ts'
import type { Logger } from './model.ts'
import type { Outbound } from './outbound/outbound.ts'
import type { ReportOrder, ThreadNews } from './report-thread.ts'

export interface Reports {
  /** The store is there: what is recorded from now on is reported. */
  start(): void
  policyChanged(status: PipelineStatus): void
  close(): Promise<void>
}

/** What is told elsewhere in OPA's forms, by the process that runs the pipeline. */
export function createReports({ settings, secrets, outbound, metrics, logger }: { readonly settings: Settings; readonly secrets: Secrets; readonly outbound: Outbound; readonly metrics: Pick<Metrics, 'watchReports'>; readonly logger: Logger }): Reports {
  const { policy: { decision_logs: logs, status }, store, public_url } = settings
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
  const labels: Labels = { app: 'sallyport', id: randomUUID(), version, public_url }
  const serverOf = (report: NonNullable<typeof logs>, at: 'policy.decision_logs' | 'policy.status', resource: 'logs' | 'status'): ReportOrder['server'] => {
    const tls = tlsOfReport(report, secrets, at)
    return { url: urlOf(report, resource), ...(report.credentials === undefined ? {} : { token: secrets.get(`${at}.credentials.token`) }), ...(tls === undefined ? {} : { tls }) }
  }
  const meters = logs === undefined && status === undefined ? undefined : metrics.watchReports()
  const tell = (report: 'decision_logs' | 'status', failure: string | undefined) => {
    meters?.failing(report, failure !== undefined)
    if (failure === undefined) logger.info('reports reach their server again', { report })
    else logger.warn('reports do not reach their server; they are sent when they do', { report, why: failure })
  }
  const statusReporter = (report: NonNullable<typeof status>) => {
    const { tls, ...address } = serverOf(report, 'policy.status', 'status')
    const fetch = outbound.fetchFor({ purpose: 'reports', configured: [address.url], within: reportWithin, tls })
    return createStatusReporter({ server: { ...address, fetch }, labels, told: (failure) => tell('status', failure) })
  }
  const reporter = status === undefined ? undefined : statusReporter(status)

  const news = (each: ThreadNews) => {
    if (each.kind === 'asked') return outbound.count('reports', each.outcome)
    if (each.kind === 'failed') return tell('decision_logs', each.why)
    if (each.kind === 'recovered') return tell('decision_logs', undefined)
    meters?.decisions(each.kind, each.decisions)
    if (each.kind === 'lost') logger.error('a decision was passed over, because its server takes it at no size', { why: each.why })
  }
  const closing = new AbortController()
  let thread: Worker | undefined
  const follow = async (order: ReportOrder) => {
    for (let failures = 0; !closing.signal.aborted; failures += 1) {
      const why = await new Promise<string>((resolve) => {
        thread = new Worker(new URL('./report-thread.ts', import.meta.url), { workerData: order, execArgv: ['--disable-warning=ExperimentalWarning'] })
        thread.on('message', news).once('error', (error) => resolve(String((error as Error).message))).once('exit', () => resolve('it ended'))
      })
      if (closing.signal.aborted) return
      tell('decision_logs', why)
      await pause(backoff(failures), undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
    }
  }

  return {
    start() {
      if (logs !== undefined) void follow({ store: { kind: store.kind, path: store.path }, server: serverOf(logs, 'policy.decision_logs', 'logs'), labels, file: `${store.path}.decision-logs`, outbound: settings.outbound })
    },
    policyChanged: (now) => reporter?.changed(now),
    async close() {
      closing.abort()
      reporter?.close()
      await thread?.terminate()
    },
  }
}
