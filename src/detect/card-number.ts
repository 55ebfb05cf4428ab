import type { Span } from '../model.ts'
import { added, digitRuns, isDigit, noSpans, type DigitRun } from './detector.ts'

/** A long token of hexadecimal digits: a digest, whatever its digits spell. */
const hexToken = /^[0-9a-f]{24,}$/i

interface Group {
  readonly start: number
  readonly end: number
}

/** ISO/IEC 7812 numbers: 13 to 19 digits of a known issuer with the right check digit, alone or grouped. */
export function findCardNumbers(text: string, _label?: string, runs: readonly DigitRun[] = digitRuns(text)): readonly Span[] {
  let spans: Span[] | undefined
  for (const run of runs) {
    if (run.digits < 13) continue
    if (run.end - run.start === run.digits) {
      const { start, end } = run
      if (run.digits <= 19 && isCard(text, start, end) && !isPartOfMore(text, start, end, true)) spans = added(spans, { start, end })
      continue
    }
    const groups = groupsOf(text, run)
    for (let first = 0; first < groups.length; first++) {
      if (!mayBegin(groups[first]!, first === 0 && run.digits <= 19)) continue // in range
      const last = cardFrom(text, groups, first)
      if (last === undefined) continue
      spans = added(spans, { start: groups[first]!.start, end: groups[last]!.end }) // both are indices of groups
      first = last
    }
  }
  return spans ?? noSpans
}

const isCard = (text: string, start: number, end: number): boolean => isIssued(text, start, end - start) && passesLuhn(text, start, end)

function groupsOf(text: string, run: Span): Group[] {
  const groups: Group[] = []
  let { start } = run
  for (let at = start; at <= run.end; at++) {
    if (at < run.end && isDigit(text.charCodeAt(at))) continue
    groups.push({ start, end: at })
    start = at + 1
  }
  return groups
}

/** Nothing else is customary: most groups of very long runs need not be looked at further. */
const mayBegin = ({ start, end }: Group, isOfWhole: boolean): boolean => isOfWhole || end - start === 4 || end - start >= 13

/** The last group of the longest card number that begins with the group `first`. */
function cardFrom(text: string, groups: readonly Group[], first: number): number | undefined {
  let digits = ''
  let found: number | undefined
  for (let last = first; last < groups.length; last++) {
    const group = groups[last]! // bounded by the loop
    if (group.end - group.start + digits.length > 19) break
    digits += text.slice(group.start, group.end)
    if (digits.length < 13 || !isCard(digits, 0, digits.length)) continue
    const whole = first === 0 && last === groups.length - 1
    if (!whole && !isCustomary(groups, first, last)) continue
    if (isPartOfMore(text, groups[first]!.start, group.end, first === last)) continue
    found = last
  }
  return found
}

/** Inside a longer run only the ways in which cards are printed count: 4-4-4-4(-3), 4-6-5, 4-6-4, or one group. */
function isCustomary(groups: readonly Group[], first: number, last: number): boolean {
  const sizes = groups.slice(first, last + 1).map(({ start, end }) => end - start)
  if (sizes.length === 1) return true
  if (sizes.length === 3) return sizes[0] === 4 && sizes[1] === 6 && (sizes[2] === 5 || sizes[2] === 4)
  return sizes.every((size, index) => size === 4 || (index === sizes.length - 1 && size < 4))
}

/** A decimal fraction, a digest, or (for grouped digits) an identifier such as a UUID. */
function isPartOfMore(text: string, start: number, end: number, single: boolean): boolean {
  const before = text.charCodeAt(start - 1)
  if (before === 46 && isDigit(text.charCodeAt(start - 2))) return true
  const lettered = isLetter(before) || isLetter(text.charCodeAt(end))
  if (!lettered) return false
  if (!single) return true
  let from = start
  let to = end
  while (start - from < 64 && isTokenCode(text.charCodeAt(from - 1))) from--
  while (to - end < 64 && isTokenCode(text.charCodeAt(to))) to++
  return hexToken.test(text.slice(from, to))
}

const isLetter = (code: number): boolean => (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
const isTokenCode = (code: number): boolean => isDigit(code) || isLetter(code)

const digitAt = (text: string, at: number): number => text.charCodeAt(at) - 48

function isIssued(text: string, start: number, length: number): boolean {
  const two = digitAt(text, start) * 10 + digitAt(text, start + 1)
  const three = two * 10 + digitAt(text, start + 2)
  const four = three * 10 + digitAt(text, start + 3)
  if (two >= 40 && two <= 49) return length === 13 || length === 16 || length === 19
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return length === 16
  if (two === 34 || two === 37) return length === 15
  if ((three >= 300 && three <= 305) || three === 309 || two === 36 || two === 38 || two === 39) return length >= 14
  if (four >= 3528 && four <= 3589) return length >= 16
  if (two === 60 || two === 62 || two === 65 || two === 81 || (three >= 644 && three <= 649)) return length >= 16
  if (four >= 2200 && four <= 2204) return length >= 16
  return maestro.has(four)
}
const maestro = new Set([5018, 5020, 5038, 5893, 6304, 6390, 6759, 6761, 6762, 6763])

/** ISO/IEC 7812-1 annex B. */
function passesLuhn(text: string, start: number, end: number): boolean {
  let sum = 0
  let at = end - 1
  for (; at > start; at -= 2) sum += digitAt(text, at) + twice[digitAt(text, at - 1)]! // ten digits
  if (at === start) sum += digitAt(text, at)
  return sum % 10 === 0
}
/** Each digit doubled, the digits of that added up. */
const twice = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
