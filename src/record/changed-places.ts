import { isObject } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'

/** More than these are told as one: the whole. */
const most = 32
/** … and so does what would take more characters: one long name may stand above all of them. */
const longest = 8192
const escape = (name: string): string => (/[~/]/.test(name) ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name)

/**
 * Where two values differ, as JSON Pointers with `*` for every element of an array. A member that one of them lacks is told as a
 * change of the object that holds it: its name may be what was replaced.
 */
export function changedPlaces(before: Json, after: Json): readonly string[] {
  const found: string[] = []
  visit(before, after, new Place('', found))
  return found.length > most || found.reduce((sum, { length }) => sum + length, 0) > longest ? [''] : found
}

/** The elements of an array are at one place: its pointer is spelt out once for all of them. */
class Place {
  readonly #pointer: string
  readonly #found: string[]
  readonly #below = new Map<string, Place>()
  #isFound = false

  constructor(pointer: string, found: string[]) {
    this.#pointer = pointer
    this.#found = found
  }

  get isSettled(): boolean {
    return this.#isFound || this.#found.length > most
  }

  settle(): void {
    if (!this.#isFound) this.#found.push(this.#pointer)
    this.#isFound = true
  }

  below(name: string): Place {
    const known = this.#below.get(name)
    if (known !== undefined) return known
    const place = new Place(`${this.#pointer}/${escape(name)}`, this.#found)
    this.#below.set(name, place)
    return place
  }
}

// Most of a masked body is the very same as before: only what is not is looked into.
function visit(before: Json, after: Json, at: Place): void {
  if (at.isSettled) return
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) {
    if (before !== after) at.settle()
  } else if (Array.isArray(before) && Array.isArray(after)) visitElements(before as readonly Json[], after as readonly Json[], at)
  else if (isObject(before) && isObject(after)) visitMembers(before, after, at)
  else if (JSON.stringify(before) !== JSON.stringify(after)) at.settle()
}

function visitElements(before: readonly Json[], after: readonly Json[], at: Place): void {
  if (before.length !== after.length) return at.settle()
  const each = at.below('*')
  for (let index = 0; index < before.length; index += 1) if (before[index] !== after[index]) visit(before[index]!, after[index]!, each) // in range
}

function visitMembers(before: JsonObject, after: JsonObject, at: Place): void {
  let members = 0
  for (const name in before) {
    members += 1
    const [was, is] = [before[name]!, after[name]] // own: a JSON value
    if (was === is) continue
    if (is === undefined || !Object.hasOwn(after, name)) return at.settle()
    visit(was, is, at.below(name))
  }
  for (const _ in after) members -= 1
  if (members !== 0) at.settle()
}
