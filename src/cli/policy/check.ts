import { junit, problemCases, writeJunit } from './junit.ts'
import { bundle, rules, detector, dir, json } from './shared.ts'
import type { AddCommand, Common } from './shared.ts'

export const addCheck: AddCommand = (policy, { output, withBundle }) => {
  policy
    .command('check')
    .description('say what would keep the policies from becoming active')
    .addOption(dir()).addOption(bundle()).addOption(rules()).addOption(detector()).addOption(json()).addOption(junit())
    .action((options: Common & { junit?: string }) =>
      withBundle(options, async ({ bundle: { digest, rules }, told }) => {
        writeJunit(options.junit, problemCases('check', []))
        if (options.json) output.json({ ok: true, digest, problems: [], ...told })
        else output.line(`fine: ${Object.keys(rules).length} rules with metadata, bundle ${digest}`)
      }),
    )
}
