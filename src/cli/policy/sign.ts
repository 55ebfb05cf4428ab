import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { readFile, writeFile } from 'node:fs/promises'
import { algorithms, readSigningKey } from '../../bundle/trust/keys.ts'
import type { Algorithm } from '../../bundle/trust/keys.ts'
import { signBundle } from '../../bundle/trust/sign.ts'
import { readSecret } from '../../config/secrets.ts'
import type { SecretSource } from '../../fields.ts'
import { exitCode } from '../output.ts'
import { json } from './shared.ts'
import type { AddCommand } from './shared.ts'

/** Where a key comes from: never the key itself, which other users of the machine could read in the list of processes. */
export interface KeyPlace {
  readonly key?: string
  readonly keyEnv?: string
  readonly keyCommand?: string
  readonly algorithm?: Algorithm
  readonly keyId?: string
}
interface SignArguments extends KeyPlace {
  readonly bundle: string
  readonly output: string
  readonly scope?: string
  readonly issuer?: string
  readonly sequence?: number
  readonly json?: boolean
}

const sequence = (given: string): number => {
  const value = Number(given)
  if (!/^\d+$/.test(given) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('a whole number from 0 is expected')
  return value
}
export const algorithm = (): Option => new Option('--algorithm <name>', 'the algorithm (default: RS256 for an RSA key, else what fits the key)').choices(algorithms)

const sourceOf = ({ key, keyEnv, keyCommand }: KeyPlace): SecretSource | undefined => {
  if (key !== undefined) return { file: key }
  if (keyEnv !== undefined) return { env: keyEnv }
  return keyCommand === undefined ? undefined : { command: keyCommand.split(/ +/) }
}
/** The text of a key, or why there is none. */
export const readKeyText = async (place: KeyPlace, env: Readonly<Record<string, string | undefined>>): Promise<{ readonly ok: true; readonly text: string; readonly exposed: boolean } | { readonly ok: false; readonly message: string }> => {
  const source = sourceOf(place)
  if (source === undefined) return { ok: false, message: 'a key is needed: --key FILE, --key-env NAME or --key-command PROGRAM' }
  const read = await readSecret(source, process.cwd(), env)
  return read.ok ? { ok: true, text: read.value, exposed: read.exposed } : { ok: false, message: `the key: found ${read.found}, expected ${read.expected}` }
}
export const withKey = (command: Command): Command =>
  command
    .addOption(new Option('--key <file>', 'the file that holds the key, as PEM').conflicts(['keyEnv', 'keyCommand']))
    .addOption(new Option('--key-env <name>', 'the variable that holds the key').conflicts('keyCommand'))
    .option('--key-command <program>', 'a program that prints the key, with its arguments; no shell')
    .addOption(algorithm())
    .option('--key-id <id>', 'the name of the key')

export const addSign: AddCommand = (policy, { output, exit, env, refuse }) => {
  const stop = (message: string, code: 2 | 3): void => {
    output.note(`sallyport policy sign: ${message}`)
    exit(code)
  }
  withKey(policy.command('sign').description("sign a bundle in OPA's format"))
    .requiredOption('--bundle <file>', 'the bundle')
    .requiredOption('-o, --output <file>', 'where to write it')
    .option('--scope <scope>', 'what the signature is for')
    .option('--issuer <name>', 'who signs')
    .addOption(new Option('--sequence <number>', 'where it stands among your bundles; a gateway takes none that is not above the last (default: the time in milliseconds)').argParser(sequence))
    .addOption(json())
    .action(async (given: SignArguments) => {
      const text = await readKeyText(given, env)
      if (!text.ok) return stop(text.message, exitCode.misuse)
      if (text.exposed) output.note('warning: others can read the file of the key')
      const key = readSigningKey(text.text, { algorithm: given.algorithm, id: given.keyId })
      if (!key.ok) return stop(`the key: found ${key.found}, expected ${key.expected}`, exitCode.misuse)
      const bytes = await readFile(given.bundle).catch((fault: NodeJS.ErrnoException) => fault.code ?? 'error')
      if (typeof bytes === 'string') return stop(`${given.bundle} cannot be read (${bytes})`, exitCode.failed)
      const { scope, issuer, sequence: place } = given
      const signed = await signBundle(bytes, { key: key.key, clock: Date.now, ...(scope === undefined ? {} : { scope }), ...(issuer === undefined ? {} : { issuer }), ...(place === undefined ? {} : { sequence: place }) })
      if (!signed.ok) return refuse(signed.problems, given)
      await writeFile(given.output, signed.bytes)
      const told = { output: given.output, algorithm: key.key.algorithm, sequence: signed.sequence, files: signed.files }
      if (given.json) output.json({ ok: true, ...told })
      else output.line(`${given.output}: ${signed.files} files signed by ${told.algorithm}, sequence ${signed.sequence}`)
    })
}
