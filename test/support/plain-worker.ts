import { createLine, type Peer } from '../../src/workers/line.ts'
import type { OfSupervisor, OfWorker } from '../../src/workers/words.ts'

// A process that a supervisor can start and ask, and that serves nothing.
const nothing = () => undefined
createLine<OfSupervisor, OfWorker>(process as Peer, {
  start: nothing, load: nothing, activate: nothing, switch: nothing, stale: nothing, shadow: nothing, shadowSeen: nothing, open: nothing,
  pulse: nothing, missing: () => [], metrics: () => [], approvalChanged: nothing, peopleChanged: nothing, close: nothing,
})
