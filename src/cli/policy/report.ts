import type { Decision } from '../../model.ts'
import type { CaseRun } from '../../bundle/cases/judge.ts'
import { problemText } from '../../bundle/problem.ts'
import type { Problem } from '../../bundle/problem.ts'
import { agrees } from '../../bundle/test.ts'
import type { TestReport, TestRun } from '../../bundle/test.ts'
import { printable } from '../output.ts'
import type { Output } from '../output.ts'

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
const shown = (text: string, output: Output): void => printable(text).split('\n').forEach((line) => output.line(line))

export const showProblems = (problems: readonly Problem[], output: Output): void => {
  for (const problem of problems) shown(problemText(problem), output)
  output.note(plural(problems.length, 'problem'))
}

const verdict = (test: TestRun): string => {
  if (test.outcome === 'skip') return 'skipped'
  if (!agrees(test)) return `DIFFERS: OPA's evaluator says ${test.outcome}, the host that judges says ${test.host}`
  return { pass: 'passed', fail: 'FAILED', error: 'FAILED' }[test.outcome]
}

const showTest = (test: TestRun, output: Output): void => {
  shown(`${test.file}:${test.row}: ${test.package.replaceAll('/', '.')}.${test.name}: ${verdict(test)}`, output)
  const { failed_at: at } = test
  if (at) shown(`  at ${at.file}:${at.row}: ${at.message}`, output)
  for (const [name, isFine] of Object.entries(test.cases ?? {})) if (!isFine) shown(`  case ${name} failed`, output)
  if (test.error) shown(`  ${test.error}`, output)
  if (test.host_error) shown(`  in the host: ${test.host_error}`, output)
  if (test.output) shown(`  printed: ${test.output.trimEnd()}`, output)
}

/** `1-4, 7`. */
export const ranges = (rows: readonly number[]): string => {
  const spans: [number, number][] = []
  for (const row of rows) {
    const last = spans.at(-1)
    if (last && row === last[1] + 1) last[1] = row
    else spans.push([row, row])
  }
  return spans.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ')
}

export const showTests = (report: TestReport, options: { readonly threshold: number | undefined; readonly verbose: boolean }, output: Output): void => {
  for (const test of report.tests) if (options.verbose || test.outcome !== 'pass' || !agrees(test)) showTest(test, output)
  const { percent, uncovered } = report.coverage ?? { percent: 100, uncovered: [] }
  for (const { file, lines } of uncovered) shown(`not covered: ${file}: ${ranges(lines)}`, output)
  const passed = report.tests.filter((test) => test.outcome === 'pass' && agrees(test)).length
  output.line(`${plural(passed, 'test')} passed on both, ${report.failed} failed, coverage ${percent.toFixed(1)} %`)
  if (options.threshold !== undefined && percent < options.threshold) output.line(`coverage is below ${options.threshold} %`)
}

export const showCases = (runs: readonly CaseRun[], verbose: boolean, output: Output): void => {
  if (runs.length === 0) return
  for (const { file, row, name, ok, wanted, got } of runs) {
    if (ok && !verbose) continue
    shown(`${file}:${row}: ${name}: ${ok ? 'passed' : 'FAILED'}`, output)
    if (!ok) shown(`  wanted ${JSON.stringify(wanted)}\n  got    ${JSON.stringify(got)}`, output)
  }
  const failed = runs.filter(({ ok }) => !ok).length
  output.line(`${plural(runs.length - failed, 'decision case')} passed, ${failed} failed`)
}

export const showDecision = (decision: Decision, output: Output): void => {
  output.line(decision.kind)
  for (const { rule, message, title, remedy } of decision.reasons) {
    shown(`  ${rule}: ${message ?? title ?? ''}`.trimEnd(), output)
    if (remedy) shown(`    → ${remedy}`, output)
  }
  if (decision.kind === 'require_approval') {
    for (const { rule, reviewers, quorum } of decision.approval.requirements) shown(`  ${rule} wants ${quorum} of ${reviewers.join(', ')}`, output)
  }
  if (decision.kind === 'mask' || decision.kind === 'require_approval') {
    for (const mask of decision.mask) shown(`  mask ${'detector' in mask ? mask.detector : mask.path} (${mask.rule})`, output)
  }
  output.line(`risk ${decision.risk}, bundle ${decision.bundle}`)
}
