import { Counter, Gauge, type Registry } from 'prom-client'
import { Distribution, secondsOfCalls } from './distribution.ts'
import { addGauge } from './gauge.ts'

export interface StoreMetrics {
  readonly committed: (batch: { readonly size: number; readonly seconds: number }) => void
  /** Records that could not be kept: what they were of was refused, or withheld. */
  readonly recordsRefused: (reason: string, count: number) => void
  readonly watchStore: (isWritable: () => boolean) => void
  readonly watch: (gauges: { readonly queued: () => number; readonly sessions: () => number }) => void
}

export function createStoreMetrics(registers: Registry[]): StoreMetrics {
  const commit = new Distribution({ name: 'sallyport_commit_seconds', help: 'Time of one group commit', buckets: secondsOfCalls, registers })
  const batch = new Distribution({ name: 'sallyport_commit_records', help: 'Records in one group commit', buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256], registers })
  const refused = new Counter({ name: 'sallyport_records_refused_total', help: 'Records that could not be kept, by reason; what they were of was refused', labelNames: ['reason'], registers })
  return {
    committed({ size, seconds }) {
      commit.add(seconds)
      batch.add(size)
    },
    recordsRefused: (reason, count) => refused.inc({ reason }, count),
    watchStore(isWritable) {
      new Gauge({ name: 'sallyport_store_writable', help: '0 while nothing can be recorded', registers, aggregator: 'min', collect() { this.set(Number(isWritable())) } })
    },
    watch({ queued, sessions }) {
      addGauge(registers, 'sallyport_record_queue', 'Records waiting for a commit', queued)
      addGauge(registers, 'sallyport_sessions', 'Open sessions', sessions)
    },
  }
}
