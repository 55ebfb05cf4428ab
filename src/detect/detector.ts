import type { Span } from '../model.ts'

/**
 * Finds spans in a text, in order and without overlap. `label` is the name of the JSON member that holds the text: some
 * secrets are only told by it. `runs` are the text's `digitRuns`, where the caller knows them. Pure, and linear in the
 * length of the text.
 */
export type Detector = (text: string, label?: string, runs?: readonly DigitRun[]) => readonly Span[]

/** Digits that stand together, each pair apart by at most one space or dash. */
export interface DigitRun extends Span {
  readonly digits: number
}
/** What is told by its digits has no fewer. */
export const fewestDigits = 9
export const digitRun = /\d(?:[ \-\u00a0\u2009\u2010-\u2015\u202f]?\d){8,}/g

/** The runs of nine digits or more in a text, each as long as it goes. */
export function digitRuns(text: string): readonly DigitRun[] {
  const runs: DigitRun[] = []
  eachMatch(digitRun, text, (matched, start) => {
    let digits = 0
    for (let at = 0; at < matched.length; at++) if (isDigit(matched.charCodeAt(at))) digits++
    runs.push({ start, end: start + matched.length, digits })
  })
  return runs
}

/** What may stand between two digits of a run. */
export const isSeparator = (code: number): boolean =>
  code === 0x20 || code === 0x2d || code === 0xa0 || code === 0x2009 || (code >= 0x2010 && code <= 0x2015) || code === 0x202f
export const isDigit = (code: number): boolean => code >= 48 && code <= 57

/** Mostly there is one; an array that grows from nothing takes room for seventeen. */
export function added<T>(to: T[] | undefined, one: T): T[] {
  if (to === undefined) return [one]
  to.push(one)
  return to
}
export const noSpans: readonly Span[] = []

/** Each match with where it begins. The pattern must be global; not `matchAll`, which copies the pattern for every text. */
export function eachMatch(pattern: RegExp, text: string, visit: (matched: string, start: number) => void): void {
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) visit(match[0], match.index)
}

export function spansOf(pattern: RegExp, text: string): Span[] {
  const spans: Span[] = []
  eachMatch(pattern, text, (matched, start) => spans.push({ start, end: start + matched.length }))
  return spans
}

/** Sorted, with overlaps and neighbours that touch inside one secret joined. */
export function joinSpans(spans: readonly Span[]): readonly Span[] {
  if (spans.length < 2) return spans
  const sorted = [...spans].sort((a, b) => a.start - b.start || a.end - b.end)
  const joined: Span[] = []
  for (const span of sorted) {
    const last = joined.at(-1)
    if (last !== undefined && span.start < last.end) {
      if (span.end > last.end) joined[joined.length - 1] = { start: last.start, end: span.end }
    } else joined.push(span)
  }
  return joined
}
