import { formatDirectory } from '../../bundle/format.ts'
import type { Problem } from '../../bundle/problem.ts'
import { exitCode } from '../output.ts'
import { junit, problemCases, writeJunit } from './junit.ts'
import { dir, json } from './shared.ts'
import type { AddCommand, Common } from './shared.ts'

export const addFmt: AddCommand = (policy, { output, exit, refuse, withOpa }) => {
  policy
    .command('fmt')
    .description('name the files that are not formatted')
    .addOption(dir()).addOption(json()).addOption(junit())
    .option('-w, --write', 'format them in place')
    .action((options: Common & { junit?: string; write?: boolean }) =>
      withOpa(async (opa) => {
        const formatted = await formatDirectory(options.dir ?? 'rego', { opa, write: options.write ?? false })
        if (!formatted.ok) return refuse(formatted.problems, options)
        const ok = options.write === true || formatted.changed.length === 0
        const problems = ok ? [] : formatted.changed.map((file): Problem => ({ stage: 'fmt', file, code: 'unformatted', message: 'this is not formatted', remedy: 'run `sallyport policy fmt --write`' }))
        writeJunit(options.junit, problemCases('fmt', problems))
        if (options.json) output.json({ ok, changed: formatted.changed })
        else {
          formatted.changed.forEach((file) => output.line(file))
          if (!ok) output.note('not formatted; --write formats what is named')
        }
        if (!ok) exit(exitCode.no)
      }),
    )
}
