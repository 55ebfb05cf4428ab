import type { Problem } from '../problem.ts'
import type { Sources } from '../source/sources.ts'
import { createPlaces } from './data-places.ts'
import type { Finding } from './lint.ts'

export interface Found {
  readonly errors: readonly Problem[]
  readonly warnings: readonly Problem[]
}

const problemOf = ({ code, file, row, col, message, remedy }: Omit<Finding, 'level'>): Problem => ({
  stage: 'lint', ...(file === '' ? {} : { file }), ...(row > 0 ? { row } : {}), ...(col > 0 ? { col } : {}), code, message, remedy,
})
const byPlace = (a: Problem, b: Problem): number => (a.file ?? '').localeCompare(b.file ?? '') || (a.row ?? 0) - (b.row ?? 0) || a.code.localeCompare(b.code)

/** What lint found, each with its place; what is about data is looked up in its files. */
export const foundOf = (findings: readonly Finding[], { data_files }: Pick<Sources, 'data_files'>): Found => {
  const places = createPlaces(data_files)
  const of = (wanted: Finding['level']): readonly Problem[] =>
    findings
      .filter(({ level }) => level === wanted)
      .map((finding) => problemOf({ ...finding, ...(finding.path === undefined ? {} : places.find(finding.path)) }))
      .sort(byPlace)
  return { errors: of('error'), warnings: of('warning') }
}
