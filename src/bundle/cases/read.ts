import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isSeq } from 'yaml'
import type { ZodError } from 'zod'
import type { Question } from '../../model.ts'
import type { Modules } from '../opa.ts'
import type { Problem } from '../problem.ts'
import { isCase } from '../source/sources.ts'
import { readYaml, tooMuchYaml } from '../yaml.ts'
import { questionOf } from './question.ts'
import { casesShape, peopleShape } from './shape.ts'
import type { People, Wanted } from './shape.ts'

export interface DecisionCase {
  readonly file: string
  readonly row: number
  readonly name: string
  readonly question: Question
  readonly want: Wanted
}
export type ReadCases = { readonly ok: true; readonly cases: readonly DecisionCase[] } | { readonly ok: false; readonly problems: readonly Problem[] }

const problem = (code: string, message: string, file?: string, row?: number): Problem => ({
  stage: 'cases', ...(file === undefined ? {} : { file }), ...(row === undefined ? {} : { row }), code, message,
})
const isPeople = (file: string): boolean => /(?:^|\/)people\.(?:ya?ml|json)$/.test(file)
const folderOf = (file: string): string => file.slice(0, file.lastIndexOf('/') + 1)

/** A directory of cases that stands beside the source. */
const filesAt = async (directory: string): Promise<{ files: Modules; problems: readonly Problem[] }> => {
  try {
    const names = (await readdir(directory)).filter((name) => isCase(`cases/${name}`)).sort()
    const texts = await Promise.all(names.map(async (name) => [join(directory, name), await readFile(join(directory, name), 'utf8')] as const))
    return { files: Object.fromEntries(texts), problems: names.length > 0 ? [] : [problem('no_cases', `there are no cases in ${directory}`)] }
  } catch (fault) {
    return { files: {}, problems: [problem('unreadable', `the cases in ${directory} cannot be read: ${(fault as Error).message}`)] }
  }
}

interface Parsed {
  readonly value: unknown
  rowAt(path: readonly PropertyKey[]): number
}
type Parsing = { readonly ok: true; readonly parsed: Parsed } | { readonly ok: false; readonly problems: readonly Problem[] }
const parse = (file: string, text: string): Parsing => {
  const { document, value, faults, at } = readYaml(text)
  if (faults.length > 0) return { ok: false, problems: faults.map(({ offset, message, remedy }) => ({ ...problem('case_syntax', `cannot be read: ${message}`, file, at(offset).row), ...(remedy === undefined ? {} : { remedy }) })) }
  const rowAt = (path: readonly PropertyKey[]): number => {
    for (let length = path.length; length > 0; length -= 1) {
      const node = document?.getIn(path.slice(0, length), true) as { range?: readonly number[] } | undefined
      if (node?.range) return at(node.range[0] ?? 0).row
    }
    const top = document?.contents
    return isSeq(top) && top.range ? at(top.range[0]).row : 1
  }
  return { ok: true, parsed: { value, rowAt } }
}
/** Of one file; nobody reads more at once. */
const mostProblems = 100
const refused = (error: ZodError, file: string, { rowAt }: Parsed): readonly Problem[] =>
  error.issues.slice(0, mostProblems).map(({ path, message }) => problem('case_shape', `${path.join('.') || 'the file'}: ${message}`, file, rowAt(path)))

/** All decision cases: those that a source brings, and those of a directory. What cannot be read is a problem, never a case less. */
export const readCases = async (own: Modules, directory?: string): Promise<ReadCases> => {
  const beside = directory === undefined ? { files: {}, problems: [] } : await filesAt(directory)
  const texts = Object.entries({ ...own, ...beside.files })
  const much = tooMuchYaml(texts)
  if (much !== undefined) return { ok: false, problems: [{ stage: 'cases', code: 'too_large', ...much }] }
  const problems = [...beside.problems]
  const people = new Map<string, People>()
  const read: { file: string; parsed: Parsed }[] = []
  for (const [file, text] of texts) {
    const parsing = parse(file, text)
    if (!parsing.ok) {
      problems.push(...parsing.problems)
      continue
    }
    const { parsed } = parsing
    if (!isPeople(file)) {
      read.push({ file, parsed })
      continue
    }
    const found = peopleShape.safeParse(parsed.value)
    if (found.success) people.set(folderOf(file), found.data)
    else problems.push(...refused(found.error, file, parsed))
  }
  const cases: DecisionCase[] = []
  for (const { file, parsed } of read) {
    const found = casesShape.safeParse(parsed.value)
    if (!found.success) {
      problems.push(...refused(found.error, file, parsed))
      continue
    }
    found.data.forEach((one, index) => {
      const row = parsed.rowAt([index])
      const question = questionOf(one, people.get(folderOf(file)) ?? {})
      if (question === undefined) problems.push({ ...problem('case_who', `nobody in people.yaml is called ${one.who}`, file, row), remedy: 'add that one to people.yaml in the same folder' })
      else cases.push({ file, row, name: one.name, question, want: one.want })
    })
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, cases }
}
