import { Counter, type Registry } from 'prom-client'
import { addGauge } from './gauge.ts'

export interface ProcessMetrics {
  readonly watchWorkers: (ready: () => number) => { restarted(): void }
  readonly watchHandOvers: () => { handedOver(): void }
}

/** Of several processes that serve. */
export const createProcessMetrics = (registers: Registry[]): ProcessMetrics => ({
  watchWorkers(ready) {
    addGauge(registers, 'sallyport_workers_ready', 'Worker processes that serve', ready)
    const restarts = new Counter({ name: 'sallyport_worker_restarts_total', help: 'Worker processes that ended unexpectedly and were started again', registers })
    return { restarted: () => restarts.inc() }
  },
  watchHandOvers() {
    const handed = new Counter({ name: 'sallyport_handed_over_total', help: 'Requests that came to another worker than that of their caller, and were answered by that', registers })
    return { handedOver: () => handed.inc() }
  },
})
