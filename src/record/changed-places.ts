import { isObject } from '../exact-json.ts'
import type { Json } from '../model.ts'

/** More than these are told as one: the whole. */
const most = 32
const escape = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

/**
 * Where two values differ, as JSON Pointers with `*` for every element of an array. A member that one of them lacks is told as a
 * change of the object that holds it: its name may be what was replaced.
 */
export function changedPlaces(before: Json, after: Json): readonly string[] {
  const found = new Set<string>()
  visit(before, after, '', found)
  return found.size > most ? [''] : [...found]
}

function visit(before: Json, after: Json, at: string, found: Set<string>): void {
  if (before === after || found.size > most) return
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    for (let index = 0; index < before.length; index += 1) visit(before[index] as Json, after[index] as Json, `${at}/*`, found) // in range
  } else if (isObject(before) && isObject(after)) {
    const names = Object.keys(before)
    if (names.length !== Object.keys(after).length || names.some((name) => !Object.hasOwn(after, name))) found.add(at)
    else for (const name of names) visit(before[name] as Json, after[name] as Json, `${at}/${escape(name)}`, found) // own in both
  } else if (!isSameScalar(before, after)) found.add(at)
}

const isSameScalar = (a: Json, b: Json): boolean => !Array.isArray(a) && !isObject(a) && !Array.isArray(b) && !isObject(b) && JSON.stringify(a) === JSON.stringify(b)
