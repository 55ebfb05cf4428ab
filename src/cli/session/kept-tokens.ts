import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { Keychain } from './keychain.ts'
import { fileOf } from './places.ts'

const tokens = z.strictObject({ access_token: z.string(), refresh_token: z.string().optional() })
const entry = z.strictObject({
  /** Milliseconds since the epoch. */
  expires_at: z.number(),
  scope: z.string().optional(),
  /** Absent where the keychain has them. */
  tokens: tokens.optional(),
})
const content = z.strictObject({ gateway: z.string(), resources: z.record(z.string(), entry) })
type Content = z.output<typeof content>

/** What signing in for one resource has brought. */
export type KeptTokens = z.output<typeof tokens> & Omit<z.output<typeof entry>, 'tokens'>

/** What was signed in to, by resource, in one file for each gateway; the tokens are in the keychain where there is one. */
export interface TokenStore {
  gateways(): Promise<readonly string[]>
  resources(gateway: string): Promise<readonly string[]>
  read(gateway: string, resource: string): Promise<KeptTokens | undefined>
  /** Says where they are now. */
  put(gateway: string, resource: string, given: KeptTokens): Promise<string>
  forget(gateway: string, resource: string): Promise<void>
  /** Beside the file, for `alone`. */
  lockOf(gateway: string, what: string): string
}

/** Whoever can write there could put what is theirs in the place of what is yours. */
async function mustBeOwn(place: string): Promise<void> {
  const own = process.getuid?.()
  if (own === undefined) return
  const about = await stat(place).catch(() => undefined)
  if (about === undefined || ((about.uid === own || about.uid === 0) && (about.mode & 0o022) === 0)) return
  throw new Error(`${place} can be written by others: somebody may have put other tokens there. Erase it and run \`sallyport login\``)
}

async function readContent(path: string): Promise<Content | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  await mustBeOwn(dirname(path))
  if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0) throw new Error(`${path} can be read by others: somebody may have your tokens. Erase it and run \`sallyport login\``)
  const read = content.safeParse(await Promise.resolve(text).then(JSON.parse).catch(() => undefined))
  if (!read.success) throw new Error(`${path} cannot be read: erase it and run \`sallyport login\``)
  return read.data
}

/** All of it or nothing, for its owner only. */
async function writeContent(path: string, value: Content): Promise<void> {
  const next = `${path}.${randomBytes(6).toString('hex')}`
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await mustBeOwn(dirname(path))
  try {
    const file = await open(next, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(value, null, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(next, path)
  } catch (error) {
    await rm(next, { force: true })
    throw error
  }
}

export function createTokenStore(directory: string, keychain: Keychain | undefined): TokenStore {
  const load = async (gateway: string): Promise<Content> => (await readContent(fileOf(directory, gateway))) ?? { gateway, resources: {} }
  return {
    async gateways() {
      const place = join(directory, 'gateways')
      const names = await readdir(place).catch(() => [])
      const found = await Promise.all(names.filter((name) => name.endsWith('.json')).map((name) => readContent(join(place, name))))
      return found.flatMap((one) => (one === undefined ? [] : [one.gateway]))
    },
    resources: async (gateway) => Object.keys((await load(gateway)).resources),
    async read(gateway, resource) {
      const found = (await load(gateway)).resources[resource]
      if (found === undefined) return undefined
      const { tokens: inFile, ...about } = found
      if (inFile !== undefined) return { ...about, ...inFile }
      const secret = await keychain?.read(resource)
      const read = tokens.safeParse(secret === undefined ? undefined : await Promise.resolve(secret).then(JSON.parse).catch(() => undefined))
      return read.success ? { ...about, ...read.data } : undefined
    },
    async put(gateway, resource, { access_token, refresh_token, ...about }) {
      const secret = { access_token, ...(refresh_token === undefined ? {} : { refresh_token }) }
      const isKept = (await keychain?.keep(resource, JSON.stringify(secret))) === true
      const { resources } = await load(gateway)
      const path = fileOf(directory, gateway)
      await writeContent(path, { gateway, resources: { ...resources, [resource]: { ...about, ...(isKept ? {} : { tokens: secret }) } } })
      return isKept && keychain !== undefined ? keychain.name : path
    },
    async forget(gateway, resource) {
      await keychain?.forget(resource)
      const { [resource]: _, ...rest } = (await load(gateway)).resources
      const path = fileOf(directory, gateway)
      if (Object.keys(rest).length === 0) await rm(path, { force: true })
      else await writeContent(path, { gateway, resources: rest })
    },
    lockOf: (gateway, what) => fileOf(directory, gateway).replace(/\.json$/, `.${what}.lock`),
  }
}
