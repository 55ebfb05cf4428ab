import { Registry, collectDefaultMetrics } from 'prom-client'
import type { Meters } from '../proxy/rooms.ts'
import { createMeters } from './calls.ts'
import { createPolicyMetrics, type PolicyMetrics } from './policy.ts'
import { createProcessMetrics, type ProcessMetrics } from './processes.ts'
import { createServerMetrics, type ServerMetrics } from './servers.ts'
import { createStoreMetrics, type StoreMetrics } from './store.ts'

export interface Metrics extends StoreMetrics, PolicyMetrics, ServerMetrics, ProcessMetrics {
  readonly meters: Meters
  readonly contentType: string
  print(): Promise<string>
  snapshot(): Promise<Snapshot>
}
/** One metric with its values, as it crosses to another process. */
export type Snapshot = readonly { readonly name: string; readonly type: string }[]

/** Every metric of the gateway, in Prometheus' text form. Names are stable. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    meters: createMeters(registers),
    ...createStoreMetrics(registers),
    ...createPolicyMetrics(registers),
    ...createServerMetrics(registers),
    ...createProcessMetrics(registers),
    contentType: registry.contentType,
    print: () => registry.metrics(),
    snapshot: async () => (await registry.getMetricsAsJSON()) as unknown as Snapshot, // its own type is loose
  }
}
