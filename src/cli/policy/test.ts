import { InvalidArgumentError } from 'commander'
import { testBundle } from '../../bundle/test.ts'
import { exitCode } from '../output.ts'
import { showTests } from './report.ts'
import { bundle, rules, detector, dir, json } from './shared.ts'
import type { AddCommand, Common } from './shared.ts'

const percentage = (given: string): number => {
  const value = Number(given)
  if (given.trim() === '' || !(value >= 0 && value <= 100)) throw new InvalidArgumentError('a number from 0 to 100 is expected')
  return value
}

export const addTest: AddCommand = (policy, { output, exit, refuse, withSources }) => {
  policy
    .command('test')
    .description("run the tests twice: by OPA's evaluator, and compiled in the host that judges")
    .addOption(dir()).addOption(bundle()).addOption(rules()).addOption(detector()).addOption(json())
    .option('--run <pattern>', 'only the tests whose full name matches')
    .option('--threshold <percent>', 'the coverage wanted', percentage)
    .option('--verbose', 'name the tests that pass, too')
    .action((options: Common & { run?: string; threshold?: number; verbose?: boolean }) =>
      withSources(options, async (sources, build) => {
        const tested = await testBundle(sources, { ...build, ...(options.run ? { filter: options.run } : {}) })
        if (!tested.ok) return refuse(tested.problems, options)
        const { report } = tested
        // A slip in the pattern must not look like tests that passed.
        const isFound = options.run === undefined || report.tests.length > 0
        const isCovered = (report.coverage?.percent ?? 0) >= (options.threshold ?? 0)
        const ok = report.failed === 0 && isCovered && isFound
        if (options.json) output.json({ ok, ...report, ...(options.threshold === undefined ? {} : { threshold: options.threshold }) })
        else showTests(report, { threshold: options.threshold, verbose: options.verbose ?? false }, output)
        if (!isFound) output.note('no test has such a name')
        if (!ok) exit(exitCode.no)
      }),
    )
}
