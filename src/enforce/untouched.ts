import type { JsonObject, Sighting } from '../model.ts'
import { mayBeJson, someHolder, someText } from './json-text.ts'
import { positionAfter, type MaskRule } from './mask-rules.ts'
import { eachPlace, type Place, type Segments } from './pointer.ts'
import { startOf } from './position.ts'
import { mayHide, type Look } from './splice.ts'

/** With more rules the long way may refuse for their number. */
const mostRules = 16
/** Values of so short a text are not nested so deeply that the long way would refuse them. */
const shortText = 512

/**
 * True only of a body to which the rules do nothing, whichever way they are carried out, and which none of them refuses: most have
 * nothing in them that a rule is for, and to find that out this way costs a tenth.
 */
export function isUntouched(body: JsonObject, scan: Sighting, rules: readonly MaskRule[], look: Look): boolean {
  if (scan.hits.length > 0 || rules.length > mostRules) return false
  for (const { must, detector, segments } of rules) if (must || (detector === undefined && segments !== undefined && reaches(segments, body))) return false
  return !someHolder(body, (holder, place) => someText(holder, (text) => mayBeJson(text) && mayHold(text, place, scan, rules, look)))
}

function reaches(segments: Segments, body: JsonObject): boolean {
  let isReached = false
  eachPlace(body, startOf(segments), () => void (isReached = true))
  return isReached
}

/** Whether a JSON text may have to be changed; its places count as those of `structuredContent`. */
function mayHold(text: string, holder: Place, scan: Sighting, rules: readonly MaskRule[], look: Look): boolean {
  if (look.places(scan, text)?.length !== 0 || mayHide.test(text)) return true
  for (const { detector, segments } of rules) if (detector === undefined && segments !== undefined && mayReach(segments, holder, text)) return true
  return false
}

/** The text has no escapes, which `places` would tell: a name that does not stand in it is none of its names. */
function mayReach(segments: Segments, holder: Place, text: string): boolean {
  const position = positionAfter(segments, [...holder, 'structuredContent'])
  if (position === undefined) return false
  const last = segments.at(-1)
  return position.isMatch || text.length > shortText || last?.kind !== 'key' || isIndex.test(last.key) || text.includes(last.key)
}

const isIndex = /^\d+$/
