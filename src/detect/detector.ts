import type { Span } from '../model.ts'
import { isWide, isWideGap, TextBytes } from '../text-bytes.ts'

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

export const textBytes = new TextBytes()

/** The runs of nine digits or more in a text, each as long as it goes. */
export const digitRuns = (text: string): readonly DigitRun[] => digitRunsIn(textBytes.of(text, !isWide(text)), text.length) ?? noRuns
const noRuns: readonly DigitRun[] = []

/** … in its bytes. One character in nine is looked at: each run holds such a one, and nearly all others are in none. */
export function digitRunsIn(bytes: Uint8Array, length: number): DigitRun[] | undefined {
  let runs: DigitRun[] | undefined
  for (let at = fewestDigits - 1; at < length; ) {
    const kind = inRun[bytes[at]!]! // in range
    if (kind === 0 || (kind === between && inRun[bytes[at - 1]!] !== digit)) {
      at += fewestDigits
      continue
    }
    let start = kind === digit ? at : at - 1
    let end = start + 1
    let digits = 1
    for (;;) {
      if (start > 0 && inRun[bytes[start - 1]!] === digit) start--
      else if (start > 1 && inRun[bytes[start - 1]!] === between && inRun[bytes[start - 2]!] === digit) start -= 2
      else break
      digits++
    }
    // a zero stands behind the text
    for (;;) {
      const next = inRun[bytes[end]!]
      if (next === digit) end++
      else if (next === between && inRun[bytes[end + 1]!] === digit) end += 2
      else break
      digits++
    }
    if (digits >= fewestDigits) runs = added(runs, { start, end, digits })
    at = end + fewestDigits
  }
  return runs
}

const digit = 1
const between = 2
const inRun = new Uint8Array(256)
for (let code = 0x30; code <= 0x39; code++) inRun[code] = digit
for (const code of [0x20, 0x2d, 0xa0]) inRun[code] = between

/** What may stand between two digits of a run. */
export const isSeparator = (code: number): boolean => code === 0x20 || code === 0x2d || code === 0xa0 || isWideGap(code)
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
