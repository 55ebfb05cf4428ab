import type { Problem } from '../problem.ts'
import { agrees } from '../test.ts'
import type { TestReport, TestRun } from '../test.ts'

const failed = (test: TestRun): Problem => {
  const name = `${test.package.replaceAll('/', '.')}.${test.name}`
  const why = test.failed_at ? ` at ${test.failed_at.file}:${test.failed_at.row}` : test.error === undefined ? '' : `: ${test.error}`
  const place = { stage: 'test', file: test.file, row: test.row } as const
  if (agrees(test)) return { ...place, code: 'test_failed', message: `${name} failed${why}`, remedy: '`sallyport policy test` shows more' }
  const difference = `OPA's evaluator says ${test.outcome}, the host that judges says ${test.host}`
  return { ...place, code: 'test_differs', message: `${name}: ${difference}`, remedy: 'the differences are listed in docs/policies.md' }
}

/** Why tests keep a source from becoming active. */
export const testProblems = (report: TestReport, threshold?: number): readonly Problem[] => {
  const problems = report.tests.filter((test) => !agrees(test) || test.outcome === 'fail' || test.outcome === 'error').map(failed)
  const { coverage } = report
  // What a test that fails has not reached says little.
  if (problems.length > 0 || threshold === undefined || coverage === undefined || coverage.percent >= threshold) return problems
  const [first] = coverage.uncovered
  const message = `the tests reach ${coverage.percent.toFixed(1)} % of the lines, and ${threshold} % are wanted`
  return [{ stage: 'test', ...(first ? { file: first.file, row: first.lines[0] ?? 1 } : {}), code: 'coverage', message, remedy: '`sallyport policy test` names the lines that no test reaches' }]
}
