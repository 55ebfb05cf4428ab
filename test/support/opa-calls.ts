import { createLanes as createOwn, type CallOptions, type Calls } from '../../src/bundle/opa-calls.ts'
import { OpaFault } from '../../src/bundle/opa-fault.ts'
import type { KeptOpa } from './kept-opa.ts'

// Stands where src/bundle/opa.ts looks for its processes (jest.config.json), so that suites share the ones of the process they run in.

const closed = new OpaFault("OPA's library is closed", { isClosed: true })
let open = 0

export const createLanes = (count: number, options: CallOptions): Calls => {
  const kept = (globalThis as { keptOpa?: KeptOpa }).keptOpa
  if (kept === undefined) return createOwn(count, options)
  const waiting = new Set<(fault: Error) => void>()
  let isClosed = false
  return {
    ask: (request, within) =>
      new Promise((resolve, reject) => {
        if (isClosed) return reject(closed)
        open += 1
        waiting.add(reject)
        const settled = (): void => {
          open -= 1
          waiting.delete(reject)
        }
        kept.ask(request, within).then((answer) => (settled(), resolve(answer)), (fault: OpaFault) => (settled(), reject(new OpaFault(fault.message, fault))))
      }),
    async close() {
      isClosed = true
      // What nobody waits for any more must not keep the next suite waiting.
      if (waiting.size > 0 && waiting.size === open) kept.drop()
      for (const reject of waiting) reject(closed)
    },
  }
}
