import type { DecisionCase } from '../cases/read.ts'
import type { Judge } from './judge.ts'
import { differences, tell, type Aspect, type Told } from './decisions.ts'

/** A decision case that two bundles decide differently. */
export interface CaseDifference {
  readonly file: string
  readonly row: number
  readonly name: string
  readonly in: readonly Aspect[]
  readonly before: Told
  readonly after: Told
}

/** The cases of both sides, each once: what one side dropped still tells what changes. */
export const casesOf = (before: readonly DecisionCase[], after: readonly DecisionCase[]): readonly DecisionCase[] => {
  const seen = new Set<string>()
  return [...after, ...before].filter((one) => {
    const key = JSON.stringify(one.question)
    return seen.size !== seen.add(key).size
  })
}

export async function compareCases(cases: readonly DecisionCase[], before: Judge, after: Judge): Promise<readonly CaseDifference[]> {
  const found: CaseDifference[] = []
  for (const { file, row, name, question } of cases) {
    const [was, is] = [await before.decide(question), await after.decide(question)]
    const aspects = differences(was, is, (text) => text)
    if (aspects.length > 0) found.push({ file, row, name, in: aspects, before: tell(was), after: tell(is) })
  }
  return found
}
