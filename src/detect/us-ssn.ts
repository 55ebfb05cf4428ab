import type { Span } from '../model.ts'
import { added, digitRuns, isDigit, joinSpans, noSpans, spansOf, type DigitRun } from './detector.ts'

/** Nine digits in a row say nothing by themselves; after the number's name they do. */
export const named = /(?:ssn|social[ _-]?security)[^\d]{0,24}((?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4})(?!\d)/gi
export const label = /ssn|social[ _-]?sec/i
const bare = /^\s*(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}\s*$/

export function findSsns(text: string, name?: string, runs: readonly DigitRun[] = digitRuns(text)): readonly Span[] {
  let spans: Span[] | undefined
  for (const run of runs) {
    if (run.end - run.start === run.digits) continue
    const isWhole = run.end - run.start === groupedLength && run.digits === 9
    for (let at = run.start; at + groupedLength <= run.end; ) {
      const isOne = isGrouped(text, at, isWhole)
      if (isOne) spans = added(spans, { start: at, end: at + groupedLength })
      at += isOne ? groupedLength : 1
    }
  }
  if (text.length > groupedLength && someHoldsNine(text, runs)) for (const { end } of spansOf(named, text)) spans = added(spans, { start: end - 9, end })
  if (name !== undefined && text.length < 16 && isNine(runs) && label.test(name) && bare.test(text)) {
    const start = text.search(/\d/)
    spans = added(spans, { start, end: start + 9 })
  }
  return spans === undefined ? noSpans : joinSpans(spans)
}

const groupedLength = 11
const dash = 0x2d
const point = 0x2e
const zero = 0x30
const nine = 0x39

/**
 * Whether a number in its three groups stands there, apart by the same character twice: area not 000, 666 or 9xx, group not 00, serial
 * not 0000 (20 CFR 422.103 and the randomisation rules of 2011). By characters: a pattern takes several times as long for each.
 * `isWhole`: it is a run, of nine digits and two more characters, so that all but two that are none are digits.
 */
function isGrouped(text: string, at: number, isWhole: boolean): boolean {
  const separator = text.charCodeAt(at + 3)
  if (!isSeparator(separator) || text.charCodeAt(at + 6) !== separator) return false
  if (!isWhole && (!areDigits(text, at, 3) || !areDigits(text, at + 4, 2) || !areDigits(text, at + 7, 4))) return false
  if (text.charCodeAt(at) === nine || areAll(text, at, 3, zero) || areAll(text, at, 3, zero + 6)) return false
  if (areAll(text, at + 4, 2, zero) || areAll(text, at + 7, 4, zero)) return false
  return !goesOnBefore(text, at) && !goesOnBehind(text, at + groupedLength)
}

/** With a digit, or one and a dash or point. */
function goesOnBefore(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1)
  return isDigit(before) || ((before === dash || before === point) && isDigit(text.charCodeAt(at - 2)))
}

function goesOnBehind(text: string, end: number): boolean {
  const next = text.charCodeAt(end)
  return isDigit(next) || (next === dash && isDigit(text.charCodeAt(end + 1)))
}

const isSeparator = (code: number): boolean => code === dash || code === 0x20 || code === 0xa0 || (code >= 0x2010 && code <= 0x2015)

function areDigits(text: string, from: number, count: number): boolean {
  for (let at = from; at < from + count; at++) if (!isDigit(text.charCodeAt(at))) return false
  return true
}

function areAll(text: string, from: number, count: number, code: number): boolean {
  for (let at = from; at < from + count; at++) if (text.charCodeAt(at) !== code) return false
  return true
}

const isNine = (runs: readonly DigitRun[]): boolean => runs.length === 1 && runs[0]!.end - runs[0]!.start === 9 // there is one

/** Whether exactly nine digits stand together in one of them. */
function someHoldsNine(text: string, runs: readonly DigitRun[]): boolean {
  for (let index = 0; index < runs.length; index++) {
    const run = runs[index]! // in range
    if (run.end - run.start === run.digits ? run.digits === 9 : holdsNine(text, run)) return true
  }
  return false
}

function holdsNine(text: string, { start, end }: Span): boolean {
  let digits = 0
  for (let at = start; at < end; at++) {
    if (isDigit(text.charCodeAt(at))) digits++
    else if (digits === 9) return true
    else digits = 0
  }
  return digits === 9
}
