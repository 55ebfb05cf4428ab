export interface OddNumber {
  /** How many numbers stand before it in the text. */
  readonly ordinal: number
  readonly source: string
}
export interface TextScan {
  /** Members written, counted by their colons. */
  readonly members: number
  /** Numbers that would not print as they are written. */
  readonly odd: readonly OddNumber[]
  /** Where the only object or array one level below the top stands, in bytes. */
  readonly inner: { readonly start: number; readonly end: number } | undefined
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** A string's end is looked for step by step first, since most are short, then by a jump. */
const NEAR = 12
const STEP = 32
const NONE: readonly OddNumber[] = []

/**
 * One pass over a text in the lexis of RFC 8259, given as its bytes and as a string with one character per byte. It leaves to
 * `JSON.parse` what is not JSON; in a text that `JSON.parse` accepts, it sees exactly the tokens that `JSON.parse` saw.
 */
export function scanText(bytes: Uint8Array, text: string, maxDepth: number): TextScan | 'too_deep' | 'number_range' {
  const end = bytes.length
  const escapes = text.includes('\\')
  let members = 0
  let numbers = 0
  let depth = 0
  let odd: OddNumber[] | undefined
  let inners = 0
  let start = 0
  let stop = 0
  let i = 0
  while (i < end) {
    const c = bytes[i] as number
    if (c === QUOTE) {
      i = escapes ? closingQuote(bytes, text, i + 1) : nextQuote(bytes, text, i + 1)
      if (i < 0) break
      i++
    } else if (c >= 0x30 ? c <= 0x39 : c === 0x2d) {
      const from = i
      let point = 0
      let exponent = false
      let d = bytes[++i] as number
      for (; (d >= 0x30 && d <= 0x39) || d === 0x2e || (d | 0x20) === 0x65 || d === 0x2b || d === 0x2d; d = bytes[++i] as number) {
        if (d === 0x2e) point = i
        else if (d > 0x39) exponent = true
      }
      if (exponent || !survives(bytes, from, point, i)) {
        const source = text.slice(from, i)
        const value = Number(source)
        if (value === Infinity || value === -Infinity) return 'number_range'
        if (String(value) !== source) (odd ??= []).push({ ordinal: numbers, source })
      }
      numbers++
    } else {
      if (c === 0x3a) members++
      else if (c === 0x7b || c === 0x5b) {
        if (++depth > maxDepth) return 'too_deep'
        if (depth === 2 && inners++ === 0) start = i
      } else if (c === 0x7d || c === 0x5d) {
        if (depth-- === 2) stop = i + 1
      }
      i++
    }
  }
  return { members, odd: odd ?? NONE, inner: inners === 1 ? { start, end: stop } : undefined }
}

function nextQuote(bytes: Uint8Array, text: string, from: number): number {
  let i = from
  for (const near = from + NEAR; i < near; i++) if (bytes[i] === QUOTE) return i
  return text.indexOf('"', i)
}

/** The first quote from `from` on that is not escaped, or -1. */
function closingQuote(bytes: Uint8Array, text: string, from: number): number {
  let i = from
  while (i < bytes.length) {
    for (const near = i + STEP; i < near; i++) {
      const c = bytes[i]
      if (c === QUOTE) return i
      if (c === BACKSLASH) i++
    }
    const quote = text.indexOf('"', i)
    if (quote < 0) return -1
    let slashes = 0
    while (quote - slashes > i && bytes[quote - slashes - 1] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return quote
    i = quote + 1
  }
  return -1
}

/**
 * True for what any double prints as it is written: ECMA-262 Number::toString prints the shortest digits that read back, and
 * up to 15 digits always read back. Zeros at the end of a fraction and tiny fractions are left to the slow comparison.
 */
function survives(bytes: Uint8Array, start: number, point: number, end: number): boolean {
  if (end - start > 15) return false
  const first = bytes[start] === 0x2d ? start + 1 : start
  if (point === 0) return first === start || bytes[first] !== 0x30
  return bytes[end - 1] !== 0x30 && (bytes[first] !== 0x30 || bytes[point + 1] !== 0x30)
}
