import { formatDirectory } from '../../bundle/format.ts'
import { exitCode } from '../output.ts'
import { dir, json } from './shared.ts'
import type { AddCommand, Common } from './shared.ts'

export const addFmt: AddCommand = (policy, { output, exit, refuse, withOpa }) => {
  policy
    .command('fmt')
    .description('name the files that are not formatted')
    .addOption(dir()).addOption(json())
    .option('-w, --write', 'format them in place')
    .action((options: Common & { write?: boolean }) =>
      withOpa(async (opa) => {
        const formatted = await formatDirectory(options.dir ?? 'rego', { opa, write: options.write ?? false })
        if (!formatted.ok) return refuse(formatted.problems, options)
        const ok = options.write === true || formatted.changed.length === 0
        if (options.json) output.json({ ok, changed: formatted.changed })
        else formatted.changed.forEach((file) => output.line(file))
        if (!ok) exit(exitCode.no)
      }),
    )
}
