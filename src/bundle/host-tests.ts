import { isObject } from '../exact-json.ts'
import type { Json } from '../model.ts'
import { compileModule, instantiate } from '../policy/host.ts'
import type { EvalOutcome } from '../policy/host.ts'
import type { OpaTest } from './opa.ts'
import type { TestPlace } from './opa-worker.ts'

/** What the host that judges made of a test. */
export interface HostTest {
  readonly host: 'pass' | 'fail' | 'error' | 'skip'
  readonly host_error?: string
}

/** A test is not the gateway's traffic: enough for anything but a loop without end. */
const fuel = 2_000_000_000
const entrypointOf = (test: OpaTest): string => `${test.package}/${test.name.replaceAll('.', '/')}`

/** The named cases of a test (`test_x[case]`) in the order OPA's report writes them. */
const casesOf = (value: Json | undefined, above = ''): readonly [string, boolean][] => {
  if (!isObject(value)) return [[above, value === true]]
  return Object.entries(value).flatMap(([name, inner]) => casesOf(inner, above === '' ? name : `${above}/${name}`))
}

const outcomeOf = (test: OpaTest, outcome: EvalOutcome): HostTest => {
  if (!outcome.ok) return { host: 'error', host_error: `${outcome.fault}: ${outcome.detail}` }
  const value = (outcome.results[0] as { result?: Json } | undefined)?.result
  if (!test.cases) return { host: value === true ? 'pass' : 'fail' }
  const found = new Map(casesOf(value))
  // A case that is undefined leaves no trace in the answer; OPA's report knows its name.
  const every = Object.keys(test.cases).every((name) => found.get(name) === true) && [...found.values()].every(Boolean)
  return { host: every ? 'pass' : 'fail' }
}

/** Each test of a compiled module, one after another; `begun` is told of each before. It takes its time, so it has a process of its own. */
export const runHostTests = async (wasm: Uint8Array, data: string, tests: readonly OpaTest[], begun: (at: TestPlace) => void): Promise<readonly HostTest[]> => {
  const module = await compileModule(wasm)
  return tests.map((test) => {
    if (test.outcome === 'skip') return { host: 'skip' }
    begun({ file: test.file, row: test.row, name: `${test.package.replaceAll('/', '.')}.${test.name}` })
    return outcomeOf(test, instantiate(module, { data }).evaluate(entrypointOf(test), undefined, fuel))
  })
}
