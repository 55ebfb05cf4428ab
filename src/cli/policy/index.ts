import type { Command } from 'commander'
import { createOpa } from '../../bundle/opa.ts'
import type { Opa } from '../../bundle/opa.ts'
import type { CommandContext } from '../main.ts'
import { addBuild } from './build.ts'
import { addCheck } from './check.ts'
import { addDiff } from './diff.ts'
import { addEval } from './eval.ts'
import { addExplain } from './explain.ts'
import { addFmt } from './fmt.ts'
import { addLibrary } from './library.ts'
import { addLint } from './lint.ts'
import { addReplay } from './replay.ts'
import { addRollback } from './rollback.ts'
import { addSign } from './sign.ts'
import { createTools } from './shared.ts'
import type { AddCommand } from './shared.ts'
import { addStatus } from './status.ts'
import { addTest } from './test.ts'
import { addVerify } from './verify.ts'

const commands: readonly AddCommand[] = [
  addCheck,
  addLint,
  addTest,
  addBuild,
  addEval,
  addExplain,
  addFmt,
  addLibrary,
  addSign,
  addVerify,
  addStatus,
  addRollback,
  addDiff,
  addReplay,
]

export const registerPolicy = (program: Command, context: CommandContext, openOpa: () => Opa = () => createOpa({ timeout: 300_000 })): void => {
  const policy = program.command('policy').description('check, test, build and evaluate policies')
  const tools = createTools(context, openOpa)
  for (const add of commands) add(policy, tools)
}
