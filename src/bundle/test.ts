import { opaSources } from './build.ts'
import type { BuildOptions } from './build.ts'
import type { HostTest } from './host-tests.ts'
import { OpaFault } from './opa-fault.ts'
import type { FileCoverage, Opa, OpaAnswer, OpaTest, OpaTestReport } from './opa.ts'
import type { Problem } from './problem.ts'
import { isTest } from './source/sources.ts'
import type { Sources } from './source/sources.ts'

export interface TestRun extends OpaTest, HostTest {}
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

/** Less than a run has altogether: what is looked for has kept it busy for all of that before. */
const watchFor = 20_000

const named = (fault: unknown): Problem | undefined => {
  if (!(fault instanceof OpaFault) || fault.isClosed || fault.at === undefined) return undefined
  const { file, row, name } = fault.at
  return { stage: 'test', file, row, code: 'no_answer', message: `${name.replace(/^data\./, '')} gives no answer: ${fault.message}`, remedy: 'give it less to go through' }
}

/** Runs the tests by OPA's evaluator. One that never ends keeps everything busy and says nothing, so then they are watched one by one. */
const testInOpa = async (opa: Opa, asked: Parameters<Opa['test']>[0]): Promise<OpaAnswer<OpaTestReport>> => {
  try {
    return await opa.test(asked)
  } catch (fault) {
    if (!(fault instanceof OpaFault) || fault.isClosed) throw fault
    return opa.test({ ...asked, watch: true, within: watchFor }).catch((again: unknown) => {
      const problem = named(again)
      if (problem === undefined) throw fault
      return { ok: false, problems: [problem] }
    })
  }
}

/** Runs every test by OPA's evaluator and, compiled, in the host that judges, both beside this process. What they disagree on has failed. */
export const testBundle = async (sources: Sources, options: TestOptions): Promise<Tested> => {
  const { opa, filter, coverage = true } = options
  const tested = await testInOpa(opa, { ...opaSources(sources, options), coverage, ...(filter ? { filter } : {}) })
  if (!tested.ok) return tested
  const { tests, wasm } = tested.result
  const twice = renamed(tests)
  if (twice.length > 0) return { ok: false, problems: twice }
  const inHost = wasm === undefined ? [] : await opa.testInHost(wasm, sources.data, tests).catch((fault: unknown) => {
    const problem = named(fault)
    if (problem === undefined) throw fault
    return problem
  })
  if ('code' in inHost) return { ok: false, problems: [inHost] }
  const runs = tests.map((test, at): TestRun => ({ ...test, ...(inHost[at] ?? { host: 'skip' }) }))
  const differing = runs.filter((test) => !agrees(test)).length
  const failed = runs.filter((test) => !agrees(test) || test.outcome === 'fail' || test.outcome === 'error').length
  const covered = tested.result.coverage
  return { ok: true, report: { tests: runs, failed, differing, ...(covered ? { coverage: coverageOf(covered.files, new Set(sources.own)) } : {}) } }
}
