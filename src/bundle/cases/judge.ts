import { isDeepStrictEqual } from 'node:util'
import type { Decision, Logger } from '../../model.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import { createPolicyEngine } from '../../policy/engine.ts'
import { createBreath } from '../breath.ts'
import type { Problem } from '../problem.ts'
import { inOrder, told } from './question.ts'
import type { DecisionCase } from './read.ts'
import type { Wanted } from './shape.ts'

export interface CaseRun {
  readonly file: string
  readonly row: number
  readonly name: string
  readonly ok: boolean
  readonly micros: number
  readonly wanted: Wanted
  /** The same things of the decision that was taken. */
  readonly got: Wanted
}
export interface JudgedCases {
  readonly runs: readonly CaseRun[]
  readonly problems: readonly Problem[]
}

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

const runOf = ({ file, row, name, want }: DecisionCase, decision: Decision, micros: number): CaseRun => {
  const wanted = inOrder(want)
  const got = told(decision, want)
  return { file, row, name, ok: isDeepStrictEqual(wanted, got), micros, wanted, got }
}
const problemOf = ({ file, row, name, wanted, got }: CaseRun): Problem => ({
  stage: 'cases', file, row, code: 'case_failed',
  message: `${name}\nwanted ${JSON.stringify(wanted)}\ngot    ${JSON.stringify(got)}`,
  remedy: 'correct the policy, or the case where the decision is meant so',
})

/** Asks the built bundle each case, by the engine that would judge with it. */
export const judgeCases = async (bundle: BuiltBundle, cases: readonly DecisionCase[], detectors: readonly string[]): Promise<JudgedCases> => {
  const engine = createPolicyEngine({ detectors, logger: silent, threads: 1 })
  try {
    await engine.activate(bundle)
    const runs: CaseRun[] = []
    const breathe = createBreath()
    for (const one of cases) {
      const began = performance.now()
      const decision = await engine.decide(one.question)
      runs.push(runOf(one, decision, Math.round((performance.now() - began) * 1000)))
      await breathe()
    }
    return { runs, problems: runs.filter(({ ok }) => !ok).map(problemOf) }
  } catch (fault) {
    // What an engine refuses, the next one would refuse too.
    return { runs: [], problems: [{ stage: 'activate', code: 'not_activated', message: (fault as Error).message }] }
  } finally {
    await engine.close()
  }
}
