import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Option } from 'commander'
import type { CaseRun } from '../../bundle/cases/judge.ts'
import { problemText } from '../../bundle/problem.ts'
import type { Problem } from '../../bundle/problem.ts'
import { agrees } from '../../bundle/test.ts'
import type { TestRun } from '../../bundle/test.ts'
import { printable } from '../output.ts'

/** One line of a report in the form of JUnit, which every CI system reads. */
export interface JunitCase {
  readonly suite: string
  readonly name: string
  readonly file?: string
  readonly row?: number
  readonly seconds?: number
  readonly failure?: string
  readonly skipped?: boolean
}

export const junit = (): Option => new Option('--junit <file>', 'also write a report in the form of JUnit')

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;', '\t': '&#9;' }
const escaped = (text: string): string => printable(text).replace(/[&<>"\n\t]/g, (sign) => entities[sign] ?? sign)
const attributes = (values: Readonly<Record<string, string | number | undefined>>): string =>
  Object.entries(values).map(([name, value]) => (value === undefined ? '' : ` ${name}="${escaped(String(value))}"`)).join('')

const print = ({ suite, name, file, row, seconds = 0, failure, skipped }: JunitCase): string => {
  const head = `    <testcase${attributes({ classname: suite, name, file, line: row, time: seconds.toFixed(6) })}`
  if (skipped) return `${head}><skipped/></testcase>`
  return failure === undefined ? `${head}/>` : `${head}><failure${attributes({ message: failure.split('\n')[0] })}>${escaped(failure)}</failure></testcase>`
}

export const printJunit = (cases: readonly JunitCase[]): string => {
  const suites = Map.groupBy(cases, ({ suite }) => suite)
  const counts = (some: readonly JunitCase[]): Record<string, number | string> => ({
    tests: some.length,
    failures: some.filter(({ failure }) => failure !== undefined).length,
    skipped: some.filter(({ skipped }) => skipped === true).length,
    time: some.reduce((sum, { seconds = 0 }) => sum + seconds, 0).toFixed(6),
  })
  const parts = [...suites].map(([name, some]) => `  <testsuite${attributes({ name, ...counts(some) })}>\n${some.map(print).join('\n')}\n  </testsuite>\n`)
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${attributes({ name: 'sallyport policy', ...counts(cases) })}>\n${parts.join('')}</testsuites>\n`
}

export const writeJunit = (path: string | undefined, cases: readonly JunitCase[]): void => {
  if (path === undefined) return
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, printJunit(cases))
}

const placed = ({ file, row }: { readonly file?: string; readonly row?: number }) => ({ ...(file === undefined ? {} : { file }), ...(row === undefined ? {} : { row }) })

/** Each problem has failed; where there is none, the command itself has passed. */
export const problemCases = (command: string, problems: readonly Problem[]): readonly JunitCase[] =>
  problems.length === 0
    ? [{ suite: command, name: command }]
    : problems.map((problem) => ({ suite: command, name: `${problem.code}${problem.file === undefined ? '' : ` ${problem.file}:${problem.row ?? 1}`}`, ...placed(problem), failure: problemText(problem) }))

const failureOf = (test: TestRun): string | undefined => {
  if (test.outcome === 'skip' || (test.outcome === 'pass' && agrees(test))) return undefined
  const lines = [agrees(test) ? 'the test failed' : `OPA's evaluator says ${test.outcome}, the host that judges says ${test.host}`]
  if (test.failed_at) lines.push(`at ${test.failed_at.file}:${test.failed_at.row}: ${test.failed_at.message}`)
  return [...lines, ...[test.error, test.host_error, test.output].filter((text) => text !== undefined && text !== '')].join('\n')
}

export const testCases = (tests: readonly TestRun[]): readonly JunitCase[] =>
  tests.map((test) => {
    const failure = failureOf(test)
    return { suite: test.package.replaceAll('/', '.'), name: test.name, ...placed(test), seconds: test.micros / 1e6, ...(failure === undefined ? {} : { failure }), ...(test.outcome === 'skip' ? { skipped: true } : {}) }
  })

export const decisionCases = (runs: readonly CaseRun[]): readonly JunitCase[] =>
  runs.map(({ file, row, name, micros, ok, wanted, got }) => ({
    suite: file, name, file, row, seconds: micros / 1e6, ...(ok ? {} : { failure: `wanted ${JSON.stringify(wanted)}\ngot    ${JSON.stringify(got)}` }),
  }))
