import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'

/** What another terminal needs to speak to a running demo. Whoever can read it may be any of its people, so it is 0600. */
const shape = z.object({
  url: z.url(),
  issuers: z.object({ people: z.url(), ci: z.url() }),
  secret: z.string(),
  pid: z.int(),
})
export type DemoState = z.infer<typeof shape>

export const defaultDirectory = '.sallyport'
const stateFile = (directory: string) => join(resolve(directory), 'demo.json')

async function writePrivate(path: string, text: string): Promise<void> {
  // Written anew: an older file could have other permissions.
  await rm(path, { force: true })
  await writeFile(path, text, { mode: 0o600, flag: 'wx' })
}

export const writeState = (directory: string, state: DemoState): Promise<void> => writePrivate(stateFile(directory), `${JSON.stringify(state)}\n`)
export const removeState = (directory: string): Promise<void> => rm(stateFile(directory), { force: true })

export async function readState(directory: string): Promise<DemoState | undefined> {
  try {
    return shape.parse(JSON.parse(await readFile(stateFile(directory), 'utf8')))
  } catch {
    return undefined
  }
}

/** The demo's directory with a key of its own for its store; the key lasts as long as the store that needs it. */
export async function prepareDirectory(directory: string): Promise<string> {
  const path = resolve(directory)
  await mkdir(path, { recursive: true, mode: 0o700 })
  try {
    await writeFile(join(path, 'demo.key'), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return path
}
