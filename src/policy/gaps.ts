/**
 * What the module's own builtins do not answer as OPA's own evaluator does, and of which operands. For all others the module
 * goes on by itself, so these are asked at each call and look at little.
 */
import { hasOddPath } from './builtins/json-paths.ts'
import type { Values } from './regex-host.ts'
import { detourIds } from './regex-detour.ts'

interface Host {
  /** In Rego's notation. */
  print(address: number): string
  charge(fuel: number): void
  isOddPattern(address: number): boolean
}
/** By the addresses of the operands. */
type Asked = (values: Values, operands: readonly number[], host: Host) => boolean

interface Gap {
  /** Of a builtin of the host, which answers; there is no answer where it has no name. */
  readonly name?: string
  /** Whether the gap is met: always when left out. */
  readonly is?: Asked
}

const hasOddNumber: Asked = (values, operands) => operands.some(values.isOddNumber)
const oddSearch: Asked = (values, [pattern, , limit], { isOddPattern }) => {
  if (pattern === undefined || limit === undefined) return false
  if (values.isOddNumber(limit) || isOddPattern(pattern)) return true
  const most = values.numberAt(limit) ?? ''
  return most.startsWith('-') && most !== '-1'
}
const oddPaths: Asked = (_values, [, paths], { print }) => paths !== undefined && hasOddPath(print(paths))

export const gaps: ReadonlyMap<number, Gap> = new Map<number, Gap>([
  [detourIds.isBase64, { name: 'base64.is_valid' }],
  [detourIds.contains, { name: 'net.cidr_contains' }],
  [detourIds.intersects, { name: 'net.cidr_intersects' }],
  [detourIds.marshal, { name: 'json.marshal' }],
  [detourIds.isJson, { name: 'json.is_valid' }],
  // Values with others in them have an order within a text, and their texts are quoted.
  [detourIds.template, { name: 'internal.template_string', is: (_values, [parts], { print }) => parts !== undefined && /\{(?:[[{]|set\(\))/.test(print(parts)) }],
  [detourIds.unionN, { name: 'object.union_n', is: (values, [objects]) => objects !== undefined && (values.isSet(objects) || values.isEmptyArray(objects)) }],
  // Only a set has another order there.
  [detourIds.concat, { name: 'concat', is: (values, [, texts]) => texts !== undefined && values.isSet(texts) }],
  [detourIds.submatch, { name: 'regex.find_all_string_submatch_n', is: oddSearch }],
  [detourIds.filter, { name: 'json.filter', is: oddPaths }],
  [detourIds.remove, { name: 'json.remove', is: oddPaths }],
  [detourIds.slice, { name: 'array.slice', is: hasOddNumber }],
  [detourIds.substring, { name: 'substring', is: hasOddNumber }],
  [detourIds.and, { name: 'bits.and', is: hasOddNumber }],
  [detourIds.or, { name: 'bits.or', is: hasOddNumber }],
  [detourIds.xor, { name: 'bits.xor', is: hasOddNumber }],
  [detourIds.negate, { name: 'bits.negate', is: hasOddNumber }],
  [detourIds.shiftLeft, { name: 'bits.lsh', is: hasOddNumber }],
  [detourIds.shiftRight, { name: 'bits.rsh', is: hasOddNumber }],
  [detourIds.glob, { is: (values, [pattern], { charge }) => pattern !== undefined && isUnclosed(values.bytesAt(pattern), charge) }],
  [detourIds.indexOf, { is: (values, [, part]) => part !== undefined && values.isEmptyText(part) }],
  [detourIds.toNumber, { is: (values, [text], { charge }) => text !== undefined && isOddlyWritten(values.lettersAt(text), charge) }],
])

/** No double is that large, or what is written is no number. */
function isOddlyWritten(text: string | undefined, charge: Host['charge']): boolean {
  if (text === undefined) return false
  charge(text.length / 2)
  return !/^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) || !Number.isFinite(Number(text))
}

const [brace, backslash] = [0x7b, 0x5c]
const pieces = /\\(?:[^]|$)|\[!?(?:[^]-[^]\]|(?:\\[^]|[^\]\\])*(?:\]|\\?$))|[{}]/gu

/** Whether a group of a glob is left open, or a backslash stands at its end; a brace in a class or behind a backslash opens none. */
function isUnclosed(pattern: Buffer | undefined, charge: Host['charge']): boolean {
  if (pattern === undefined || (pattern.at(-1) !== backslash && !pattern.includes(brace))) return false
  charge(pattern.length)
  let level = 0
  for (const [piece] of pattern.toString().matchAll(pieces)) {
    if (piece === '\\') return true
    if (piece === '{') level += 1
    else if (piece === '}' && level > 0) level -= 1
  }
  return level > 0
}
