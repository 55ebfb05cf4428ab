#!/usr/bin/env node
import '../repaired-json.ts'
import { Command, CommanderError } from 'commander'
import product from '../../package.json' with { type: 'json' }
import { messageOf } from '../errors.ts'
import { keepCompiledCode } from './compiled-code.ts'
import { createOutput, exitCode, type Output } from './output.ts'

/** What every command is given. A command that ends with another answer than "fine" calls `exit`. */
export interface CommandContext {
  readonly output: Output
  readonly env: Readonly<Record<string, string | undefined>>
  exit(code: number): void
}
export type Register = (program: Command, context: CommandContext) => void

interface Entry {
  readonly name: string
  readonly says: string
  readonly load: () => Promise<Register>
}

// Each file is loaded only for its own command, so that none pays for the libraries of the others.
const entries: readonly Entry[] = [
  { name: 'start', says: 'run the gateway', load: async () => (await import('./start.ts')).registerStart },
  { name: 'demo', says: 'run the gateway with demo servers, people and policies, on loopback only', load: async () => (await import('./demo.ts')).registerDemo },
  { name: 'validate', says: 'check the configuration and stop', load: async () => (await import('./validate.ts')).registerValidate },
  { name: 'doctor', says: 'check that the gateway could run here, and say what to do if not', load: async () => (await import('./doctor.ts')).registerDoctor },
  { name: 'login', says: 'sign in to a gateway, for the commands that talk to it', load: async () => (await import('./login.ts')).registerLogin },
  { name: 'logout', says: 'give back the tokens of a gateway and erase them', load: async () => (await import('./logout.ts')).registerLogout },
  { name: 'connect', says: 'be an MCP server over stdio: one behind a gateway', load: async () => (await import('./connect.ts')).registerConnect },
  { name: 'token', says: 'print a token for one of the people of the demo', load: async () => (await import('./demo.ts')).registerToken },
  { name: 'policy', says: 'check, test, build and evaluate policies', load: async () => (await import('./policy/index.ts')).registerPolicy },
  { name: 'sessions', says: 'list, show and replay recorded sessions', load: async () => (await import('./sessions.ts')).registerSessions },
  { name: 'approvals', says: 'list, show and answer approvals', load: async () => (await import('./approvals.ts')).registerApprovals },
]

const wanted = (args: readonly string[]): string | undefined => {
  const words = args.filter(arg => !arg.startsWith('-'))
  return words[0] === 'help' ? words[1] : words[0]
}

const run = async (args: readonly string[]): Promise<void> => {
  const program = new Command('sallyport')
    .description(product.description)
    .version(product.version)
    .exitOverride()
    .showHelpAfterError('(add --help for what is understood)')
  const context: CommandContext = { output: createOutput(), env: process.env, exit: code => void (process.exitCode = code) }
  for (const entry of entries) {
    if (entry.name === wanted(args)) (await entry.load())(program, context)
    else program.command(entry.name).description(entry.says)
  }
  // A command that was not loaded has no options of its own: only its line in the help is wanted.
  await program.parseAsync(args, { from: 'user' })
}

keepCompiledCode(process.env)
try {
  await run(process.argv.slice(2))
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCode.fine : exitCode.misuse
  else {
    process.stderr.write(`sallyport: ${messageOf(error)}\n`)
    process.exitCode = exitCode.failed
  }
}
