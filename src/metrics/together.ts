import { AggregatorRegistry, type Registry } from 'prom-client'
import type { Metrics, Snapshot } from './metrics.ts'

/** What several processes count, as one. */
export interface Together extends Pick<Metrics, 'contentType' | 'print'> {
  /** What a process counted stays counted when it is gone: a sum that fell would look like a start. How many of something it has now is gone with it. */
  keep(counted: Snapshot): void
}

export function createTogether(own: Metrics, others: () => Promise<readonly Snapshot[]>): Together {
  let gone: Snapshot = []
  let keeping: Promise<unknown> = Promise.resolve()
  return {
    contentType: own.contentType,
    async print() {
      const serving = await others()
      await keeping
      return registryOf([await own.snapshot(), gone, ...serving]).metrics()
    },
    keep(counted) {
      keeping = keeping.then(async () => (gone = await countsOf([gone, counted.filter(({ type }) => type !== 'gauge')])))
    },
  }
}

const registryOf = (snapshots: readonly Snapshot[]): Registry => AggregatorRegistry.aggregate(snapshots as unknown as object[])

const countsOf = async (snapshots: readonly Snapshot[]): Promise<Snapshot> => (await registryOf(snapshots).getMetricsAsJSON()) as unknown as Snapshot // its own type is loose
