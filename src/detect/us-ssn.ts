import type { Span } from '../model.ts'
import { digitRuns, eachMatch, isDigit, joinSpans, spansOf, type DigitRun } from './detector.ts'

/** Area not 000, 666 or 9xx; group not 00; serial not 0000 (20 CFR 422.103 and the randomisation rules of 2011). */
export const grouped =
  /(?<!\d)(?<!\d[-.])(?!000|666|9)\d{3}([- \u00a0\u2010-\u2015])(?!00)\d{2}\1(?!0000)\d{4}(?!\d|-\d)/g
/** Nine digits in a row say nothing by themselves; after the number's name they do. */
export const named = /(?:ssn|social[ _-]?security)[^\d]{0,24}((?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4})(?!\d)/gi
export const label = /ssn|social[ _-]?sec/i
const bare = /^\s*(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}\s*$/

export function findSsns(text: string, name?: string, runs: readonly DigitRun[] = digitRuns(text)): readonly Span[] {
  const spans: Span[] = []
  for (const run of runs) {
    if (run.end - run.start === run.digits) continue
    // what stands before a run can tell that it goes on from a fraction
    const from = Math.max(run.start - 2, 0)
    eachMatch(grouped, text.slice(from, run.end), (matched, at) => spans.push({ start: from + at, end: from + at + matched.length }))
  }
  if (text.length > 11 && runs.some((run) => holdsNine(text, run))) {
    for (const { end } of spansOf(named, text)) spans.push({ start: end - 9, end })
  }
  if (name !== undefined && text.length < 16 && label.test(name) && bare.test(text)) {
    const start = text.search(/\d/)
    spans.push({ start, end: start + 9 })
  }
  return joinSpans(spans)
}

/** Whether exactly nine digits stand together in a run. */
function holdsNine(text: string, { start, end }: Span): boolean {
  let digits = 0
  for (let at = start; at < end; at++) {
    if (isDigit(text.charCodeAt(at))) digits++
    else if (digits === 9) return true
    else digits = 0
  }
  return digits === 9
}
