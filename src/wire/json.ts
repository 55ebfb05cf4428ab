import '../repaired-json.ts'
import { isAscii, isUtf8 } from 'node:buffer'
import { parseExactJson } from '../exact-json.ts'
import type { Json, RawNumber } from '../model.ts'
import { keepSource } from '../printed.ts'
import { hasTwins } from './fold.ts'
import { scanText } from './scan.ts'
import type { OddNumber } from './scan.ts'

export { printJson } from '../printed.ts'

export type JsonProblemCode =
  | 'too_large'
  | 'bom'
  | 'not_utf8'
  | 'too_deep'
  | 'not_json'
  | 'number_range'
  | 'duplicate_key'
  | 'forbidden_key'
  | 'twin_keys'
  | 'lone_surrogate'

export interface JsonProblem {
  readonly code: JsonProblemCode
  /** What was expected; never a piece of what was sent. */
  readonly message: string
}
export interface ReadOptions {
  readonly maxBytes: number
  readonly maxDepth: number
  /** `anywhere`: no object may have two names that differ in case only. */
  readonly twins: 'anywhere' | 'none'
}
export type JsonReading = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly problem: JsonProblem }

type Parsed = { [key: string]: unknown } | unknown[]

type SourceReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

/**
 * What is accepted here means the same to every reader of JSON behind the gateway. RFC 8259 section 4 leaves open what a repeated
 * name means, and RFC 7493 lists what else readers disagree about. `JSON.parse` builds the value; a scan of the text finds what
 * the value hides. Numbers keep their source text, so that printing gives back what was read.
 */
export function readJson(bytes: Uint8Array, options: ReadOptions): JsonReading {
  if (bytes.length > options.maxBytes) return problem('too_large', `expected at most ${options.maxBytes} bytes of JSON`)
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return problem('bom', 'expected JSON without a byte order mark')
  const isPlain = isAscii(bytes)
  if (!isPlain && !isUtf8(bytes)) return problem('not_utf8', 'expected valid UTF-8')
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const latin = buffer.toString('latin1')

  const scan = scanText(buffer, latin, options.maxDepth)
  if (scan === 'too_deep') return problem('too_deep', `expected at most ${options.maxDepth} levels of nesting`)
  if (scan === 'number_range') return problem('number_range', 'expected numbers that a double can hold')

  const text = isPlain ? latin : buffer.toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return problem('not_json', 'expected exactly one JSON text and nothing after it')
  }
  const members = countMembers(value)
  if (members < 0) return problem('forbidden_key', 'expected no member named __proto__')
  if (members !== scan.members) return problem('duplicate_key', 'expected every member name once in an object')
  // Text that is valid UTF-8 has lone surrogates only as escapes.
  if (latin.includes('\\') && !isWellFormed(value)) return problem('lone_surrogate', 'expected no lone surrogates in strings')
  if (options.twins === 'anywhere' && hasTwins(value)) {
    return problem('twin_keys', 'expected no two names in an object that differ in case only')
  }
  const read = scan.odd.length === 0 ? value : keepSources(value, text, scan.odd)
  if (scan.inner !== undefined) keepInner(read, cutOf(text, buffer, scan.inner))
  return { ok: true, value: read as Json }
}

/** What a message is about is the only object or array in it. */
function keepInner(value: unknown, text: string): void {
  for (const member of Object.values(value as object)) if (typeof member === 'object' && member !== null && !isRawNumber(member)) keepSource(member, text)
}

/** The characters of a text that these bytes of it are. */
function cutOf(text: string, bytes: Buffer, { start, end }: { readonly start: number; readonly end: number }): string {
  if (text.length === bytes.length) return text.slice(start, end)
  return text.slice(bytes.toString('utf8', 0, start).length, text.length - bytes.toString('utf8', end).length)
}

/**
 * A text inside a message, as `JSON.parse` reads it, with the sources of its numbers; undefined where it is no JSON. It is what a
 * server wrote for who knows what reader: nothing is refused here.
 */
export function readText(text: string): Json | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    if (cause instanceof RangeError) throw cause // JSON, nested too deeply
    return undefined
  }
  const bytes = utf8Of(text)
  const scan = scanText(bytes, bytes.length === text.length ? text : bytes.toString('latin1'), Infinity)
  if (typeof scan !== 'string') {
    if (scan.odd.length === 0) return value as Json
    if (countMembers(value) === scan.members) return keepSources(value, text, scan.odd) as Json
  }
  // a number that no double can hold, or a name that is repeated
  return parseExactJson(text) as Json
}

let room = Buffer.allocUnsafeSlow(64 * 1024)
const MOST_ROOM = 4 * 1024 * 1024

/** Good until the next call: making room for every text would cost more than all that is done with it. */
function utf8Of(text: string): Buffer {
  const most = text.length * 3
  if (most > MOST_ROOM) return Buffer.from(text)
  if (most > room.length) room = Buffer.allocUnsafeSlow(Math.min(2 * most, MOST_ROOM))
  return room.subarray(0, room.write(text))
}

export function isRawNumber(value: unknown): value is RawNumber {
  return JSON.isRawJSON(value)
}

/** A number that prints as `source`: a plain one wherever that prints the same. */
function numberOf(source: string): number | RawNumber {
  const value = Number(source)
  return JSON.stringify(value) === source ? value : JSON.rawJSON(source)
}

function problem(code: JsonProblemCode, message: string): JsonReading {
  return { ok: false, problem: { code, message } }
}

/** The number of members of all objects, or negative where one is named `__proto__`. A repeated name leaves fewer than were written. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i]
      if (typeof item !== 'object' || item === null) continue
      const below = countMembers(item)
      if (below < 0) return -1
      members += below
    }
    return members
  }
  const object = value as { readonly [key: string]: unknown }
  for (const key in object) {
    if (key === '__proto__') return -1
    members++
    const item = object[key]
    if (typeof item !== 'object' || item === null) continue
    const below = countMembers(item)
    if (below < 0) return -1
    members += below
  }
  return members
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isWellFormed(value[i])) return false
    return true
  }
  for (const key in value) if (!key.isWellFormed() || !isWellFormed((value as { readonly [key: string]: unknown })[key])) return false
  return true
}

/** Puts each odd number's source in its place: the numbers of the value come in the order of the text, unless a name is an index. */
function keepSources(value: unknown, text: string, odd: readonly OddNumber[]): unknown {
  let ordinal = 0
  let next = 0
  let inOrder = true
  const visit = (node: Parsed): void => {
    const keys = Array.isArray(node) ? node.keys() : Object.keys(node)
    for (const key of keys as Iterable<never>) {
      // Names such as "7" are moved to the front of their object by every JavaScript engine.
      if (typeof key === 'string' && isIndex(key)) inOrder = false
      if (!inOrder || next === odd.length) return
      const item: unknown = node[key]
      if (typeof item === 'number') {
        const found = odd[next] as OddNumber
        if (ordinal++ === found.ordinal) {
          node[key] = JSON.rawJSON(found.source) as never
          next++
        }
      } else if (typeof item === 'object' && item !== null) visit(item as Parsed)
    }
  }
  const holder = [value]
  visit(holder)
  if (inOrder) return holder[0]
  const revive: SourceReviver = (_key, item, { source }) => (typeof item === 'number' && source !== undefined ? numberOf(source) : item)
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown) // the third argument is not in TypeScript's library yet
}

function isIndex(name: string): boolean {
  const first = name.charCodeAt(0)
  return first >= 0x30 && first <= 0x39
}
