/** The host's end of the detour of `regex.match` and `regex.is_valid`: see `regex-detour.ts`. */
import type { KnownPatterns } from './known-patterns.ts'

export interface ValueExports {
  opa_malloc(size: number): number
  opa_json_parse(address: number, length: number): number
}
export interface RegexHost {
  /** The address of the answer, or 0 where the module must find it. */
  isValid(pattern: number): number
  match(pattern: number, text: number): number
}
/** Values as they lie in a module's memory. */
export interface Values {
  parse(json: string): number
  /** Undefined for what is no text, is long, or is not ASCII: how such texts are searched is the module's affair. */
  textAt(address: number): string | undefined
  isTrue(address: number): boolean
}

/** Strings and booleans of OPA's runtime, made by the module or interned: the type in the first byte, then what follows here. */
const layout = { booleans: [2, 9], strings: [4, 8], truth: 1, length: 4, bytes: 8 } as const
const longest = 16 * 1024

export function createValues(memory: WebAssembly.Memory, exports: ValueExports): Values {
  let view = Buffer.from(memory.buffer)
  // The buffer is another one once the memory has grown.
  const bytes = (): Buffer => (view.length === memory.buffer.byteLength ? view : (view = Buffer.from(memory.buffer)))
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
    isTrue: (address) => isOf(layout.booleans, bytes()[address]) && bytes()[address + layout.truth] === 1,
  }
}

/**
 * Made before anything else takes memory, so that its two answers stay where they are. Where values do not lie as they should,
 * the module answers everything itself.
 */
export function createRegexHost({ parse, textAt, isTrue }: Values, patterns: KnownPatterns, charge: (fuel: number) => void): RegexHost {
  const yes = parse('true')
  const no = parse('false')
  if (!isTrue(yes) || isTrue(no) || textAt(parse('"a sample"')) !== 'a sample') return { isValid: () => 0, match: () => 0 }
  return {
    isValid(address) {
      const pattern = textAt(address)
      if (pattern === undefined) return 0
      charge(pattern.length)
      return patterns.isGood(pattern) ? yes : 0
    },
    match(first, second) {
      const pattern = textAt(first)
      const text = textAt(second)
      if (pattern === undefined || text === undefined) return 0
      const done = patterns.search(pattern, text)
      if (done === undefined) return 0
      charge(pattern.length + text.length + done.fuel)
      return done.found ? yes : no
    },
  }
}

const isOf = (types: readonly number[], type: number | undefined): boolean => type !== undefined && types.includes(type)
const isAscii = (text: string): boolean => !/[\x80-\xff]/.test(text)
