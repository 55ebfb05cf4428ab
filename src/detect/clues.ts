import { isWide } from '../text-bytes.ts'
import { added, digitRunsIn, eachMatch, fewestDigits, isSeparator, textBytes, type DigitRun } from './detector.ts'
import { keysIn, keysInShort, markPattern, noKeys, shortestKey, someMark, someWord, wordPattern } from './key-clues.ts'

/** What stands in a text, found before any detector looks at it: most texts hold nothing that one of them needs. */
export interface Clues {
  readonly runs: readonly DigitRun[]
  readonly at: boolean
  /** What tells a key or a private key by a mark in it. */
  readonly marks: boolean
  /** What tells a key or a token by its letters. */
  readonly words: boolean
  /** What may hide any of them. */
  readonly hiding: boolean
}

const hidingPattern = /[\\%\u00ad\u200b-\u200d\u2060\ufeff]/
const armour = '----'
/** `----BEGIN PRIVATE KEY----`, in which no key can be told without its letters. */
const shortestArmour = 25
/** A text without any of these holds no address, no armour and nothing that hides, and its characters take a byte each. */
const specialPattern = /[@\\%\u00ad\u0100-\uffff]|----/
/** Texts of at most so many characters are looked at one by one, which is faster than patterns there. */
const short = 32

export const noClues: Clues = { runs: [], at: false, marks: false, words: false, hiding: false }

/** Which clues a text may hold. */
export type Within = { readonly [clue in keyof Clues]: boolean }
export const anything: Within = { runs: true, at: true, marks: true, words: true, hiding: true }

/**
 * Undefined where no detector that is built in can hit, but by the name of the member that holds the text. What cannot be in it, as
 * it was not in a text that this one is part of, is not looked for.
 */
export function cluesOf(text: string, within = anything): Clues | undefined {
  if (text.length <= short) return fromCharacters(text, within)
  const isSpecial = specialPattern.test(text)
  const bytes = textBytes.of(text, !isSpecial || !isWide(text))
  const runs = within.runs ? digitRunsIn(bytes, text.length) : undefined
  const keys = within.marks || within.words ? keysIn(bytes, text) : noKeys
  return isSpecial || runs !== undefined || keys !== noKeys ? gathered(text, within, runs, keys, isSpecial) : undefined
}

/** `isSpecial`: it may hold more than runs and keys. */
function gathered(text: string, within: Within, runs: readonly DigitRun[] | undefined, keys: number, isSpecial: boolean): Clues | undefined {
  const at = isSpecial && within.at && text.includes('@')
  const marks = within.marks && ((keys & someMark) !== 0 || (isSpecial && text.includes(armour)))
  const words = within.words && (keys & someWord) !== 0
  const hiding = isSpecial && within.hiding && hidingPattern.test(text)
  return runs !== undefined || at || marks || words || hiding ? { runs: runs ?? noClues.runs, at, marks, words, hiding } : undefined
}

const everyMark = new RegExp(markPattern.source, 'gi')
const everyWord = new RegExp(wordPattern.source, 'gi')

/** Where in a text its clues stand; undefined where some may be hidden. */
export function positionsOf(text: string, { runs, at, marks, words, hiding }: Clues): readonly number[] | undefined {
  if (hiding) return undefined
  const positions = runs.map(({ start }) => start)
  const add = (_matched: string, start: number): void => void positions.push(start)
  if (at) for (let next = text.indexOf('@'); next >= 0; next = text.indexOf('@', next + 1)) positions.push(next)
  if (marks) eachMatch(everyMark, text, add)
  if (words) eachMatch(everyWord, text, add)
  return positions.length === runs.length ? positions : positions.sort((a, b) => a - b)
}

/** What a text can hold that is made of parts of texts, cut where no clue goes on. */
export function withinParts(parts: readonly (Clues | undefined)[]): Within {
  const some = (holds: (clues: Clues) => boolean): boolean => parts.some((clues) => clues !== undefined && holds(clues))
  return {
    runs: some(({ runs }) => runs.length > 0),
    at: some(({ at }) => at),
    marks: some(({ marks }) => marks),
    words: some(({ words }) => words),
    hiding: some(({ hiding }) => hiding),
  }
}

/** An `@`, what may hide, or a character beyond ASCII. */
const special = 1
const letter = 2
/** Digits are counted in the bits from this one on. */
const digit = 4
const digitBits = 2

const kinds = new Uint8Array(128)
const letters = 'abcdefghijklmnopqrstuvwxyz'
for (const [characters, kind] of [['@\\%', special], ['0123456789', digit], [letters + letters.toUpperCase(), letter]] as const) {
  for (const character of characters) kinds[character.charCodeAt(0)] = kind
}

function fromCharacters(text: string, within: Within): Clues | undefined {
  const { length } = text
  let seen = 0
  let digits = 0
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    const kind = code < 128 ? kinds[code]! : special // in range
    seen |= kind
    digits += kind >> digitBits
  }
  const runs = digits < fewestDigits ? undefined : digits === length ? [{ start: 0, end: length, digits }] : shortRuns(text)
  const mayHoldKey = length >= shortestKey && (seen & letter) !== 0
  const keys = mayHoldKey && (within.marks || within.words) ? keysInShort(text) : noKeys
  const isSpecial = (seen & special) !== 0 || (mayHoldKey && length >= shortestArmour && text.includes(armour))
  return isSpecial || runs !== undefined || keys !== noKeys ? gathered(text, within, runs, keys, isSpecial) : undefined
}

function shortRuns(text: string): DigitRun[] | undefined {
  let runs: DigitRun[] | undefined
  /** The digits of the run that goes on, or the last one. */
  let digits = 0
  let start = 0
  let end = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 48 || code > 57) continue
    if (index > end + 1 || (index === end + 1 && !isSeparator(text.charCodeAt(end)))) {
      if (digits >= fewestDigits) runs = added(runs, { start, end, digits })
      digits = 0
    }
    if (digits++ === 0) start = index
    end = index + 1
  }
  return digits >= fewestDigits ? added(runs, { start, end, digits }) : runs
}
