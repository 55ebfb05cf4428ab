import { buildBundle } from '../../bundle/build.ts'
import { createLint } from '../../bundle/lint/lint.ts'
import type { Found } from '../../bundle/lint/lint.ts'
import { problemText } from '../../bundle/problem.ts'
import type { Problem } from '../../bundle/problem.ts'
import { exitCode, printable } from '../output.ts'
import { junit, problemCases, writeJunit } from './junit.ts'
import { bundle, detector, dir, json, rules } from './shared.ts'
import type { AddCommand, Common } from './shared.ts'

export const addLint: AddCommand = (policy, { output, exit, refuse, withSources }) => {
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
        const found = await createLint().look(built.review.syntax, sources, build.detectors)
        const of = (wanted: Found['level']): readonly Problem[] => found.filter(({ level }) => level === wanted).map(({ problem }) => problem)
        const problems = of('error')
        const warnings = of('warning')
        const ok = problems.length === 0
        writeJunit(options.junit, problemCases('lint', problems))
        if (options.json) output.json({ ok, problems, warnings })
        else {
          for (const { level, problem } of found) for (const [at, line] of printable(problemText(problem)).split('\n').entries()) output.line(at === 0 ? `${level}: ${line}` : line)
          output.note(`${problems.length} errors, ${warnings.length} warnings`)
        }
        if (!ok) exit(exitCode.no)
      }),
    )
}
