import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError } from 'commander'
import { createOpa } from '../../../src/bundle/opa.ts'
import { createOutput } from '../../../src/cli/output.ts'
import { registerPolicy } from '../../../src/cli/policy/index.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}
export interface PolicyRunner {
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>
  close(): Promise<void>
}

/** `sallyport policy …` in this process, with one of OPA's for all that is run. */
export function openPolicyRunner(): PolicyRunner {
  const opa = createOpa({ timeout: 300_000 })
  const shared = { ...opa, close: () => Promise.resolve() }
  return {
    async run(args, env = {}) {
      const stdout: string[] = []
      const stderr: string[] = []
      let code = 0
      const output = createOutput({ stdout: { write: (text) => stdout.push(text) }, stderr: { write: (text) => stderr.push(text) } })
      const program = new Command().exitOverride().configureOutput({ writeOut: (text) => stdout.push(text), writeErr: (text) => stderr.push(text) })
      registerPolicy(program, { output, env, exit: (wanted) => (code = wanted) }, () => shared)
      try {
        await program.parseAsync(['policy', ...args], { from: 'user' })
      } catch (error) {
        if (!(error instanceof CommanderError)) throw error
        code = error.exitCode === 0 ? 0 : 2
      }
      return { code, stdout: stdout.join(''), stderr: stderr.join('') }
    },
    close: () => opa.close(),
  }
}

/** A directory with these files, begun as a copy of another where one is given. */
export function directoryOf(files: Readonly<Record<string, string>>, from?: string): string {
  const root = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
  if (from !== undefined) spawnSync('cp', ['-r', `${from}/.`, root])
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

export const example = fileURLToPath(new URL('../../bundle/source', import.meta.url))
