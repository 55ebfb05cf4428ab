import type { Json, Scan, Sighting } from '../model.ts'
import { anything, cluesOf, positionsOf, withinParts, type Clues, type Within } from './clues.ts'
import type { Detectors, Found } from './index.ts'
import { mayBegin, mayComplete } from './key-clues.ts'
import { Findings, longestOf, longTexts, Walk } from './walk.ts'

/** Looks at every value, every member name and every encoded text of a body. Pure; time is linear in the size of the body. */
export function scan(body: Json, detectors: Detectors): Scan {
  const findings = new Findings(detectors)
  const walk = new Walk(detectors, anything, findings)
  walk.visit(body, undefined)
  return Object.assign(walk.sighting, { findings: findings.all })
}

/** Whether every string of the JSON in a text, and of what it is printed as, stands in it letter by letter. */
const isVerbatim = (text: string, clues: Clues | undefined): boolean => clues?.hiding !== true && text.isWellFormed()

/** The hits in the value of a text that is JSON and was part of what was scanned before. */
export function scanText(before: Sighting, text: string, value: Json, detectors: Detectors): Sighting {
  const known = longTexts.get(before)
  const clues = known?.get(text)
  const walk = new Walk(detectors, known?.has(text) === true && isVerbatim(text, clues) ? withinParts([clues]) : anything)
  walk.visit(value, undefined)
  return walk.sighting
}

/** Where in a text that was part of what was scanned before something may be found, in order; undefined where that may be anywhere. */
export function placesIn(before: Sighting, text: string, detectors: Detectors): readonly number[] | undefined {
  if (detectors.anyNumber) return undefined
  const known = longTexts.get(before)
  const clues = known?.has(text) === true ? known.get(text) : cluesOf(text)
  return clues === undefined ? [] : positionsOf(text, clues)
}

/** What is found in a value; `name` is that of the member that holds it. */
export const findIn = (text: string, name: string | undefined, detectors: Detectors): readonly Found[] =>
  detectors.find(text, name !== undefined && detectors.factsOf(name).telling ? name : undefined)

/** True only of a text in which nothing is found, nor in any part of it, nor by it in what stands beside it. */
export const isPlainBeside = (text: string, detectors: Detectors): boolean => detectors.isPlain(text) && !mayComplete(text)

/** True only of a text in which nothing is found, nor in any part of it, nor in parts of it put together where a `/` begins: keys alone hold one. */
export const isPlainApart = (text: string, detectors: Detectors): boolean => detectors.isPlain(text) && !mayBegin(text)

/** What a text that was put in place of another value is made of: JSON, printed from what `text` holds as JSON, but for some values. */
export interface Likeness {
  readonly text: string
  readonly values: readonly Json[]
  readonly cut?: { readonly clean: boolean } | undefined
}
/** The places of a body at which other values stand now, none inside another. The names of all members are as they were. */
export interface Replaced {
  /** `value` is undefined where nothing stands there now. A place is good during its visit only. */
  each(visit: (place: readonly string[], value: Json | undefined, like: Likeness | undefined) => void): void
  /** Whether a place, or one around it, is among them. */
  covers(keys: readonly string[]): boolean
}

/** The hits in a body, in any order, given those before values were replaced: only what stands there now is looked at. */
export function scanReplaced(before: Sighting, body: Json, replaced: Replaced, detectors: Detectors): Sighting {
  const places: (readonly string[])[] = []
  const likes: (Likeness | undefined)[] = []
  let isReadOtherwise = false
  let longest = longestOf(before)
  /** Placeholders are mostly the same. */
  const empty = new Set<Json>()
  const isEmpty = (value: string): boolean => empty.has(value) || (detectors.isEmpty(value) && empty.add(value) !== undefined)
  replaced.each((place, value, like) => {
    const name = place.at(-1)
    // whether data is read decoded depends on the members beside it
    isReadOtherwise ||= name === 'type' || name === 'mimeType'
    if (typeof value === 'string' && value.length > longest) longest = value.length
    if (like?.cut?.clean === true || (name !== 'data' && name !== 'blob' && typeof value === 'string' && isEmpty(value))) return
    places.push(place.slice())
    likes.push(like)
  })
  if (isReadOtherwise) return scan(body, detectors)
  const walk = new Walk(detectors, anything)
  for (const hit of before.hits) if (!replaced.covers(hit.where === 'name' ? hit.keys.slice(0, -1) : hit.keys)) walk.hits.push(hit)
  for (const [index, place] of places.entries()) {
    const like = likes[index]
    walk.visitAt(body, place, like === undefined ? anything : withinLike(before, like))
  }
  if (longest > walk.sighting.longest) walk.sighting.longest = longest
  return walk.sighting
}

function withinLike(before: Sighting, { text, values }: Likeness): Within {
  const known = longTexts.get(before)
  const clues = known?.get(text)
  const printed = [...new Set(values)].map((value) => JSON.stringify(value))
  if (known?.has(text) !== true || !isVerbatim(text, clues) || printed.some(mayComplete)) return anything
  // in JSON no clue reaches over the quotes of a string, nor from one number to the next
  return withinParts([clues, ...printed.map((value) => cluesOf(value))])
}
