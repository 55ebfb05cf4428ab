import { writeFile } from 'node:fs/promises'
import { packBundle } from '../../bundle/trust/bundle-file.ts'
import { bundle, rules, detector, dir, json } from './shared.ts'
import type { AddCommand, Common } from './shared.ts'

export const addBuild: AddCommand = (policy, { output, withBundle }) => {
  policy
    .command('build')
    .description('check and compile to an OPA bundle')
    .addOption(dir()).addOption(bundle()).addOption(rules()).addOption(detector()).addOption(json())
    .requiredOption('-o, --output <file>', 'where to write it')
    .action((options: Common & { output: string }) =>
      withBundle(options, async ({ bundle: built, told }, sources) => {
        const bytes = await packBundle(sources, built)
        await writeFile(options.output, bytes)
        const { digest, revision } = built
        if (options.json) output.json({ ok: true, digest, revision, output: options.output, bytes: bytes.length, ...told })
        else output.line(`${options.output}: bundle ${digest}, ${bytes.length} bytes`)
      }),
    )
}
