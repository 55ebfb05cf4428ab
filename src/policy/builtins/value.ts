/**
 * Values as builtins take and give them. The module prints them in Rego's notation (`opa_value_dump`): JSON, and sets as
 * `{1, 2}` and `set()`. Numbers keep their digits, and members are in Rego's order, as OPA's own evaluator has them; the module
 * keeps them in the order of their hashes.
 */
import { compareNumbers } from './number.ts'

export class RegoNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}
export class RegoSet {
  readonly elements: readonly Value[]
  constructor(elements: readonly Value[]) {
    this.elements = isSorted(elements) ? elements : unique(elements.toSorted(compare))
  }
}
export class RegoObject {
  readonly pairs: readonly Pair[]
  #found: Map<Value, Value> | undefined
  constructor(pairs: readonly Pair[]) {
    this.pairs = isSorted(pairs.map(([key]) => key)) ? pairs : pairs.toSorted(([a], [b]) => compare(a, b))
  }
  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return this.pairs.find(([other]) => compare(other, key) === 0)?.[1]
    this.#found ??= new Map(this.pairs)
    return this.#found.get(key)
  }
}
export type Pair = readonly [key: Value, value: Value]
export type Value = null | boolean | string | RegoNumber | readonly Value[] | RegoObject | RegoSet

const maxDepth = 500

export function isArray(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value)
}

export function number(value: number | bigint | string): RegoNumber {
  return new RegoNumber(String(value))
}

/** From plain JavaScript; members that are undefined are left out. */
export function objectOf(members: Readonly<Record<string, Value | undefined>>): RegoObject {
  return new RegoObject(Object.entries(members).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])))
}

/** From what `JSON.parse` gives. */
function fromJson(value: unknown): Value {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return number(value)
  if (Array.isArray(value)) return value.map(fromJson)
  if (value instanceof RegoNumber) return value
  return new RegoObject(Object.entries(value as object).map(([key, inner]) => [key, fromJson(inner)] as const))
}

/** Undefined for what is not JSON, as Go's decoder sees it. */
export function readJson(text: string): Value | undefined {
  try {
    return fromJson(JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => (typeof value === 'number' ? new RegoNumber(context?.source ?? String(value)) : value)))
  } catch {
    return undefined
  }
}

const ranks = (value: Value): number => {
  if (value === null) return 0
  if (typeof value === 'boolean') return 1
  if (value instanceof RegoNumber) return 2
  if (typeof value === 'string') return 3
  if (isArray(value)) return 4
  return value instanceof RegoObject ? 5 : 6
}

/** Rego's order of values: null, booleans, numbers, strings, arrays, objects, sets. */
export function compare(a: Value, b: Value): number {
  if (a === b) return 0
  const order = ranks(a) - ranks(b)
  if (order !== 0) return order
  if (typeof a === 'boolean') return a ? 1 : -1
  if (typeof a === 'string') return compareText(a, b as string)
  if (a instanceof RegoNumber) return compareNumbers(a.text, (b as RegoNumber).text)
  if (isArray(a)) return compareAll(a, b as readonly Value[])
  if (a instanceof RegoSet) return compareAll(a.elements, (b as RegoSet).elements)
  return comparePairs((a as RegoObject).pairs, (b as RegoObject).pairs)
}

/** By bytes, as Go does, which is by code points: surrogates come after all others. */
function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at += 1) {
    const one = a.charCodeAt(at)
    const other = b.charCodeAt(at)
    if (one !== other) return lift(one) - lift(other)
  }
  return a.length - b.length
}

const lift = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit)

function compareAll(a: readonly Value[], b: readonly Value[]): number {
  // Where there are many keys or elements, an iterator for each pair of them is most of the work.
  for (let index = 0; index < a.length && index < b.length; index += 1) {
    const order = compare(a[index] ?? null, b[index] ?? null)
    if (order !== 0) return order
  }
  return a.length - b.length
}

function comparePairs(a: readonly Pair[], b: readonly Pair[]): number {
  for (const [index, [key, value]] of a.entries()) {
    const other = b[index]
    if (other === undefined) return 1
    const order = compare(key, other[0]) || compare(value, other[1])
    if (order !== 0) return order
  }
  return a.length - b.length
}

export function equal(a: Value, b: Value): boolean {
  return compare(a, b) === 0
}

function isSorted(values: readonly Value[]): boolean {
  return values.every((value, index) => index === 0 || compare(values[index - 1] ?? null, value) < 0)
}

function unique(sorted: readonly Value[]): readonly Value[] {
  return sorted.filter((value, index) => index === 0 || compare(sorted[index - 1] ?? null, value) !== 0)
}

/** For the module to read. */
export function print(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof RegoNumber) return value.text
  if (value === null || typeof value === 'boolean') return String(value)
  if (isArray(value)) return `[${value.map(print).join(',')}]`
  if (value instanceof RegoSet) return value.elements.length === 0 ? 'set()' : `{${value.elements.map(print).join(',')}}`
  return `{${value.pairs.map(([key, inner]) => `${print(key)}:${print(inner)}`).join(',')}}`
}

/** As OPA turns a value into JSON: a set is an array in Rego's order, and a key that is no text is its JSON. */
export function asJson(value: Value): Value {
  if (value instanceof RegoSet) return value.elements.map(asJson)
  if (isArray(value)) return value.map(asJson)
  if (!(value instanceof RegoObject)) return value
  return new RegoObject(value.pairs.map(([key, inner]) => [typeof key === 'string' ? key : print(asJson(key)), asJson(inner)] as const))
}

interface Cursor {
  readonly text: string
  at: number
}

/** What `opa_value_dump` printed. */
export function readValue(text: string): Value {
  return read({ text, at: 0 }, 0)
}

function read(from: Cursor, depth: number): Value {
  if (depth > maxDepth) throw new Error('a value that is too deep')
  skipSpace(from)
  switch (from.text[from.at]) {
    case '"':
      return readText(from)
    case '[': {
      from.at += 1
      return readAll(from, ']', depth, (element) => element)
    }
    case '{':
      from.at += 1
      return readBraces(from, depth)
    case 's':
      from.at += 'set()'.length
      return new RegoSet([])
    default:
      return readWord(from)
  }
}

function skipSpace(from: Cursor): void {
  while (from.text.charCodeAt(from.at) <= 32) from.at += 1
}

function readText(from: Cursor): string {
  const start = from.at
  let escaped = false
  for (from.at += 1; from.text[from.at] !== '"'; from.at += 1) {
    if (from.at >= from.text.length) throw new Error('a text without an end')
    if (from.text[from.at] === '\\') {
      escaped = true
      from.at += 1
    }
  }
  from.at += 1
  return escaped ? String(JSON.parse(from.text.slice(start, from.at))) : from.text.slice(start + 1, from.at - 1)
}

const word = /[^\s[\]{},:]+/y

function readWord(from: Cursor): Value {
  word.lastIndex = from.at
  const found = word.exec(from.text)?.[0] ?? ''
  from.at += found.length
  if (found === 'null') return null
  if (found === 'true' || found === 'false') return found === 'true'
  if (!/^-?\.?\d/.test(found)) throw new Error('a value that cannot be read')
  return new RegoNumber(found.replace(/^(-?)\./, '$10.'))
}

function readAll<T>(from: Cursor, end: string, depth: number, each: (element: Value) => T): T[] {
  const all: T[] = []
  for (;;) {
    skipSpace(from)
    if (from.text[from.at] === end) break
    all.push(each(read(from, depth + 1)))
    skipSpace(from)
    if (from.text[from.at] === ',') from.at += 1
  }
  from.at += 1
  return all
}

/** A set has elements, since an empty one is `set()`. */
function readBraces(from: Cursor, depth: number): Value {
  const pairs: Pair[] = []
  const elements = readAll(from, '}', depth, (element) => {
    skipSpace(from)
    if (from.text[from.at] !== ':') return element
    from.at += 1
    pairs.push([element, read(from, depth + 1)])
    return element
  })
  return pairs.length === 0 && elements.length > 0 ? new RegoSet(elements) : new RegoObject(pairs)
}
