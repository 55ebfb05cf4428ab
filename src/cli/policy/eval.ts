import { evaluate } from '../../bundle/eval.ts'
import { exitCode, printable } from '../output.ts'
import { showDecision } from './report.ts'
import { bundle, detector, dir, json, readText } from './shared.ts'
import type { AddCommand, Common } from './shared.ts'

export const addEval: AddCommand = (policy, { output, exit, withBundle }) => {
  policy
    .command('eval')
    .description('print the decision about one input, as the gateway would take it')
    .addOption(dir()).addOption(bundle()).addOption(detector()).addOption(json())
    .requiredOption('--input <file>', 'the input of the policy as JSON, `-` for standard input')
    .action(async (options: Common & { input: string }) => {
      const input = await readText(options.input)
      await withBundle(options, async ({ bundle: built, detectors }) => {
        const evaluated = await evaluate(built, input, detectors)
        if (!evaluated.ok) {
          output.note(evaluated.message)
          return exit(exitCode.misuse)
        }
        for (const note of evaluated.notes) output.note(printable(note))
        if (options.json) output.json(evaluated.decision)
        else showDecision(evaluated.decision, output)
      })
    })
}
