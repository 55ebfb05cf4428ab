import { setTimeout as pause } from 'node:timers/promises'
import type { PipelineStatus } from '../pipeline/activate.ts'
import type { Problem } from '../problem.ts'
import type { Labels } from './decision-event.ts'
import { backoff, post, type ReportServer } from './endpoint.ts'
import type { LogState } from './log-state.ts'

const fetching: ReadonlySet<string> = new Set(['fetch', 'read'])

/** What is active, in the form of OPA's status reports (https://www.openpolicyagent.org/docs/management-status). */
const statusReport = ({ active, last_run }: PipelineStatus, labels: Labels, lastRead: string | undefined, logs?: LogState) => {
  const problems = last_run?.problems ?? []
  return {
    labels,
    bundles: {
      sallyport: {
        name: 'sallyport',
        ...(active === undefined ? {} : { active_revision: active.revision, last_successful_activation: active.activated_at }),
        ...(last_run === undefined ? {} : { last_request: last_run.at }),
        ...(lastRead === undefined ? {} : { last_successful_request: lastRead, last_successful_download: lastRead }),
        ...(last_run?.error === undefined ? {} : { code: 'bundle_error', message: last_run.error, errors: problems.map(errorOf) }),
      },
    },
    plugins: { bundle: { state: active === undefined ? 'NOT_READY' : last_run?.error === undefined ? 'OK' : 'ERROR' }, status: { state: 'OK' }, ...(logs === undefined ? {} : { decision_logs: pluginOf(logs) }) },
  }
}

const pluginOf = ({ failing, fault }: LogState) => {
  const message = failing ?? fault?.why
  return { state: message === undefined ? 'OK' : 'ERROR', ...(message === undefined ? {} : { message }) }
}

const errorOf = ({ code, message, file, row, col }: Problem) => ({ code, message, ...(file === undefined ? {} : { location: { file, row: row ?? 0, col: col ?? 0 } }) })

/** Whether the sources themselves were had, whatever became of them. */
const isRead = ({ last_run }: PipelineStatus): boolean => last_run !== undefined && last_run.stages.some(({ name, ok }) => fetching.has(name) && ok) && !last_run.stages.some(({ name, ok }) => fetching.has(name) && !ok)

export interface StatusReporter {
  /** A run is over, or something else is active. */
  changed(status: PipelineStatus, logs?: LogState): void
  close(): void
}

/** Sends the newest status; one that was not sent yet is replaced by a newer one. */
export const createStatusReporter = ({ server, labels, told }: { readonly server: ReportServer; readonly labels: Labels; readonly told: (failure: string | undefined) => void }): StatusReporter => {
  const closing = new AbortController()
  let newest: { readonly status: PipelineStatus; readonly logs: LogState | undefined } | undefined
  let lastRead: string | undefined
  let isSending = false

  const send = async (): Promise<void> => {
    for (let failures = 0; newest !== undefined; ) {
      const taken = newest
      newest = undefined
      const posted = await post(server, Buffer.from(JSON.stringify(statusReport(taken.status, labels, lastRead, taken.logs))), {}, closing.signal)
      if (posted.ok) {
        if (failures > 0) told(undefined)
        failures = 0
        continue
      }
      closing.signal.throwIfAborted()
      if (failures === 0) told(posted.why)
      await pause(backoff(failures), undefined, { signal: closing.signal })
      failures += 1
      newest ??= taken
    }
  }
  return {
    changed(status, logs) {
      if (isRead(status)) lastRead = status.last_run?.at
      newest = { status, logs }
      if (isSending || closing.signal.aborted) return
      isSending = true
      void send().catch(() => undefined).finally(() => (isSending = false)) // only closing ends it so
    },
    close: () => closing.abort(),
  }
}
