import { buildBundle } from '../../bundle/build.ts'
import { foundOf } from '../../bundle/lint/found.ts'
import { problemText } from '../../bundle/problem.ts'
import type { Problem } from '../../bundle/problem.ts'
import { exitCode, printable } from '../output.ts'
import { plural } from './report.ts'
import { junit, problemCases, writeJunit } from './junit.ts'
import { bundle, detector, dir, json, rules } from './shared.ts'
import type { AddCommand, Common } from './shared.ts'

export const addLint: AddCommand = (policy, { output, exit, refuse, withSources }) => {
  const show = (level: string, found: readonly Problem[]): void => {
    for (const problem of found) output.line(printable(`${level}: ${problemText(problem)}`))
  }
  policy
    .command('lint')
    .description('say what compiles and probably means something else')
    .addOption(dir()).addOption(bundle()).addOption(rules()).addOption(detector()).addOption(json()).addOption(junit())
    .action((options: Common & { junit?: string }) =>
      withSources(options, async (sources, build) => {
        const built = await buildBundle(sources, { ...build, review: true })
        if (built.review === undefined) {
          if (built.ok) throw new Error('the build did not say what there is to look at')
          return refuse(built.problems, options)
        }
        const { errors: problems, warnings } = foundOf(built.review.findings, sources)
        const ok = problems.length === 0
        writeJunit(options.junit, problemCases('lint', problems))
        if (options.json) output.json({ ok, problems, warnings })
        else {
          show('error', problems)
          show('warning', warnings)
          output.note(`${plural(problems.length, 'error')}, ${plural(warnings.length, 'warning')}`)
        }
        if (!ok) exit(exitCode.no)
      }),
    )
}
