/** The host's end of the detours that read texts where they lie: see `regex-detour.ts`. */
import type { Charge } from './builtins/builtin.ts'
import { isOdd } from './builtins/pattern.ts'
import { layout } from './detour-guards.ts'
import type { KnownPattern, KnownPatterns } from './known-patterns.ts'
import { isAscii, type ModuleMemory } from './module-memory.ts'
import { undefinedAnswer } from './regex-detour.ts'

export interface ValueExports {
  opa_malloc(size: number): number
  opa_json_parse(address: number, length: number): number
}
export interface RegexHost {
  /** The address of the answer, or 0 where the module must find it. */
  isValid(pattern: number): number
  match(pattern: number, text: number): number
  /** Whether the module may read the pattern otherwise than OPA's own evaluator. */
  isOdd(pattern: number): boolean
  /** An empty text is what nothing decodes to, which the module does not find; else as `guard`. */
  decode(text: number, holds: (text: string) => boolean): number
  /** 0 where the module may answer, which it may not where the text does not hold; then there is no answer. */
  guard(text: number, holds: (text: string) => boolean): number
  /** Values below this address stay as they are: a pattern there is read once. */
  keepBelow(address: number): void
}
/** Values as they lie in a module's memory. */
export interface Values {
  parse(json: string): number
  /** The bytes of a text, where they lie; undefined for what is no text. */
  bytesAt(address: number): Buffer | undefined
  /** The same bytes as a text, each a letter of it. */
  lettersAt(address: number): string | undefined
  /** Undefined for what is no text, is long, or is not ASCII: how such texts are searched is the module's affair. */
  textAt(address: number): string | undefined
  isTrue(address: number): boolean
  /** As it is written; undefined for what is no number. */
  numberAt(address: number): string | undefined
  /** A number that is not written in at most 18 plain digits. */
  isOddNumber(address: number): boolean
  isEmptyText(address: number): boolean
  isSet(address: number): boolean
  isEmptyArray(address: number): boolean
}

const [minus, zero, nine] = [0x2d, 0x30, 0x39]
const mostDigits = 18
const longest = 16 * 1024

export function createValues({ bytes }: ModuleMemory, exports: ValueExports): Values {
  return {
    parse(json) {
      const length = Buffer.byteLength(json)
      const at = exports.opa_malloc(length)
      bytes().write(json, at, 'utf8')
      return exports.opa_json_parse(at, length)
    },
    textAt(address) {
      const all = bytes()
      if (!isOf(layout.strings, all[address])) return undefined
      const length = all.readUInt32LE(address + layout.length)
      if (length > longest) return undefined
      const from = all.readUInt32LE(address + layout.bytes)
      const text = all.toString('latin1', from, from + length)
      return isAscii(text) ? text : undefined
    },
    bytesAt(address) {
      const all = bytes()
      if (!isOf(layout.strings, all[address])) return undefined
      const from = all.readUInt32LE(address + layout.bytes)
      return all.subarray(from, from + all.readUInt32LE(address + layout.length))
    },
    lettersAt(address) {
      const all = bytes()
      if (!isOf(layout.strings, all[address])) return undefined
      const from = all.readUInt32LE(address + layout.bytes)
      return all.toString('latin1', from, from + all.readUInt32LE(address + layout.length))
    },
    isSet: (address) => bytes()[address] === layout.set,
    isEmptyArray: (address) => bytes()[address] === layout.array && bytes().readUInt32LE(address + layout.elements) === 0,
    isOddNumber(address) {
      const all = bytes()
      if (all[address] !== layout.number || all[address + layout.form] !== layout.written) return false
      const from = all.readUInt32LE(address + layout.bytes)
      const end = from + all.readUInt32LE(address + layout.bytes + 4)
      const first = all[from] === minus ? from + 1 : from
      if (end - first > mostDigits || end === first || (all[first] === zero && end - from > 1)) return true
      for (let at = first; at < end; at += 1) if (!isDigit(all[at] ?? 0)) return true
      return false
    },
    isEmptyText(address) {
      const all = bytes()
      return isOf(layout.strings, all[address]) && all.readUInt32LE(address + layout.length) === 0
    },
    numberAt(address) {
      const all = bytes()
      if (all[address] !== layout.number) return undefined
      if (all[address + layout.form] !== layout.written) return String(all.readBigInt64LE(address + layout.bytes))
      const from = all.readUInt32LE(address + layout.bytes)
      return all.toString('latin1', from, from + all.readUInt32LE(address + layout.bytes + 4))
    },
    isTrue: (address) => isOf(layout.booleans, bytes()[address]) && bytes()[address + layout.truth] === 1,
  }
}

/**
 * Made before anything else takes memory, so that its two answers stay where they are. Where values do not lie as they should,
 * the module answers everything itself.
 */
export function createRegexHost({ parse, textAt, lettersAt, isTrue }: Values, patterns: KnownPatterns, charge: Charge): RegexHost {
  const yes = parse('true')
  const no = parse('false')
  const empty = parse('""')
  if (!isTrue(yes) || isTrue(no) || textAt(parse('"a sample"')) !== 'a sample') return { isValid: () => 0, match: () => 0, isOdd: () => false, decode: () => 0, guard: () => 0, keepBelow: () => {} }
  const kept = new Map<number, KnownPattern | undefined>()
  let stable = 0
  const meaningOf = (text: string, address: number): KnownPattern | undefined => {
    const { pattern, fuel, first } = patterns.find(text, address >= stable)
    charge(fuel)
    if (address >= stable) charge.once(`new pattern ${text}`, first)
    return pattern
  }
  const patternAt = (address: number): KnownPattern | undefined => {
    const before = kept.get(address)
    if (before !== undefined || kept.has(address)) return before
    const text = textAt(address)
    const pattern = text === undefined ? undefined : meaningOf(text, address)
    if (address < stable) kept.set(address, pattern)
    return pattern
  }
  const guard: RegexHost['guard'] = (address, holds) => {
    const letters = lettersAt(address)
    if (letters === undefined) return 0
    charge(letters.length / 4)
    return holds(letters) ? 0 : undefinedAnswer
  }
  return {
    guard,
    isOdd(address) {
      const text = lettersAt(address) ?? ''
      // Between the bytes of one letter `\B` holds in the module.
      charge(text.length / 10)
      return isOdd(text) && (text.includes('\\B') || !isAscii(text) || meaningOf(text, address) === undefined)
    },
    decode(address, holds) {
      const guarded = guard(address, holds)
      return guarded === 0 && isBlank(lettersAt(address)) ? empty : guarded
    },
    keepBelow(address) {
      stable = address
    },
    isValid(address) {
      const text = textAt(address)
      if (text === undefined) return 0
      charge(text.length)
      return meaningOf(text, address) === undefined ? 0 : yes
    },
    match(first, second) {
      const pattern = patternAt(first)
      const text = pattern === undefined ? undefined : textAt(second)
      if (pattern === undefined || text === undefined) return 0
      const fuel = pattern.fuelFor(text)
      if (fuel === undefined) return 0
      charge(fuel)
      return pattern.isIn(text) ? yes : no
    },
  }
}

/** Line ends are left out before base 64 is decoded. */
const isBlank = (text: string | undefined): boolean => text !== undefined && /^[\r\n]*$/.test(text)
const isDigit = (byte: number): boolean => byte >= zero && byte <= nine
const isOf = (types: readonly number[], type: number | undefined): boolean => type !== undefined && types.includes(type)
