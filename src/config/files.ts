import { constants } from 'node:fs'
import { access, open, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { algorithms, readVerifyKey } from '../bundle/trust/keys.ts'
import { keySet } from '../identity/settings.ts'
import { valueAt } from './document.ts'
import type { Steps } from './problem.ts'
import { unreadable } from './unreadable.ts'
import type { Weakness } from './weak.ts'

type Found = { readonly found: string; readonly expected: string } | undefined

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'error'

const policyDirectory = (path: string): Promise<Found> =>
  readdir(path).then(() => undefined, error => ({ found: codeOf(error) === 'ENOENT' ? `no directory ${path}` : `a directory that cannot be read: ${path} (${codeOf(error)})`, expected: 'a directory with Rego files' }))

const caseDirectory = async (path: string): Promise<Found> => {
  const found = await policyDirectory(path)
  return found && { ...found, expected: 'a directory with decision cases' }
}

const keyFile = async (file: string): Promise<Found> => {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    return unreadable(file, codeOf(error))
  }
  const expected = 'a JSON Web Key Set'
  try {
    const read = keySet.safeParse(JSON.parse(text))
    return read.success ? undefined : { found: 'another content', expected: read.error.issues[0]?.message ?? expected }
  } catch {
    return { found: 'another content', expected }
  }
}

const readable = async (file: string): Promise<Found> => {
  const about = await stat(file).catch(codeOf)
  if (typeof about === 'string') return unreadable(file, about)
  if (!about.isFile() || about.size === 0) return { found: about.isFile() ? 'an empty file' : 'something that is not a file', expected: 'a file with something in it' }
  return access(file, constants.R_OK).then(() => undefined, error => unreadable(file, codeOf(error)))
}

/** Where a section names files, but not the files that hold secrets. */
const fileSteps = (value: unknown, steps: Steps): readonly Steps[] => {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = [...steps, Array.isArray(value) ? Number(key) : key]
    return key.endsWith('_from') ? [] : key === 'file' && typeof inner === 'string' ? [at] : fileSteps(inner, at)
  })
}

const verifyKey = (algorithm: unknown) => async (file: string): Promise<Found> => {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined // told with the other files
  const read = readVerifyKey(text, { algorithm: algorithms.find(known => known === algorithm) })
  return read.ok ? undefined : { found: read.found, expected: read.expected }
}

const magic = 'SQLite format 3\0'

/** Of a file that is there; an empty one becomes a database. */
const databaseProblem = async (path: string): Promise<Found> => {
  try {
    const file = await open(path, 'r')
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(magic.length), 0, magic.length, 0)
      const isDatabase = bytesRead === 0 || buffer.toString('latin1') === magic
      return isDatabase ? undefined : { found: `a file that is no SQLite database: ${path}`, expected: 'the store of a gateway, or a path at which there is no file yet' }
    } finally {
      await file.close()
    }
  } catch (error) {
    return unreadable(path, codeOf(error))
  }
}

const databaseFile = async (path: string): Promise<Found> => {
  const expected = 'a file that can be written'
  const file = await stat(path).catch(() => undefined)
  if (file !== undefined && !file.isFile()) return { found: 'something that is not a file', expected }
  if (file !== undefined) return databaseProblem(path)
  let directory = dirname(path)
  while (directory !== dirname(directory) && (await stat(directory).catch(() => undefined)) === undefined) directory = dirname(directory)
  return access(directory, constants.W_OK | constants.X_OK).then(() => undefined, () => ({ found: 'a directory that cannot be written to', expected }))
}

/** Looks at every file and directory that the content names, whether or not the rest of it is right. */
export const findFileProblems = async (content: unknown, directory: string): Promise<readonly Weakness[]> => {
  const problems: Weakness[] = []
  const check = async (steps: Steps, look: (path: string) => Promise<{ readonly found: string; readonly expected: string } | undefined>): Promise<void> => {
    const path = valueAt(content, steps)
    if (typeof path !== 'string' || path === '' || path.includes('\0')) return
    const problem = await look(resolve(directory, path))
    if (problem !== undefined) problems.push({ steps, ...problem })
  }
  for (const at of [['policy', 'source'], ['policy', 'shadow', 'source']]) if (valueAt(content, [...at, 'kind']) === 'directory') await check([...at, 'path'], policyDirectory)
  await check(['policy', 'rules'], readable)
  await check(['policy', 'cases'], caseDirectory)
  for (const steps of fileSteps(valueAt(content, ['policy']), ['policy'])) await check(steps, readable)
  if (valueAt(content, ['store', 'kind']) === 'sqlite') await check(['store', 'path'], databaseFile)
  const keys = valueAt(content, ['policy', 'verify', 'keys'])
  for (const index of Array.isArray(keys) ? keys.keys() : []) await check(['policy', 'verify', 'keys', index, 'file'], verifyKey(valueAt(content, ['policy', 'verify', 'keys', index, 'algorithm'])))
  for (const section of ['issuers', 'clients']) {
    const all = valueAt(content, ['identity', section])
    for (const index of Array.isArray(all) ? all.keys() : []) await check(['identity', section, index, 'jwks', 'file'], keyFile)
  }
  return problems
}
