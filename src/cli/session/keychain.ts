import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Environment } from './places.ts'

/** Where the operating system keeps secrets for the person who is logged in to it. */
export interface Keychain {
  readonly name: string
  /** Undefined where it has none, or does not give it out. */
  read(resource: string): Promise<string | undefined>
  /** Whether it is kept there now. */
  keep(resource: string, secret: string): Promise<boolean>
  forget(resource: string): Promise<void>
}

// Somebody may have to unlock it first.
const patience = 60_000
/** `security -i` reads lines of at most 4096 bytes. */
const longestLine = 4000

interface Ran {
  readonly ok: boolean
  readonly out: string
}

/** A secret goes in by the standard input alone: every process of the machine can read arguments. */
const run = (program: string, args: readonly string[], env: Environment, input = ''): Promise<Ran> =>
  new Promise((resolve) => {
    const child = spawn(program, args, { env: { ...env }, shell: false, stdio: ['pipe', 'pipe', 'ignore'], timeout: patience })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (out += text))
    child.once('error', () => resolve({ ok: false, out: '' }))
    child.once('close', (code) => resolve({ ok: code === 0, out }))
    child.stdin.on('error', () => undefined) // it ended without reading: told by its exit code
    child.stdin.end(input)
  })

/** The Secret Service of the desktop, by libsecret's own program. */
const secretService = (program: string, env: Environment): Keychain => {
  const about = (resource: string) => ['service', 'sallyport', 'resource', resource]
  return {
    name: 'the keyring',
    async read(resource) {
      const { ok, out } = await run(program, ['lookup', ...about(resource)], env)
      return ok && out !== '' ? out.replace(/\n$/, '') : undefined
    },
    keep: async (resource, secret) => (await run(program, ['store', '--label', `Sallyport: ${resource}`, ...about(resource)], env, secret)).ok,
    async forget(resource) {
      await run(program, ['clear', ...about(resource)], env)
    },
  }
}

/** The login keychain of macOS. What is kept is base64, so that nothing in it can end the word it stands in. */
const macKeychain = (program: string, env: Environment): Keychain => {
  const about = (resource: string) => ['-s', 'sallyport', '-a', resource]
  return {
    name: 'the keychain',
    async read(resource) {
      const { ok, out } = await run(program, ['find-generic-password', ...about(resource), '-w'], env)
      return ok && out.trim() !== '' ? Buffer.from(out.trim(), 'base64').toString() : undefined
    },
    async keep(resource, secret) {
      const line = `add-generic-password -U -s sallyport -a "${resource}" -w ${Buffer.from(secret).toString('base64')}\n`
      if (line.length > longestLine || /["\\\s]/.test(resource)) return false
      // It ends well whatever became of the line.
      return (await run(program, ['-i'], env, line)).ok && (await this.read(resource)) === secret
    },
    async forget(resource) {
      await run(program, ['delete-generic-password', ...about(resource)], env)
    },
  }
}

function onPath(program: string, env: Environment): string | undefined {
  return (env['PATH'] ?? '').split(delimiter).filter((directory) => directory.startsWith('/')).map((directory) => join(directory, program)).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Undefined where there is none. */
export function findKeychain(env: Environment, platform: NodeJS.Platform = process.platform): Keychain | undefined {
  if (platform === 'darwin') return macKeychain('/usr/bin/security', env)
  const program = platform === 'win32' ? undefined : onPath('secret-tool', env)
  return program === undefined ? undefined : secretService(program, env)
}
