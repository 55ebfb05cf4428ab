import { readFile } from 'node:fs/promises'
import { relative } from 'node:path'
import { messageOf } from '../../errors.ts'
import type { Problem } from '../problem.ts'
import { watchFile } from '../source/directory.ts'
import type { Source } from '../source/source.ts'
import type { Read } from '../source/sources.ts'
import { applyRules } from './apply-rules.ts'
import { unknownNames, type KnownNames } from './check.ts'
import { readDocuments } from './read-rules.ts'

export interface RulesOptions {
  /** A file of rules beside those of the source. */
  readonly file?: string | undefined
  /** What the configuration knows of the names in rules. */
  readonly known?: KnownNames
}

/** Under which name the file travels in bundles. */
const own = 'configured.rules.yaml'

const withFile = async (read: Read, file: string): Promise<Read> => {
  const sources = read.ok ? read.sources : read.without_policies
  if (sources === undefined) return read
  const shown = relative(process.cwd(), file) || file
  const named = (problem: Problem): Problem => (problem.file === own ? { ...problem, file: shown } : problem)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file))
  } catch (fault) {
    return { ok: false, problems: [{ stage: 'rules', file: shown, code: 'unreadable', message: `cannot be read: ${messageOf(fault)}` }] }
  }
  // A bundle that was built here brings the file along.
  if (Object.values(sources.rules ?? {}).includes(text)) return read
  const free = Array.from({ length: 100 }, (_, at) => (at === 0 ? own : `configured-${at + 1}.rules.yaml`)).find((path) => !Object.hasOwn(sources.rules ?? {}, path)) ?? own
  const applied = await applyRules(sources, { [free]: text })
  if (!applied.ok) return { ok: false, problems: applied.problems.map((problem) => named(problem.file === free ? { ...problem, file: own } : problem)) }
  return { ...(read.ok ? read : { ok: true, warnings: [] }), sources: applied.sources }
}

const withWarnings = (read: Read, known: KnownNames): Read => {
  if (!read.ok || read.sources.rules === undefined) return read
  return { ...read, warnings: [...read.warnings, ...unknownNames(readDocuments(Object.entries(read.sources.rules)), known)] }
}

/** What was read, with a file of rules beside it. */
export const addRules = async (read: Read, { file, known }: RulesOptions): Promise<Read> => {
  const whole = file === undefined ? read : await withFile(read, file)
  return known === undefined ? whole : withWarnings(whole, known)
}

/** A source with a file of rules beside it: what changes in either is told. */
export const withRules = (source: Source, options: RulesOptions): Source => {
  const { file } = options
  const read = async (): Promise<Read> => {
    const own = await source.read()
    const whole = await addRules(own, options)
    return own.stages === undefined ? whole : { ...whole, stages: own.stages }
  }
  const watch: Source['watch'] = (onChange, onCurrent) => {
    const watching = [source.watch?.(onChange, onCurrent), ...(file === undefined ? [] : [watchFile(file, { onChange })])]
    return { close: () => watching.forEach((one) => one?.close()) }
  }
  return { ...source, read, watch }
}
