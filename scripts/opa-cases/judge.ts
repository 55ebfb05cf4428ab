/** Runs one case in the host that judges, and tells whether the outcome is the one that OPA's own test of its modules wants. */
import type { SmallBuild } from '../../src/bundle/opa.ts'
import { asJson, compare, equal, isArray, readJson, RegoNumber, RegoObject, type Value } from '../../src/policy/builtins/value.ts'
import { compileModule, instantiate, type EvalOutcome } from '../../src/policy/host.ts'
import type { OpaCase } from './case.ts'

/**
 * `pass` · `refused`: it does not build, so nobody can use it · `fault`: the judgement ends, which denies · `wrong`: another
 * answer than OPA's own evaluator gives.
 */
export interface Judged {
  readonly kind: 'pass' | 'refused' | 'fault' | 'wrong'
  readonly detail: string
}

const fuel = 500_000_000

export async function judge(one: OpaCase, build: SmallBuild): Promise<Judged> {
  if (!build.ok) return { kind: 'refused', detail: build.error }
  const module = await compileModule(build.wasm)
  const instance = instantiate(module, { results: 'rego', ...(one.data === undefined ? {} : { data: JSON.stringify(one.data) }) })
  const input = one.input_term ?? (one.input === undefined ? undefined : JSON.stringify(one.input))
  return compareOutcome(one, instance.evaluate('eval', input, fuel))
}

function compareOutcome(one: OpaCase, outcome: EvalOutcome): Judged {
  const wantsError = (one.want_error ?? one.want_error_code) !== undefined && one.want_defined === undefined && one.want_result === undefined
  if (!outcome.ok) {
    const conflict = outcome.fault === 'abort' && /var assignment conflict|object insert conflict/.test(outcome.detail)
    if (wantsError && !one.strict_error && conflict) return { kind: 'pass', detail: '' }
    return { kind: 'fault', detail: `${outcome.fault}: ${outcome.detail}` }
  }
  const found = (outcome.results as readonly Value[]).map(asJson)
  const passed = wantsError
    ? one.strict_error === true && found.length === 0
    : one.want_defined !== undefined
      ? found.length > 0 === one.want_defined
      : sameResults(one, found)
  if (passed) return { kind: 'pass', detail: '' }
  return { kind: 'wrong', detail: `${printed(found)}, not ${wantsError ? (one.want_error ?? one.want_error_code) : JSON.stringify(one.want_result ?? one.want_defined)}` }
}

/** Results have no order; with `sort_bindings` the elements of what is bound have none either. */
function sameResults(one: OpaCase, found: readonly Value[]): boolean {
  const wanted = readJson(JSON.stringify(one.want_result ?? []))
  if (!isArray(wanted) || wanted.length !== found.length) return false
  const normal = (value: Value): Value => (one.sort_bindings === true ? sorted(value) : value)
  const left = found.map(normal)
  return wanted.map(normal).every((want) => {
    const at = left.findIndex((value) => equal(value, want))
    if (at >= 0) left.splice(at, 1)
    return at >= 0
  })
}

function sorted(result: Value): Value {
  if (!(result instanceof RegoObject)) return result
  return new RegoObject(result.pairs.map(([name, value]) => [name, isArray(value) ? value.toSorted(compare) : value] as const))
}

function printed(values: readonly Value[]): string {
  return JSON.stringify(values, (_key, value: unknown) => {
    if (value instanceof RegoNumber) return JSON.rawJSON(value.text)
    return value instanceof RegoObject ? Object.fromEntries(value.pairs) : value
  })
}
