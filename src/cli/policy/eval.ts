import { traceDecision } from '../../bundle/compare/trace.ts'
import { evaluate, evaluateRoles } from '../../bundle/eval.ts'
import { unreadNames } from '../../bundle/unread-names.ts'
import { exitCode, printable } from '../output.ts'
import { showDecision } from './report.ts'
import { bundle, rules, detector, dir, json, readText } from './shared.ts'
import type { AddCommand, Common } from './shared.ts'
import { showTrace } from './show-trace.ts'

/** An input that cannot be read is refused by whoever judges it. */
const namesIn = (input: string, schema: unknown): readonly string[] => {
  try {
    return unreadNames(JSON.parse(input), schema ?? {})
  } catch {
    return []
  }
}

export const addEval: AddCommand = (policy, { output, exit, withBundle, refuse }) => {
  policy
    .command('eval')
    .description('print the decision about one input, as the gateway would take it')
    .addOption(dir()).addOption(bundle()).addOption(rules()).addOption(detector()).addOption(json())
    .requiredOption('--input <file>', 'the input of the policy as JSON, `-` for standard input')
    .option('--trace', 'also say what each rule answered, and which lines took part')
    .option('--roles', 'print the roles of the admin API that `actor` has at `now` instead')
    .action(async (options: Common & { input: string; trace?: boolean; roles?: boolean }) => {
      const input = await readText(options.input)
      await withBundle(options, async ({ bundle: built, detectors, build }, sources) => {
        if (options.roles === true) {
          const given = await evaluateRoles(built, input, detectors)
          for (const note of given.ok ? given.notes : [given.message]) output.note(printable(note))
          if (!given.ok) return exit(exitCode.misuse)
          return options.json ? output.json({ roles: given.roles }) : output.line(given.roles.length === 0 ? 'no role' : given.roles.join(', '))
        }
        for (const note of namesIn(input, build.schema)) output.note(printable(note))
        const evaluated = await evaluate(built, input, detectors)
        if (!evaluated.ok) {
          output.note(evaluated.message)
          return exit(exitCode.misuse)
        }
        for (const note of evaluated.notes) output.note(printable(note))
        const traced = options.trace === true ? await traceDecision(sources, built, input, build) : undefined
        if (traced?.ok === false) return refuse(traced.problems, options)
        if (options.json) return output.json(traced === undefined ? evaluated.decision : { ...evaluated.decision, trace: { steps: traced.result.steps, lines: traced.result.lines } })
        showDecision(evaluated.decision, output)
        if (traced !== undefined) showTrace(traced.result, output)
      })
    })
}
