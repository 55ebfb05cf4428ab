import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Activator, PipelineStatus } from './bundle/pipeline/activate.ts'
import type { Labels } from './bundle/report/decision-event.ts'
import { backoff, reportWithin, urlOf } from './bundle/report/endpoint.ts'
import { readPlace } from './bundle/report/place.ts'
import type { RulesOrder } from './bundle/report/rules-in-force.ts'
import { createLogState, type LogState } from './bundle/report/log-state.ts'
import { createStatusReporter } from './bundle/report/status.ts'
import type { Settings } from './config/schema.ts'
import type { Secrets } from './config/secrets.ts'
import { tlsOfReport } from './config/tls.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { Clock, Logger } from './model.ts'
import type { Outbound } from './outbound/outbound.ts'
import type { ReportOrder, ThreadNews } from './report-thread.ts'
import { createReportToken, type LiveToken } from './report-token.ts'
import { printCursor, readCursor } from './store/cursor.ts'
import { readers } from './store/index.ts'

export interface Reports {
  /** The store is there: what is recorded from now on is reported. Rejects with a text for people where it cannot be told from where. */
  start(): Promise<void>
  /** What judges by a bundle, where decisions are sent as the same bundle has it (`package system.log`). */
  beside(engine: Activator): Activator
  policyChanged(status: PipelineStatus): void
  state(): { readonly decision_logs?: LogState }
  close(): Promise<void>
}

/** What is told elsewhere in OPA's forms, by the process that runs the pipeline. */
export function createReports({ settings, secrets, outbound, metrics, clock, logger }: { readonly settings: Settings; readonly secrets: Secrets; readonly outbound: Outbound; readonly metrics: Pick<Metrics, 'watchReports'>; readonly clock: Clock; readonly logger: Logger }): Reports {
  const { policy: { decision_logs: logs, status }, store, public_url } = settings
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
  const labels: Labels = { app: 'sallyport', id: randomUUID(), version, public_url }
  const serverOf = (report: NonNullable<typeof logs>, at: 'policy.decision_logs' | 'policy.status', resource: 'logs' | 'status'): ReportOrder['server'] => {
    const tls = tlsOfReport(report, secrets, at)
    return { url: urlOf(report, resource), ...(report.credentials === undefined ? {} : { token: { path: `${at}.credentials.token`, source: report.credentials.token_from, value: secrets.get(`${at}.credentials.token`), directory: settings.directory, every: settings.secrets.refresh } }), ...(tls === undefined ? {} : { tls }) }
  }
  const meters = logs === undefined && status === undefined ? undefined : metrics.watchReports()
  const tell = (report: 'decision_logs' | 'status', failure: string | undefined) => {
    meters?.failing(report, failure !== undefined)
    if (failure === undefined) logger.info('reports reach their server again', { report })
    else logger.warn('reports do not reach their server; they are sent when they do', { report, why: failure })
  }
  let token: LiveToken | undefined
  const statusReporter = (report: NonNullable<typeof status>) => {
    const { tls, token: order, url } = serverOf(report, 'policy.status', 'status')
    const fetch = outbound.fetchFor({ purpose: 'reports', configured: [url], within: reportWithin, tls })
    token = order === undefined ? undefined : createReportToken(order)
    return createStatusReporter({ server: { url, fetch, ...(token === undefined ? {} : { token }) }, labels, told: (failure) => tell('status', failure) })
  }
  const reporter = status === undefined ? undefined : statusReporter(status)

  const state = createLogState({ clock })
  let now: PipelineStatus | undefined
  const report = (): void => void (now !== undefined && reporter?.changed(now, logs === undefined ? undefined : state.read()))
  const failed = (why: string | undefined): void => {
    state.failing(why)
    tell('decision_logs', why)
  }
  const news = (each: ThreadNews) => {
    if (each.kind === 'asked') return outbound.count('reports', each.outcome)
    if (each.kind === 'failed') return failed(each.why)
    if (each.kind === 'recovered') return failed(undefined)
    meters?.decisions(each.kind, each.decisions)
    const isNews = state.count(each)
    if (each.kind === 'lost') logger.error('a decision was passed over, because its server takes it at no size', { why: each.why })
    if (!isNews || (each.kind !== 'bare' && each.kind !== 'withheld')) return
    logger.error(each.kind === 'bare' ? 'what to hide of a decision could not be told, so it is sent without input and result' : 'whether to send a decision could not be told, so it is not sent', { why: each.why })
    report()
  }
  const closing = new AbortController()
  let thread: Worker | undefined
  let rules: RulesOrder = { kind: 'changing' }
  const order = (next: RulesOrder): void => {
    rules = next
    thread?.postMessage(next)
  }

  const file = `${store.path}.decision-logs`
  /** What is kept of how far the server has everything must be of this record: else decisions would be left out, and nobody would know. */
  const checkPlace = async (): Promise<void> => {
    const cursor = readPlace(file, (text) => readCursor(text, 1))?.cursor
    const [row] = readCursor(cursor, 1) ?? []
    if (cursor === undefined || row === undefined) return
    const reader = readers[store.kind](store.path)
    try {
      const { reached } = await reader.followRecorded({ from: 0, to: Number.MAX_SAFE_INTEGER, cursor: printCursor(row - 1), limit: 1 })
      if (reached === printCursor(row - 1)) throw new Error(`${file} says that decision logs were sent further than this store goes: it is of another store. Bring back the store, or delete the file to begin with what is recorded from then on`)
    } finally {
      reader.close()
    }
  }
  const follow = async (given: Omit<ReportOrder, 'rules'>) => {
    for (let failures = 0; !closing.signal.aborted; failures += 1) {
      if (failures > 0) {
        const why = await checkPlace().then(() => undefined, (fault: Error) => fault.message)
        if (why !== undefined) return failed(`${why}, and start the gateway anew`)
      }
      const why = await new Promise<string>((resolve) => {
        thread = new Worker(new URL('./report-thread.ts', import.meta.url), { workerData: { ...given, rules } satisfies ReportOrder, execArgv: ['--disable-warning=ExperimentalWarning'] })
        thread.on('message', news).once('error', (error) => resolve(String((error as Error).message))).once('exit', () => resolve('it ended'))
      })
      if (closing.signal.aborted) return
      failed(why)
      await pause(backoff(failures), undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
    }
  }

  return {
    async start() {
      if (logs === undefined) return
      await checkPlace()
      void follow({ store: { kind: store.kind, path: store.path }, server: serverOf(logs, 'policy.decision_logs', 'logs'), labels, file, from: clock(), outbound: settings.outbound })
    },
    beside: (engine) => ({
      async activate({ log_rules, ...bundle }) {
        const before = rules
        // What it judges from here on must not pass the rules of the bundle before.
        order({ kind: 'changing' })
        try {
          await engine.activate(bundle)
        } catch (fault) {
          order(before)
          throw fault
        }
        state.rulesChanged()
        order({ kind: 'active', ...(log_rules === undefined ? {} : { rules: { ...log_rules, data: JSON.stringify(bundle.data) } }) })
      },
    }),
    policyChanged(status) {
      now = status
      report()
    },
    state: () => (logs === undefined ? {} : { decision_logs: state.read() }),
    async close() {
      closing.abort()
      reporter?.close()
      await Promise.all([thread?.terminate(), token?.close()])
    },
  }
}
