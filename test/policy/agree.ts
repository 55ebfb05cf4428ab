import { compileModule, instantiate, type EvalOutcome } from '../../src/policy/host.ts'
import type { Opa } from '../../src/bundle/opa.ts'
import { build } from './support.ts'

export const modulesOf = (calls: readonly string[]): Record<string, string> => ({
  'probe.rego': `package probe\n\n${calls.map((call, index) => `p${index} := ${call}`).join('\n\n')}\n`,
})

/** Each call in an instance of its own. */
export async function run(opa: Opa, calls: readonly string[], fuel: number): Promise<readonly EvalOutcome[]> {
  const module = await compileModule(await build(opa, modulesOf(calls), calls.map((_, index) => `probe/p${index}`)))
  return calls.map((_, index) => instantiate(module).evaluate(`probe/p${index}`, undefined, fuel))
}

/** What OPA's own evaluator and the host answer to all calls at once; an undefined one is missing in both. */
export async function expectSame(opa: Opa, calls: readonly string[]): Promise<void> {
  const modules = modulesOf(calls)
  const evaluated = await opa.eval({ modules, query: 'data.probe' })
  if (!evaluated.ok) throw new Error(JSON.stringify(evaluated.problems))
  const wanted = evaluated.result[0]?.expressions[0]?.value as Record<string, unknown>
  const outcome = instantiate(await compileModule(await build(opa, modules, ['probe']))).evaluate('probe', undefined, 500_000_000)
  if (!outcome.ok) throw new Error(outcome.detail)
  const found = (outcome.results[0] as { result: Record<string, unknown> }).result
  const named = (answers: Record<string, unknown>): unknown => calls.map((call, index) => [call, answers[`p${index}`]])
  expect(named(found)).toEqual(named(wanted))
}
