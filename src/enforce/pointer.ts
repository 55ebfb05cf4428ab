import type { Json, JsonObject } from '../model.ts'

/** One step of a mask's pointer. */
export type Segment = { readonly kind: 'key'; readonly key: string } | { readonly kind: 'any' } | { readonly kind: 'deep' }
export type Segments = readonly Segment[]
export type ParsedPointer = { readonly ok: true; readonly segments: Segments } | { readonly ok: false; readonly problem: string }

/** JSON Pointer (RFC 6901) with `*` for every element or member, `**` for any depth, `~2` for a literal `*`. */
export function parsePointer(text: string): ParsedPointer {
  if (text === '') return { ok: true, segments: [] }
  if (!text.startsWith('/')) return { ok: false, problem: 'a pointer is empty or begins with /' }
  const segments: Segment[] = []
  for (const part of text.slice(1).split('/')) {
    if (part === '*') segments.push({ kind: 'any' })
    else if (part === '**') {
      if (segments.at(-1)?.kind !== 'deep') segments.push({ kind: 'deep' })
    } else if (part.includes('*')) return { ok: false, problem: '* and ** stand alone between slashes; a literal * is written ~2' }
    else if (/~(?![012])/.test(part)) return { ok: false, problem: '~ is followed by 0, 1 or 2' }
    else segments.push({ kind: 'key', key: part.replaceAll('~2', '*').replaceAll('~1', '/').replaceAll('~0', '~') })
  }
  if (segments.length > 64) return { ok: false, problem: 'a pointer has at most 64 steps' }
  return { ok: true, segments }
}

/**
 * Which steps may come next, as indices into the segments; the length of the segments among them means that the place
 * itself matches. Following all of them at once looks at every value once, however many `**` there are.
 */
export type Position = readonly number[]

export const startOf = (segments: Segments): Position => closed(segments, [0])
export const isMatch = (segments: Segments, position: Position): boolean => position.includes(segments.length)

export function stepInto(segments: Segments, position: Position, key: string): Position {
  const next: number[] = []
  for (const at of position) {
    const segment = segments[at]
    if (segment === undefined) continue
    if (segment.kind === 'deep') next.push(at)
    else if (segment.kind === 'any' || segment.key === key) next.push(at + 1)
  }
  return closed(segments, next)
}

function closed(segments: Segments, position: readonly number[]): Position {
  const all = new Set<number>()
  for (const start of position) {
    let at = start
    all.add(at)
    while (segments[at]?.kind === 'deep') all.add(++at)
  }
  return [...all]
}

/** Whether the place at `keys`, or one that it lies in, matches. */
export function covers(segments: Segments, keys: readonly string[], from: Position = startOf(segments)): boolean {
  let position = from
  if (isMatch(segments, position)) return true
  for (const key of keys) {
    position = stepInto(segments, position, key)
    if (position.length === 0) return false
    if (isMatch(segments, position)) return true
  }
  return false
}


export type Place = readonly string[]

/** The places that match; of those inside one another only the outermost. */
export function placesOf(body: Json, segments: Segments, from: Position = startOf(segments)): readonly Place[] {
  const places: Place[] = []
  const keys: string[] = []
  const visit = (value: Json, position: Position): void => {
    if (isMatch(segments, position)) {
      places.push([...keys])
      return
    }
    const descend = (key: string, member: Json): void => {
      const next = stepInto(segments, position, key)
      if (next.length === 0) return
      keys.push(key)
      visit(member, next)
      keys.pop()
    }
    const only = position.length === 1 ? segments[position[0] as number] : undefined // position has one element
    if (isList(value)) {
      if (only?.kind === 'key') {
        const index = indexOf(only.key)
        if (index !== undefined && index < value.length) descend(only.key, value[index] as Json) // in range
        return
      }
      for (const [index, element] of value.entries()) descend(String(index), element)
    } else if (isObject(value)) {
      if (only?.kind === 'key') {
        if (Object.hasOwn(value, only.key)) descend(only.key, value[only.key] as Json) // own
        return
      }
      for (const key of Object.keys(value)) descend(key, value[key] as Json) // own
    }
  }
  visit(body, from)
  return places
}

/** RFC 6901 section 4: an index is 0 or has no leading zero. */
const indexOf = (key: string): number | undefined => (/^(?:0|[1-9]\d{0,14})$/.test(key) ? Number(key) : undefined)

export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value)
export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value)

/** The value at a place, or undefined. */
export function valueAt(body: Json, place: Place): Json | undefined {
  let value: Json | undefined = body
  for (const key of place) {
    if (isList(value)) value = value[indexOf(key) ?? -1]
    else if (isObject(value) && Object.hasOwn(value, key)) value = value[key]
    else return undefined
  }
  return value
}
