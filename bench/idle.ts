import { inspect } from './inspect.ts'
import type { Running } from './processes.ts'
import { rssOf } from './processes.ts'
import { hear, tell } from './rounds.ts'
import type { Target } from './targets.ts'

export interface IdleCost {
  readonly sessions: number
  readonly heap_bytes_per_session: number
  readonly rss_bytes_per_session: number
}

/** What a legacy session costs that is open and does nothing; garbage is collected before each look. */
export async function measureIdle(target: Target, load: Running, sessions: number): Promise<IdleCost> {
  if (target.process === undefined) throw new Error('only a gateway keeps sessions')
  const { pid } = target.process
  const inspector = await inspect(target.process)
  const look = async () => {
    for (let time = 0; time < 3; time += 1) await inspector.call('HeapProfiler.collectGarbage')
    const { usedSize } = await inspector.call('Runtime.getHeapUsage')
    return { heap: Number(usedSize), rss: rssOf(pid) }
  }
  const open = async (count: number) => {
    const opened = hear(load, 'opened')
    tell(load, { do: 'open', target: target.load, sessions: count })
    await opened
  }
  // The first sessions pay for what all share.
  await open(100)
  const before = await look()
  await open(sessions)
  const after = await look()
  inspector.close()
  return {
    sessions,
    heap_bytes_per_session: Math.round((after.heap - before.heap) / sessions),
    rss_bytes_per_session: Math.round((after.rss - before.rss) / sessions),
  }
}
