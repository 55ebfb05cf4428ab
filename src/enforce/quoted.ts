// A policy may quote in a reason what a mask takes out of the message. Callers, reviewers and records read the reason, so it goes without that too.
import { isObject, parseExactJson } from '../exact-json.ts'
import type { Json, JsonObject, Mask, Span } from '../model.ts'
import { patchText } from './apply-edits.ts'
import { holdersOf, readText } from './json-text.ts'
import { placeMasks, positionAfter, readMasks } from './mask-rules.ts'
import { eachPlace, isList, valueAt, type Segments } from './pointer.ts'
import { startOf } from './position.ts'

const masked = '[MASKED]'
/** Shorter ones stand in every sentence. */
const shortest = 4
/** Characters looked through for all values of a message, in all its reasons together; what is beyond that is not worth the time. */
const mostWork = 50_000_000
/** To look for a value costs so much in the shortest text. */
const leastWork = 50
/** … and each place where it stands. */
const workOfPlace = 200

/** What takes the values at masked places out of a text; undefined where no mask is for a place. */
export function createUnquoter(bodies: readonly JsonObject[], masks: readonly Mask[]): ((text: string) => string) | undefined {
  const read = readMasks(placeMasks(masks), [])
  if (!read.ok) return () => masked // they cover nobody knows what
  if (read.rules.length === 0) return undefined
  const values = new Set<string>()
  try {
    for (const { segments = [] } of read.rules) for (const body of bodies) gatherAt(body, segments, values)
  } catch (error) {
    if (error instanceof RangeError) return () => masked // a text nested too deeply
    throw error
  }
  let work = 0
  const spend = (more: number): boolean => (work += more) <= mostWork
  return (text) => (spend(values.size * (text.length + leastWork)) ? unquoted(text, values, spend) : masked)
}

function gatherAt(body: JsonObject, segments: Segments, values: Set<string>): void {
  const gatherIn = (root: Json): void => eachPlace(root, startOf(segments), (place) => gather(valueAt(root, place), values))
  gatherIn(body)
  for (const { place, texts } of holdersOf(body)) {
    if (positionAfter(segments, [...place, 'structuredContent']) === undefined) continue
    for (const { text } of texts) {
      const structuredContent = readText(text, parse)
      if (structuredContent !== undefined) gatherIn(place.length === 0 ? { structuredContent } : { [String(place[0])]: { structuredContent } })
    }
  }
}

function parse(text: string): Json | undefined {
  try {
    return parseExactJson(text) as Json // by the grammar of JSON
  } catch (cause) {
    if (cause instanceof RangeError) throw cause
    return undefined
  }
}

function gather(value: Json | undefined, values: Set<string>): void {
  if (isList(value)) for (const element of value) gather(element, values)
  else if (isObject(value)) for (const member of Object.values(value)) gather(member, values)
  else if (value !== undefined && value !== null && typeof value !== 'boolean') {
    const printed = JSON.stringify(value)
    const bare = typeof value === 'string' ? value : printed
    if (bare.length < shortest || masked.includes(bare)) return
    values.add(bare)
    if (typeof value === 'string') values.add(printed.slice(1, -1)) // as it stands in an object that is printed
  }
}

/** All places are found before any is replaced: values may stand over one another, and whoever chose the one would be left a piece of the other. */
function unquoted(text: string, values: ReadonlySet<string>, spend: (work: number) => boolean): string {
  const spans: Span[] = []
  for (const value of values) {
    for (let start = text.indexOf(value); start >= 0; start = text.indexOf(value, start + 1)) {
      if (!spend(value.length + workOfPlace)) return masked
      spans.push({ start, end: start + value.length })
    }
  }
  return patchText(text, [{ spans, text: masked, value: masked }])
}
