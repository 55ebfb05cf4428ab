import { Option } from 'commander'
import type { z } from 'zod'
import type { keptBundles, PolicyView } from '../../admin/contract/policy.ts'
import { createApiClient } from '../api.ts'
import { exitCode, type ExitCode } from '../output.ts'
import { json } from './shared.ts'
import type { AddCommand } from './shared.ts'

interface RollbackArguments {
  readonly reason?: string
  readonly release?: boolean
  readonly list?: boolean
  readonly json?: boolean
}

export const addRollback: AddCommand = (policy, { output, exit, env }) => {
  const stop = (code: ExitCode, message: string): void => {
    output.note(`sallyport policy rollback: ${message}`)
    exit(code)
  }
  const list = async (given: RollbackArguments): Promise<void> => {
    const answer = await createApiClient(env).get<z.infer<typeof keptBundles>>('policy/bundles')
    if (!answer.ok) return stop(answer.exit, answer.message)
    if (given.json) return output.json(answer.body)
    output.table(['DIGEST', 'REVISION', 'ACTIVE SINCE', ''], answer.body.items.map(({ digest, revision, activated_at, active }) => [digest, revision, activated_at, active ? 'active' : '']))
  }
  policy
    .command('rollback')
    .description('make an older bundle active, until the source gives a newer one than that it replaces')
    .argument('[digest]', 'the digest of the bundle, as --list shows it')
    .option('--reason <words>', 'why (needed)')
    .addOption(new Option('--release', 'let the source decide again').conflicts('list'))
    .option('--list', 'show the bundles that can be gone back to')
    .addOption(json())
    .action(async (digest: string | undefined, given: RollbackArguments) => {
      if (given.list === true) return list(given)
      if ((digest === undefined) === (given.release !== true)) return stop(exitCode.misuse, 'either the digest of a bundle or --release is needed; --list shows the bundles')
      if ((given.reason ?? '').trim() === '') return stop(exitCode.misuse, '--reason is needed, and is recorded')
      const answer = await createApiClient(env).post<PolicyView>('policy/rollback', { ...(digest === undefined ? { release: true } : { digest }), reason: given.reason })
      if (!answer.ok) return stop(answer.exit, answer.message)
      if (given.json) return output.json(answer.body)
      const { active, rolled_back } = answer.body
      output.line(`${active?.digest ?? 'nothing'} is active${rolled_back === null ? ', and the source decides' : ` until the source gives a newer bundle than ${rolled_back.from}`}`)
    })
}
