import { isObject } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'
import { startOf, type Position } from './position.ts'

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

/** Whether the place at `keys`, or one that it lies in, matches. */
export function covers(segments: Segments, keys: readonly string[], from: Position = startOf(segments)): boolean {
  let position = from
  if (position.isMatch) return true
  for (const key of keys) {
    position = position.step(key)
    if (position.isDead) return false
    if (position.isMatch) return true
  }
  return false
}

export type Place = readonly string[]

/** Visits the places that match; of those inside one another only the outermost. A place is good during its visit only. */
export function eachPlace(body: Json, from: Position, found: (place: Place) => void): void {
  const keys: string[] = []
  if (from.isMatch) return found(keys)
  const take = (key: string, member: Json, next: Position): void => {
    if (!leadsOn(member, next)) return
    keys.push(key)
    if (next.isMatch) found(keys)
    else visit(member, next)
    keys.pop()
  }
  const visit = (value: Json, position: Position): void => {
    const { only } = position
    if (only !== undefined) {
      const isThere = isList(value) ? (indexOf(only) ?? value.length) < value.length : isObject(value) && Object.hasOwn(value, only)
      if (isThere) take(only, (value as JsonObject)[only] as Json, position.step(only)) // an element or own
      return
    }
    const { names } = position
    const [name] = names
    const aside = position.stepAside()
    if (isList(value)) {
      for (let index = 0; index < value.length; index++) {
        const member = value[index] as Json // in range
        if (names.length === 0 && !leadsOn(member, aside)) continue
        const key = String(index)
        take(key, member, position.step(key))
      }
    } else if (isObject(value)) {
      for (const key in value) {
        const member = value[key] as Json // own: a JSON value
        if (names.length > 1 || key === name) take(key, member, position.step(key))
        else if (leadsOn(member, aside)) take(key, member, aside)
      }
    }
  }
  visit(body, from)
}

const leadsOn = (member: Json, next: Position): boolean => next.isMatch || (!next.isDead && typeof member === 'object' && member !== null)

/** RFC 6901 section 4: an index is 0 or has no leading zero. */
const indexOf = (key: string): number | undefined => (/^(?:0|[1-9]\d{0,14})$/.test(key) ? Number(key) : undefined)

export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value)

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
