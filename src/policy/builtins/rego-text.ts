/** Values in Rego's notation, as the module prints them (`opa_value_dump`): JSON, and sets as `{1, 2}` and `set()`. */
import { compareNumbers } from './number.ts'

/** Where there are elements: an object's are its keys and values in turn. */
type Value =
  | { readonly kind: 'word' | 'number' | 'string'; readonly text: string }
  | { readonly kind: 'array' | 'object' | 'set'; readonly elements: readonly Value[] }

/** As OPA's `sprintf` hands a value to Go. */
export type Operand =
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'float64'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }

const maxDepth = 500

/** The elements of an array; undefined when the value is not an array. */
export function readRegoArray(text: string): readonly Operand[] | undefined {
  const value = read({ tokens: tokensOf(text), at: 0 }, 0)
  return value.kind === 'array' ? value.elements.map(toOperand) : undefined
}

export function readTemplate(text: string): string {
  const parts = read({ tokens: tokensOf(text), at: 0 }, 0)
  const shown = (part: Value): string => (part.kind === 'string' ? part.text : print(part))
  const of = (part: Value): string => {
    if (part.kind !== 'set') return shown(part)
    const [one, other] = part.elements
    if (other !== undefined) throw new Error('a text of several values')
    return one === undefined ? '<undefined>' : shown(one)
  }
  return 'elements' in parts ? parts.elements.map(of).join('') : ''
}

interface Cursor {
  readonly tokens: readonly string[]
  at: number
}

function tokensOf(text: string): readonly string[] {
  return text.match(/"[^"\\]*(?:\\.[^"\\]*)*"|set\(\)|[[\]{},:]|[^\s[\]{}(),:"]+/g) ?? []
}

function read(from: Cursor, depth: number): Value {
  if (depth > maxDepth) throw new Error('a value that is too deep')
  const token = from.tokens[from.at] ?? ''
  from.at += 1
  if (token === '[') return { kind: 'array', elements: readElements(from, ']', depth).elements }
  if (token === '{') {
    const { elements, pairs } = readElements(from, '}', depth)
    // Only `set()` is an empty set.
    return pairs || elements.length === 0 ? { kind: 'object', elements: sortedPairs(elements) } : { kind: 'set', elements: elements.toSorted(compare) }
  }
  if (token === 'set()') return { kind: 'set', elements: [] }
  if (token.startsWith('"')) return { kind: 'string', text: String(JSON.parse(token)) }
  return /^-?\.?\d/.test(token) ? { kind: 'number', text: token } : { kind: 'word', text: token }
}

function readElements(from: Cursor, end: string, depth: number): { readonly elements: Value[]; readonly pairs: boolean } {
  const elements: Value[] = []
  let pairs = false
  while (from.at < from.tokens.length && from.tokens[from.at] !== end) {
    elements.push(read(from, depth + 1))
    const next = from.tokens[from.at]
    if (next === ':') pairs = true
    if (next === ':' || next === ',') from.at += 1
  }
  from.at += 1
  return { elements, pairs }
}

/** The module keeps members in the order of their hashes; OPA's evaluator prints them sorted. */
function sortedPairs(elements: readonly Value[]): readonly Value[] {
  const pairs = elements.flatMap((key, index) => (index % 2 === 0 ? [[key, elements[index + 1] ?? key] as const] : []))
  return pairs.toSorted(([a], [b]) => compare(a, b)).flat()
}

const ranks = { word: 0, number: 1, string: 2, array: 3, object: 4, set: 5 } as const
const words = ['null', 'false', 'true']

/** Rego's order of values: null, booleans, numbers, strings, arrays, objects, sets. */
function compare(a: Value, b: Value): number {
  if (a.kind !== b.kind) return ranks[a.kind] - ranks[b.kind]
  if ('elements' in a && 'elements' in b) {
    for (const [index, element] of a.elements.entries()) {
      const other = b.elements[index]
      if (other === undefined) return 1
      const order = compare(element, other)
      if (order !== 0) return order
    }
    return a.elements.length - b.elements.length
  }
  if (!('text' in a) || !('text' in b)) return 0
  if (a.kind === 'word') return words.indexOf(a.text) - words.indexOf(b.text)
  return a.kind === 'number' ? compareNumbers(a.text, b.text) : Buffer.compare(Buffer.from(a.text), Buffer.from(b.text))
}

function toOperand(value: Value): Operand {
  if (value.kind !== 'number') return { kind: 'string', value: value.kind === 'string' ? value.text : print(value) }
  if (/^-?\d+$/.test(value.text)) return { kind: 'int', value: BigInt(value.text) }
  const number = Number(value.text)
  return Number.isFinite(number) ? { kind: 'float64', value: number } : { kind: 'string', value: value.text }
}

/** As OPA's evaluator prints a value. */
function print(value: Value): string {
  switch (value.kind) {
    case 'word':
    case 'number':
      return value.text
    case 'string':
      return goQuote(value.text)
    case 'array':
      return `[${value.elements.map(print).join(', ')}]`
    case 'set':
      return value.elements.length === 0 ? 'set()' : `{${value.elements.map(print).join(', ')}}`
    case 'object':
      return `{${value.elements.map((element, index) => `${print(element)}${index % 2 === 0 ? ': ' : ', '}`).join('').replace(/, $/, '')}}`
  }
}

const escapes: Readonly<Record<string, string>> = {
  '\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\', '"': '\\"',
}

/** strconv.Quote. */
export function goQuote(text: string): string {
  const body = text.replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    const known = escapes[char]
    if (known !== undefined) return known
    const code = char.codePointAt(0) ?? 0
    if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
  return `"${body}"`
}
