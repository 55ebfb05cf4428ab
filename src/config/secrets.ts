import { execFile } from 'node:child_process'
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { LocalSecretSource, SecretSource } from '../fields.ts'
import type { Environment } from './env.ts'
import { accepted, refused, type SecretRead } from './secret-read.ts'
import { createAwsReader } from './secrets-aws.ts'
import { createVaultReader } from './secrets-vault.ts'
import { unreadable } from './unreadable.ts'

/** The secrets of a configuration. They live in closures: neither printing nor serialising this shows one. */
export interface Secrets {
  /** By the path of the setting without `_from`, such as `upstreams.crm.credentials.token`. */
  get(path: string): string
  has(path: string): boolean
  /** The 32 bytes of `store.key_from`. */
  storeKey(): Uint8Array
  /** In the clear, for another process of the gateway. */
  reveal(): SecretValues
}
export interface SecretValues {
  readonly values: ReadonlyMap<string, string>
  readonly storeKey: Uint8Array
}

const largest = 64 * 1024
const commandTimeout = 10_000

const readSecretFile = async (file: string): Promise<SecretRead> => {
  try {
    const handle = await open(file, 'r')
    try {
      const about = await handle.stat()
      if (!about.isFile()) return refused('something that is not a file', 'a file that holds the secret')
      if (about.size > largest) return refused(`a file of ${about.size} bytes`, `a secret of at most ${largest} bytes`)
      return accepted(await handle.readFile('utf8'), (about.mode & 0o007) !== 0)
    } finally {
      await handle.close()
    }
  } catch (error) {
    const { found, expected } = unreadable(file, (error as NodeJS.ErrnoException).code)
    return refused(found, expected)
  }
}

// No shell, and nothing of the gateway's environment: a program that prints one secret has no business with the others.
const runSecretCommand = ([program = '', ...args]: readonly string[], directory: string, env: Environment): Promise<SecretRead> =>
  new Promise(settle => {
    const own = { ...(env.PATH === undefined ? {} : { PATH: env.PATH }), ...(env.HOME === undefined ? {} : { HOME: env.HOME }) }
    const options = { cwd: directory, env: own, shell: false, timeout: commandTimeout, killSignal: 'SIGKILL', maxBuffer: largest, encoding: 'utf8' } as const
    const child = execFile(program, args, options, (error, stdout) => {
      // What the program wrote may hold the secret: neither it nor the arguments are repeated.
      if (error === null) settle(accepted(stdout))
      else if (error.killed === true) settle(refused(`a program that did not end within ${commandTimeout / 1000} s`, 'a program that prints the secret'))
      else settle(refused(typeof error.code === 'number' ? `a program that ended with status ${error.code}` : `a program that could not be run (${error.code ?? 'error'})`, 'a program that prints the secret'))
    })
    child.stdin?.end()
  })

const readLocal = async (source: LocalSecretSource, directory: string, env: Environment): Promise<SecretRead> => {
  if ('file' in source) return readSecretFile(resolve(directory, source.file))
  if ('command' in source) return runSecretCommand(source.command, directory, env)
  const value = env[source.env]
  return value === undefined ? refused(`no variable ${source.env}`, 'a variable that holds the secret') : accepted(value)
}

export interface SecretReader {
  read(source: SecretSource): Promise<SecretRead>
  close(): Promise<void>
}
/** Reads secrets wherever they come from; who reads again and again logs in to a manager once. */
export const createSecretReader = (directory: string, env: Environment): SecretReader => {
  const local = (source: LocalSecretSource) => readLocal(source, directory, env)
  const vault = createVaultReader(local, directory)
  const aws = createAwsReader()
  return {
    read: source => ('vault' in source ? vault.read(source.vault) : 'aws_secret' in source ? aws.read(source.aws_secret) : local(source)),
    async close() {
      aws.close()
      await vault.close()
    },
  }
}

export const readSecret = async (source: SecretSource, directory: string, env: Environment): Promise<SecretRead> => {
  const reader = createSecretReader(directory, env)
  try {
    return await reader.read(source)
  } finally {
    await reader.close()
  }
}

const decode = (text: string): Uint8Array | undefined => {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex')
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : undefined
}

/** The store's key, or why it is none. What chance makes of 32 bytes never looks like text, a pattern or a placeholder. */
export const readStoreKey = (text: string): { readonly ok: true; readonly key: Uint8Array } | { readonly ok: false; readonly found: string } => {
  const key = decode(text)
  if (key === undefined) return { ok: false, found: 'something else' }
  const steps = new Set(key.map((byte, index) => (byte - (key[index - 1] ?? byte) + 256) % 256))
  const isText = key.every(byte => byte >= 0x20 && byte < 0x7f)
  return new Set(key).size < 16 || steps.size < 8 || isText ? { ok: false, found: 'a key that was not made by chance' } : { ok: true, key }
}

export const createSecrets = (values: ReadonlyMap<string, string>, storeKey: Uint8Array): Secrets => ({
  get: path => {
    const value = values.get(path)
    if (value === undefined) throw new Error(`there is no secret ${path}`)
    return value
  },
  has: path => values.has(path),
  storeKey: () => Uint8Array.from(storeKey),
  reveal: () => ({ values, storeKey }),
})
