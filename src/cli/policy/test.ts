import { InvalidArgumentError } from 'commander'
import { buildBundle } from '../../bundle/build.ts'
import type { BuildOptions } from '../../bundle/build.ts'
import { judgeCases } from '../../bundle/cases/judge.ts'
import type { JudgedCases } from '../../bundle/cases/judge.ts'
import { readCases } from '../../bundle/cases/read.ts'
import type { DecisionCase } from '../../bundle/cases/read.ts'
import type { Problem } from '../../bundle/problem.ts'
import type { Sources } from '../../bundle/source/sources.ts'
import { testBundle } from '../../bundle/test.ts'
import { exitCode } from '../output.ts'
import { decisionCases, junit, testCases, writeJunit } from './junit.ts'
import { showCases, showTests } from './report.ts'
import { bundle, detector, dir, json, rules } from './shared.ts'
import type { AddCommand, Common } from './shared.ts'

interface TestCommand extends Common {
  readonly run?: string
  readonly threshold?: number
  readonly cases?: string
  readonly junit?: string
  readonly verbose?: boolean
}

const percentage = (given: string): number => {
  const value = Number(given)
  if (given.trim() === '' || !(value >= 0 && value <= 100)) throw new InvalidArgumentError('a number from 0 to 100 is expected')
  return value
}

type Judged = { readonly ok: true; readonly judged: JudgedCases } | { readonly ok: false; readonly problems: readonly Problem[] }

/** The cases are asked of the bundle as a gateway would run it. */
const judge = async (cases: readonly DecisionCase[], sources: Sources, build: BuildOptions): Promise<Judged> => {
  if (cases.length === 0) return { ok: true, judged: { runs: [], problems: [] } }
  const built = await buildBundle(sources, build)
  if (!built.ok) return built
  const judged = await judgeCases(built.bundle, cases, build.detectors)
  // What an engine refuses as a whole has no case to show.
  return judged.runs.length === 0 ? { ok: false, problems: judged.problems } : { ok: true, judged }
}

export const addTest: AddCommand = (policy, { output, exit, refuse, withSources }) => {
  policy
    .command('test')
    .description("run the tests twice, by OPA's evaluator and compiled in the host that judges, and ask the built policies the decision cases")
    .addOption(dir()).addOption(bundle()).addOption(rules()).addOption(detector()).addOption(json()).addOption(junit())
    .option('--cases <directory>', 'decision cases beside those in the directory `cases` of the policies')
    .option('--run <pattern>', 'only the tests whose full name matches, and no cases')
    .option('--threshold <percent>', 'the coverage wanted', percentage)
    .option('--verbose', 'name what passes, too')
    .action((options: TestCommand) =>
      withSources(options, async (sources, build) => {
        const { run, threshold } = options
        const read = run === undefined ? await readCases(sources.cases, options.cases) : { ok: true as const, cases: [] }
        if (!read.ok) return refuse(read.problems, options)
        const tested = await testBundle(sources, { ...build, ...(run ? { filter: run } : {}) })
        if (!tested.ok) return refuse(tested.problems, options)
        const found = await judge(read.cases, sources, build)
        if (!found.ok) return refuse(found.problems, options)
        const { report } = tested
        const { runs } = found.judged
        const failed = runs.filter((one) => !one.ok).length
        // A slip in the pattern must not look like tests that passed.
        const isFound = run === undefined || report.tests.length > 0
        const isCovered = (report.coverage?.percent ?? 0) >= (threshold ?? 0)
        const ok = report.failed === 0 && failed === 0 && isCovered && isFound
        writeJunit(options.junit, [
          ...testCases(report.tests),
          ...decisionCases(runs),
          ...(threshold === undefined ? [] : [{ suite: 'coverage', name: `at least ${threshold} %`, ...(isCovered ? {} : { failure: `the tests reach ${(report.coverage?.percent ?? 0).toFixed(1)} % of the lines` }) }]),
        ])
        if (options.json) output.json({ ok, ...report, cases: { total: runs.length, failed, runs }, ...(threshold === undefined ? {} : { threshold }) })
        else {
          showTests(report, { threshold, verbose: options.verbose ?? false }, output)
          showCases(runs, options.verbose ?? false, output)
        }
        if (!isFound) output.note('no test has such a name')
        if (run === undefined && report.tests.length === 0 && runs.length === 0) output.note('nothing was tested: a test is a rule `test_…` in a file `…_test.rego`, a decision case stands in `cases/*.yaml`')
        if (!ok) exit(exitCode.no)
      }),
    )
}
