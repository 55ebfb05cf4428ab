import type { Decision, Logger, Question } from '../../model.ts'
import { lostOf } from '../../places.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import { createPolicyEngine } from '../../policy/engine.ts'

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Fuel bounds a judgement; a machine that has much else to do must not decide it. */
const patience = 60_000

/** A bundle that judges what was recorded, as the gateway would: the same engine, the same bounds. */
export interface Judge {
  readonly digest: string
  decide(question: Question): Promise<Decision>
  /** Which of the places that are not as they were judged its rules read. */
  misses(lost: readonly string[]): readonly string[]
  close(): Promise<void>
}

/** Rejects where the engine would not take the bundle. */
export async function createJudge(bundle: BuiltBundle, detectors: readonly string[]): Promise<Judge> {
  const engine = createPolicyEngine({ detectors, logger: silent, deadline: () => patience })
  await engine.activate(bundle).catch(async (cause: unknown) => {
    await engine.close()
    throw cause
  })
  const reads = bundle.input_paths ?? ['']
  return { digest: bundle.digest, decide: engine.decide, misses: (lost) => (lost.length === 0 ? lost : lostOf(lost, reads)), close: engine.close }
}
