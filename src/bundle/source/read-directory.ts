import { readFile, readdir, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isData, isYamlData, readData } from '../data.ts'
import type { Modules } from '../opa.ts'
import type { Problem } from '../problem.ts'
import { applyRules, withoutRulesModules } from '../rules/apply-rules.ts'
import { isRules } from '../rules/read-rules.ts'
import { createNames, readName } from '../trust/archive-names.ts'
import { isBoundless, tooDeep, tooMuchYaml } from '../yaml.ts'
import { nestingProblem } from './nesting.ts'
import { buildData, isCase, isTest, packageOf, withLibrary } from './sources.ts'
import type { Files, Read, Sources } from './sources.ts'

const maximum = 64 * 1024 * 1024
const shipped = fileURLToPath(new URL('../../../rego/', import.meta.url))
const isSchema = (path: string): boolean => path.startsWith('schemas/') && path.endsWith('.json') && !isData(path)
export const counts = (path: string): boolean => path.endsWith('.rego') || isData(path) || isSchema(path) || isCase(path) || isRules(path)

interface Walk {
  readonly root: string
  readonly files: Map<string, string>
  readonly problems: Problem[]
  /** Bytes read so far. */
  size: number
}
const refuse = (walk: Walk, file: string, code: string, message: string): void => {
  walk.problems.push({ stage: 'read', file, code, message })
}
const reasonOf = (fault: unknown): string => (fault instanceof Error ? fault.message.split(',')[0] ?? fault.message : String(fault))

const visitFile = async (walk: Walk, path: string, real: string): Promise<void> => {
  const { size } = await stat(real)
  walk.size += size
  if (walk.size > maximum) return refuse(walk, path, 'too_large', `the source is larger than ${maximum / 1024 / 1024} MiB`)
  const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(real))
  walk.files.set(path, text)
}

const visit = async (walk: Walk, folder: string, above: readonly string[]): Promise<void> => {
  const names = (await readdir(join(walk.root, folder))).sort()
  for (const name of names) {
    // Hidden entries are Git's and the editors'.
    if (name.startsWith('.') || walk.size > maximum) continue
    const path = folder === '' ? name : `${folder}/${name}`
    try {
      const real = await realpath(join(walk.root, path))
      const isInside = real === walk.root || real.startsWith(walk.root + sep)
      const isFolder = isInside ? (await stat(real)).isDirectory() : false
      if (!isInside) {
        refuse(walk, path, 'outside', 'a link leads out of the directory')
      } else if (isFolder) {
        if (!above.includes(real)) await visit(walk, path, [...above, real])
      } else if (counts(path)) await visitFile(walk, path, real)
    } catch (fault) {
      refuse(walk, path, 'unreadable', `cannot be read: ${reasonOf(fault)}`)
    }
  }
}

const walkDirectory = async (path: string): Promise<{ files: Files; problems: readonly Problem[] }> => {
  const problems: Problem[] = []
  const files = new Map<string, string>()
  try {
    const root = await realpath(path)
    await visit({ root, files, problems, size: 0 }, '', [root])
  } catch (fault) {
    problems.push({ stage: 'read', code: 'unreadable', message: `the directory ${path} cannot be read: ${reasonOf(fault)}` })
  }
  return { files, problems }
}

const those = (files: Files, wanted: (path: string) => boolean): Modules => Object.fromEntries([...files].filter(([path]) => wanted(path)))
const rego = (files: Files): Modules => those(files, (path) => path.endsWith('.rego'))
const isShipped = (path: string): boolean => /^(?:sallyport|policies\/protocol)\//.test(path)

/** The gateway's own `package sallyport` and `policies.protocol`, without their tests. */
export const readLibrary = async (): Promise<Modules> => {
  const { files, problems } = await walkDirectory(shipped)
  if (problems[0]) throw new Error(`the gateway's own library cannot be read: ${problems[0].message}`)
  return Object.fromEntries(Object.entries(rego(files)).filter(([path]) => isShipped(path) && !isTest(path)))
}

/** The JSON schema of the input, as the gateway asks it. */
export const readQuestionSchema = async (): Promise<unknown> => {
  try {
    return JSON.parse(await readFile(join(shipped, 'schemas/question.json'), 'utf8'))
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fault
  }
}

const readSchemas = (files: Files): { schemas: Record<string, unknown>; problems: Problem[] } => {
  const schemas: Record<string, unknown> = {}
  const problems: Problem[] = []
  for (const [path, text] of files) {
    if (!isSchema(path)) continue
    try {
      const schema: unknown = JSON.parse(text)
      if (isBoundless(schema)) throw new Error(tooDeep)
      schemas[path.slice('schemas/'.length, -'.json'.length)] = schema
    } catch (fault) {
      problems.push({ stage: 'read', file: path, code: 'schema_syntax', message: `cannot be read: ${reasonOf(fault)}` })
    }
  }
  return { schemas, problems }
}

/** Where there is no policy, modules that were probably meant to be one. */
const straysIn = (own: Modules): readonly Problem[] =>
  Object.entries(own).filter(([path, text]) => !isTest(path) && packageOf(text) !== '').map(([file, text]) => ({
    stage: 'read', file, code: 'no_policies', message: `package ${packageOf(text)} is not read by anything, and there is no package policies.<name>`, remedy: 'name it `policies.<name>`, such as `package policies.crm`',
  }))
const hasPolicies = (own: Modules): boolean => Object.entries(own).some(([path, text]) => !isTest(path) && packageOf(text).startsWith('policies.'))

/** What the gateway writes into a bundle itself, and what OPA takes for another kind of bundle. */
const ownNames = ['.manifest', 'data.json', 'policy.wasm']
const isDelta = (path: string): boolean => path.endsWith('/patch.json')

/** A bundle is kept, passed on and come back to as an archive: what could not stand in one must not become active. */
const nameProblems = (files: Files): readonly Problem[] => {
  const clashOf = createNames()
  for (const name of ownNames) clashOf(name)
  return [...files.keys()].sort().flatMap((path): Problem[] => {
    const name = readName(path)
    const isOwn = path === 'data.json' && name.ok
    const why = !name.ok ? name.why : name.name !== path ? 'has a name with empty parts' : isDelta(path) ? 'has a name that OPA keeps for itself' : isOwn ? undefined : clashOf(path)
    return why === undefined ? [] : [{ stage: 'read', file: path, code: 'file_name', message: `the file ${why}, so no bundle can hold it`, remedy: 'give it another name' }]
  })
}

/** What a set of files is as a source, with the library that belongs to it. */
export const sourcesOf = async (files: Files, about: { readonly revision: string; readonly commit?: string }): Promise<Read> => {
  const odd = nameProblems(files)
  const deep = [...files].flatMap(([path, text]) => (path.endsWith('.rego') ? (nestingProblem(path, text) ?? []) : []))
  const much = tooMuchYaml([...files].filter(([path]) => isYamlData(path) || isCase(path) || isRules(path)))
  if (odd.length + deep.length > 0 || much !== undefined) return { ok: false, problems: [...odd, ...deep, ...(much === undefined ? [] : [{ stage: 'read', code: 'too_large', ...much } as const])] }
  const { modules: own, problems: ofRules } = await withoutRulesModules(rego(files))
  const { modules, library, warnings, problems } = withLibrary(own, await readLibrary())
  const { data, problems: ofData } = readData(files)
  const { schemas, problems: ofSchemas } = readSchemas(files)
  const all = [...problems, ...ofRules, ...ofData, ...ofSchemas]
  if (Object.hasOwn(data, buildData)) {
    all.push({ stage: 'read', code: 'data_reserved', message: `the data may not have a member ${buildData}, which the build writes` })
  }
  const read: Sources = { modules, library, own: Object.keys(own), data, schemas, data_files: those(files, isData), cases: those(files, isCase), ...about }
  const applied = await applyRules(read, those(files, (path) => isRules(path) && !isCase(path)))
  if (!applied.ok) return { ok: false, problems: [...all, ...applied.problems] }
  if (all.length > 0) return { ok: false, problems: all }
  const { sources } = applied
  if (sources.rules !== undefined || hasPolicies(own)) return { ok: true, sources, warnings }
  const strays = straysIn(own)
  if (strays.length > 0) return { ok: false, problems: strays, without_policies: sources }
  const missing: Problem = { stage: 'read', code: 'no_policies', message: 'there is no module of package policies.<name>, and no rules.yaml', remedy: 'add one, for example policies/crm/crm.rego' }
  return { ok: false, problems: [missing], without_policies: sources }
}

/** The modules that a directory itself has. */
export const readOwn = async (path: string): Promise<{ ok: true; modules: Modules } | { ok: false; problems: readonly Problem[] }> => {
  const { files, problems } = await walkDirectory(path)
  return problems.length > 0 ? { ok: false, problems } : { ok: true, modules: rego(files) }
}

/** A policy directory as a source: `.rego`, `data.json` or `data.yaml`, `schemas/*.json`. */
export const readDirectory = async (path: string, about: { readonly revision?: string; readonly commit?: string } = {}): Promise<Read> => {
  const { files, problems } = await walkDirectory(path)
  if (problems.length > 0) return { ok: false, problems }
  return sourcesOf(files, { revision: relative(process.cwd(), path) || '.', ...about })
}
