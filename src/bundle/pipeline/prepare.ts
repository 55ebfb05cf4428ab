import type { Question } from '../../model.ts'
import { buildBundle } from '../build.ts'
import type { BuildOptions, BuiltBundle } from '../build.ts'
import { readCases } from '../cases/read.ts'
import type { DecisionCase } from '../cases/read.ts'
import { judgeCases } from '../cases/judge.ts'
import { foundOf } from '../lint/found.ts'
import type { StageRun } from '../opa.ts'
import type { Problem } from '../problem.ts'
import { isTest, packageOf } from '../source/sources.ts'
import type { Sources } from '../source/sources.ts'
import { testBundle } from '../test.ts'
import { testProblems } from './test-problems.ts'
import type { Progress } from './run.ts'

export interface PrepareOptions extends BuildOptions {
  /** Percent of the lines that the tests must reach; no coverage is looked for where it is left out. */
  readonly coverage?: number
  /** A directory of decision cases beside those of the source. */
  readonly cases?: string
}
export type Prepared = { readonly ok: true; readonly bundle: BuiltBundle } | { readonly ok: false; readonly problems: readonly Problem[] }

/** So many questions are judged by a new bundle before it is switched in; more would only take time. */
const mostSamples = 200

interface Tried {
  readonly problems: readonly Problem[]
  readonly stage: readonly StageRun[]
}
const noTests: Tried = { problems: [], stage: [] }

/** What a source brings of the library's own tests says nothing of its policies: the library that is compiled is the gateway's. */
const withoutLibraryTests = (sources: Sources): Sources => {
  const packages = new Set(sources.library.map((path) => `${packageOf(sources.modules[path] ?? '')}_test`))
  const isOurs = (path: string, text: string): boolean => isTest(path) && packages.has(packageOf(text))
  return { ...sources, modules: Object.fromEntries(Object.entries(sources.modules).filter(([path, text]) => !isOurs(path, text))) }
}

/** The tests run beside the build, in another process. A fault of theirs counts only once everything before them is fine. */
const runTests = async (all: Sources, options: PrepareOptions): Promise<Tried> => {
  const sources = withoutLibraryTests(all)
  if (!Object.keys(sources.modules).some(isTest) && options.coverage === undefined) return noTests
  const began = performance.now()
  const tested = await testBundle(sources, { ...options, coverage: options.coverage !== undefined })
  const problems = tested.ok ? testProblems(tested.report, options.coverage) : tested.problems
  return { problems, stage: [{ name: 'test', ms: Math.round(performance.now() - began), ok: problems.length === 0 }] }
}

const unformatted = (file: string): Problem => ({
  stage: 'fmt', file, code: 'unformatted', message: 'this is not formatted as `opa fmt` would', remedy: 'run `sallyport policy fmt --write`',
})

/** Whatever can be found out about a source before it is switched in: check, semantics, lint, format, tests, build, decision cases. */
export const prepare = async (sources: Sources, options: PrepareOptions, progress: Progress): Promise<Prepared> => {
  const reading = readCases(sources.cases, options.cases)
  const testing = runTests(sources, options)
  testing.catch(() => {})
  reading.catch(() => {})
  progress.at('check')
  const built = await buildBundle(sources, { ...options, review: true })
  const before = built.stages.filter(({ name }) => name !== 'build')
  const building = built.stages.filter(({ name }) => name === 'build')
  const refuse = (problems: readonly Problem[]): Prepared => ({ ok: false, problems })

  const { review } = built
  if (review === undefined) {
    progress.add(built.stages)
    if (built.ok) throw new Error('the build did not say what lint and format check look at')
    return refuse(built.problems)
  }
  const { errors, warnings } = foundOf(review.findings, sources)
  progress.warn(warnings)
  progress.add(before.filter(({ name }) => name !== 'fmt'))
  if (errors.length > 0) return refuse(errors)

  // A file that is not formatted means the same, so in a gateway it is worth a word and no more.
  progress.warn(review.unformatted.map(unformatted))
  progress.add(before.filter(({ name }) => name === 'fmt').map((stage) => ({ ...stage, ok: true })))

  progress.at('test')
  const tested = await testing
  progress.add(tested.stage)
  if (tested.problems.length > 0) return refuse(tested.problems)

  progress.add(building)
  if (!built.ok) return refuse(built.problems)

  progress.at('cases')
  const read = await reading
  if (!read.ok) return refuse(read.problems)
  const questions = read.cases.map(({ question }) => question)
  const failed = await tryCases(built.bundle, read.cases, options, progress)
  return failed.length > 0 ? refuse(failed) : { ok: true, bundle: withSamples(built.bundle, questions) }
}

const tryCases = async (bundle: BuiltBundle, cases: readonly DecisionCase[], options: PrepareOptions, progress: Progress): Promise<readonly Problem[]> => {
  if (cases.length === 0) return []
  const judged = await progress.stage('cases', () => judgeCases(bundle, cases, options.detectors), ({ problems }) => problems.length === 0)
  return judged.problems
}

const withSamples = (bundle: BuiltBundle, questions: readonly Question[]): BuiltBundle => (questions.length === 0 ? bundle : { ...bundle, samples: questions.slice(0, mostSamples) })
