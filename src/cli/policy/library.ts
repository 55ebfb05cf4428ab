import { writeLibrary } from '../../bundle/library.ts'
import { json } from './shared.ts'
import type { AddCommand } from './shared.ts'

export const addLibrary: AddCommand = (policy, { output }) => {
  policy
    .command('library')
    .description('write the Rego library, so that a native opa finds it')
    .requiredOption('--out <directory>', 'the directory of policies')
    .addOption(json())
    .action(async (options: { out: string; json?: boolean }) => {
      const files = await writeLibrary(options.out)
      if (options.json) output.json({ ok: true, files })
      else files.forEach((file) => output.line(file))
    })
}
