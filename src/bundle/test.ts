import { isObject } from '../exact-json.ts'
import type { Json } from '../model.ts'
import { compileModule, instantiate } from '../policy/host.ts'
import type { EvalOutcome } from '../policy/host.ts'
import { createBreath } from './breath.ts'
import { opaSources } from './build.ts'
import type { BuildOptions } from './build.ts'
import type { FileCoverage, OpaTest } from './opa.ts'
import type { Problem } from './problem.ts'
import { isTest } from './source/sources.ts'
import type { Sources } from './source/sources.ts'

export interface TestRun extends OpaTest {
  /** What the host that judges made of the same test. */
  readonly host: 'pass' | 'fail' | 'error' | 'skip'
  readonly host_error?: string
}
export interface Uncovered {
  readonly file: string
  readonly lines: readonly number[]
  readonly coverage: number
}
export interface Coverage {
  readonly percent: number
  readonly uncovered: readonly Uncovered[]
}
export interface TestReport {
  readonly tests: readonly TestRun[]
  readonly failed: number
  /** Tests on which OPA's evaluator and the host disagree; they count as failed. */
  readonly differing: number
  /** Where it was asked for. */
  readonly coverage?: Coverage
}
export type Tested = { readonly ok: true; readonly report: TestReport } | { readonly ok: false; readonly problems: readonly Problem[] }

/** A test is not the gateway's traffic: enough for anything but a loop without end. */
const fuel = 2_000_000_000
const entrypointOf = (test: OpaTest): string => `${test.package}/${test.name.replaceAll('.', '/')}`

/** The named cases of a test (`test_x[case]`) in the order OPA's report writes them. */
const casesOf = (value: Json | undefined, above = ''): readonly [string, boolean][] => {
  if (!isObject(value)) return [[above, value === true]]
  return Object.entries(value).flatMap(([name, inner]) => casesOf(inner, above === '' ? name : `${above}/${name}`))
}

const hostOutcome = (test: OpaTest, outcome: EvalOutcome): Pick<TestRun, 'host' | 'host_error'> => {
  if (!outcome.ok) return { host: 'error', host_error: `${outcome.fault}: ${outcome.detail}` }
  const value = (outcome.results[0] as { result?: Json } | undefined)?.result
  if (!test.cases) return { host: value === true ? 'pass' : 'fail' }
  const found = new Map(casesOf(value))
  // A case that is undefined leaves no trace in the answer; OPA's report knows its name.
  const every = Object.keys(test.cases).every((name) => found.get(name) === true) && [...found.values()].every(Boolean)
  return { host: every ? 'pass' : 'fail' }
}

/** One that fails in OPA need not say why it fails in the host, only that it does. */
export const agrees = (test: TestRun): boolean => (test.outcome === 'pass') === (test.host === 'pass') && (test.outcome === 'skip') === (test.host === 'skip')

const lines = (ranges: NonNullable<FileCoverage['not_covered']>): number[] => {
  const all = new Set<number>()
  for (const { start, end } of ranges) for (let row = start.row; row <= end.row; row += 1) all.add(row)
  return [...all].sort((a, b) => a - b)
}

/** Coverage of what is not a test, and not of the library unless the source holds it. */
const coverageOf = (files: Readonly<Record<string, FileCoverage>>, own: ReadonlySet<string>): Coverage => {
  const counted = Object.entries(files).filter(([path]) => own.has(path) && !isTest(path))
  const covered = counted.reduce((sum, [, file]) => sum + (file.covered_lines ?? 0), 0)
  const missed = counted.reduce((sum, [, file]) => sum + (file.not_covered_lines ?? 0), 0)
  const uncovered = counted
    .filter(([, file]) => (file.not_covered_lines ?? 0) > 0)
    .map(([file, { not_covered, coverage: percent }]) => ({ file, lines: lines(not_covered ?? []), coverage: percent ?? 0 }))
  return { percent: covered + missed === 0 ? 100 : (100 * covered) / (covered + missed), uncovered }
}

/** Two rules of one name are renamed by OPA's runner (`test_x#01`), which the compiled module cannot follow. */
const renamed = (tests: readonly OpaTest[]): readonly Problem[] =>
  tests
    .filter(({ name }) => /#\d+$/.test(name))
    .map(({ file, row, name }) => ({ stage: 'test', file, row, code: 'test_twice', message: `there are several tests named ${name.replace(/#\d+$/, '')}`, remedy: 'give each test a name of its own' }))

export interface TestOptions extends BuildOptions {
  readonly filter?: string
  /** Also finds out what the tests reach, which takes twice the time again; true by default. */
  readonly coverage?: boolean
}

/** Runs every test by OPA's evaluator and, compiled, in the host that judges. What they disagree on has failed. */
export const testBundle = async (sources: Sources, options: TestOptions): Promise<Tested> => {
  const { opa, filter, coverage = true } = options
  const tested = await opa.test({ ...opaSources(sources, options), coverage, ...(filter ? { filter } : {}) })
  if (!tested.ok) return tested
  const { tests, wasm } = tested.result
  const twice = renamed(tests)
  if (twice.length > 0) return { ok: false, problems: twice }
  const module = wasm && (await compileModule(wasm))
  const data = JSON.stringify(sources.data)

  const runs: TestRun[] = []
  const breathe = createBreath()
  for (const test of tests) {
    const isRun = module !== undefined && test.outcome !== 'skip'
    runs.push(isRun ? { ...test, ...hostOutcome(test, instantiate(module, { data }).evaluate(entrypointOf(test), undefined, fuel)) } : { ...test, host: 'skip' })
    await breathe()
  }
  const differing = runs.filter((test) => !agrees(test)).length
  const failed = runs.filter((test) => !agrees(test) || test.outcome === 'fail' || test.outcome === 'error').length
  const covered = tested.result.coverage
  return { ok: true, report: { tests: runs, failed, differing, ...(covered ? { coverage: coverageOf(covered.files, new Set(sources.own)) } : {}) } }
}
