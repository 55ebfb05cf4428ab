import { isObject } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'

/** More than these are told as one: the whole. */
const most = 32
const escape = (name: string): string => (/[~/]/.test(name) ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name)

/**
 * Where two values differ, as JSON Pointers with `*` for every element of an array. A member that one of them lacks is told as a
 * change of the object that holds it: its name may be what was replaced.
 */
export function changedPlaces(before: Json, after: Json): readonly string[] {
  const found = new Set<string>()
  visit(before, after, '', found)
  return found.size > most ? [''] : [...found]
}

// Most of a masked body is the very same as before: only what is not is looked into, and only its places are spelt out.
function visit(before: Json, after: Json, at: string, found: Set<string>): void {
  if (found.size > most || found.has(at)) return
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) {
    if (before !== after) found.add(at)
  } else if (Array.isArray(before) && Array.isArray(after)) visitElements(before as readonly Json[], after as readonly Json[], at, found)
  else if (isObject(before) && isObject(after)) visitMembers(before, after, at, found)
  else if (JSON.stringify(before) !== JSON.stringify(after)) found.add(at)
}

function visitElements(before: readonly Json[], after: readonly Json[], at: string, found: Set<string>): void {
  if (before.length !== after.length) return void found.add(at)
  const each = `${at}/*`
  for (let index = 0; index < before.length; index += 1) if (before[index] !== after[index]) visit(before[index]!, after[index]!, each, found) // in range
}

function visitMembers(before: JsonObject, after: JsonObject, at: string, found: Set<string>): void {
  let members = 0
  for (const name in before) {
    members += 1
    const [was, is] = [before[name]!, after[name]] // own: a JSON value
    if (was === is) continue
    if (is === undefined || !Object.hasOwn(after, name)) return void found.add(at)
    visit(was, is, `${at}/${escape(name)}`, found)
  }
  for (const _ in after) members -= 1
  if (members !== 0) found.add(at)
}
