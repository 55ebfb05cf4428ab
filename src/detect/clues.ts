import { added, digitRun, digitRuns, eachMatch, fewestDigits, isSeparator, type DigitRun } from './detector.ts'

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
const markPattern = /[-_.](?<=(?:gh[pousr]|pat|[sr]k|whsec)_|(?:sk|xox[a-z]|xapp|GOCSPX|--|PuTTY|SECRET)-|hooks\.|ya29\.|AQ\.)/i
const wordPattern = /AKIA|ASIA|A3T|ABIA|ACCA|AIza|eyJ|ew[ok0]|eyA|secret/i
/** No key or token that only its letters tell is shorter. */
const shortestWord = 16
/** Texts of at most so many characters are looked at one by one, which is faster than a pattern there. */
const short = 32
const anyPattern = new RegExp(['@', hidingPattern.source, digitRun.source, markPattern.source].join('|'), 'i')
/** One pattern for everything is faster than one for each in texts that are not longer. */
const middling = 512

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
  if (within === anything && text.length <= middling && !anyPattern.test(text) && !wordPattern.test(text)) return undefined
  const runs = within.runs ? digitRuns(text) : noClues.runs
  const at = within.at && text.includes('@')
  const marks = within.marks && markPattern.test(text)
  const words = within.words && wordPattern.test(text)
  const hiding = within.hiding && hidingPattern.test(text)
  return runs.length > 0 || at || marks || words || hiding ? { runs, at, marks, words, hiding } : undefined
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

const at = 1
const mark = 2
/** Something that may hide, or a character beyond ASCII. */
const wide = 4
const digit = 8
const letter = 16

const kinds = new Uint8Array(128)
const letters = 'abcdefghijklmnopqrstuvwxyz'
for (const [characters, kind] of [['@', at], ['-_.', mark], ['\\%', wide], ['0123456789', digit], [letters + letters.toUpperCase(), letter]] as const) {
  for (const character of characters) kinds[character.charCodeAt(0)] = kind
}

function fromCharacters(text: string, within: Within): Clues | undefined {
  let seen = 0
  let runs: DigitRun[] | undefined
  /** The digits of the run that goes on, or the last one. */
  let digits = 0
  let start = 0
  let end = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    const kind = code < 128 ? kinds[code]! : wide // in range
    if (kind !== digit) {
      seen |= kind
      continue
    }
    if (index > end + 1 || (index === end + 1 && !isSeparator(text.charCodeAt(end)))) {
      if (digits >= fewestDigits) runs = added(runs, { start, end, digits })
      digits = 0
    }
    if (digits++ === 0) start = index
    end = index + 1
  }
  if (digits >= fewestDigits) runs = added(runs, { start, end, digits })
  const words = within.words && (seen & letter) !== 0 && text.length >= shortestWord && wordPattern.test(text)
  if ((seen & ~letter) === 0 && runs === undefined) return words ? { ...noClues, words } : undefined
  const isAt = (seen & at) !== 0
  // no mark without letters but armour's dashes: dates and numbers in groups have none
  const marks = within.marks && (seen & mark) !== 0 && ((seen & letter) === 0 ? text.includes('---') : markPattern.test(text))
  const hiding = (seen & wide) !== 0 && hidingPattern.test(text)
  return runs !== undefined || isAt || marks || words || hiding ? { runs: runs ?? noClues.runs, at: isAt, marks, words, hiding } : undefined
}
