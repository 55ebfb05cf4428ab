import { readFile } from 'node:fs/promises'
import { readVerifyKey } from '../../bundle/trust/keys.ts'
import { openBundle } from '../../bundle/trust/open-bundle.ts'
import { orderOf } from '../../bundle/trust/order.ts'
import { exitCode } from '../output.ts'
import { json } from './shared.ts'
import type { AddCommand } from './shared.ts'
import { readKeyText, withKey } from './sign.ts'
import type { KeyPlace } from './sign.ts'

interface VerifyArguments extends KeyPlace {
  readonly bundle: string
  readonly scope?: string
  readonly json?: boolean
}

export const addVerify: AddCommand = (policy, { output, exit, env, refuse }) => {
  const stop = (message: string, code: 2 | 3): void => {
    output.note(`sallyport policy verify: ${message}`)
    exit(code)
  }
  withKey(policy.command('verify').description('say whether a gateway with this key would believe a bundle'))
    .requiredOption('--bundle <file>', 'the bundle')
    .option('--scope <scope>', 'what it must be signed for')
    .addOption(json())
    .action(async (given: VerifyArguments) => {
      const text = await readKeyText(given, env)
      if (!text.ok) return stop(text.message, exitCode.misuse)
      const key = readVerifyKey(text.text, { algorithm: given.algorithm, id: given.keyId })
      if (!key.ok) return stop(`the key: found ${key.found}, expected ${key.expected}`, exitCode.misuse)
      const bytes = await readFile(given.bundle).catch((fault: NodeJS.ErrnoException) => fault.code ?? 'error')
      if (typeof bytes === 'string') return stop(`${given.bundle} cannot be read (${bytes})`, exitCode.failed)
      const opened = await openBundle(bytes, { keys: [key.key], scope: given.scope ?? '', clock: Date.now })
      if (!opened.ok) return refuse(opened.problems, given)
      const { signed, manifest } = opened.bundle
      const { order } = orderOf(opened.bundle, '')
      if (given.json) output.json({ ok: true, problems: [], revision: manifest.revision ?? null, sequence: order ?? null, ...signed })
      else output.line(`fine: signed by ${signed?.key ?? 'a key without a name'} (${signed?.algorithm})${order === undefined ? '' : `, sequence ${order}`}`)
      if (order === undefined) output.note('warning: nothing signed in it says where it stands among your bundles, so a gateway takes it only as the first; sign it with `sallyport policy sign`')
    })
}
