/** Builtins that the module has for numbers in plain digits of up to 64 bits: what they are for those that are written otherwise. */
import { asArray, asInt, asText, asWhole, builtin, noAnswer, type HostBuiltin } from './builtin.ts'
import { number, type Value } from './value.ts'

const mostShifted = 16_384n
const limit = 256 * 1024

const slice = builtin(([array, start, stop], charge) => {
  const all = asArray(array)
  charge(10 * all.length)
  const end = Math.min(Math.max(asInt(stop), 0), all.length)
  const from = Math.min(Math.max(asInt(start), 0), end)
  return all.slice(from, end)
}, limit)

const substring = builtin(([text, offset, length], charge) => {
  const chars = [...asText(text)]
  charge(10 * chars.length)
  const [from, count] = [asInt(offset), asInt(length)]
  if (from < 0) return noAnswer()
  return chars.slice(from, count < 0 ? undefined : from + count).join('')
}, limit)

const bits = (how: (a: bigint, b: bigint) => bigint): HostBuiltin => builtin(([a, b]) => number(how(asWhole(a), asWhole(b))), 4096)

const notNegative = (value: bigint): bigint => (value < 0n ? noAnswer() : value)

function shiftOf(value: bigint): bigint {
  if (value > mostShifted) throw new Error(`a shift by more than ${mostShifted} bits`)
  return notNegative(value)
}

const negate = builtin(([a]): Value => number(~asWhole(a)), 4096)

export const wholeBuiltins = {
  'array.slice': slice,
  substring,
  'bits.and': bits((a, b) => a & b),
  'bits.or': bits((a, b) => a | b),
  'bits.xor': bits((a, b) => a ^ b),
  'bits.lsh': bits((a, b) => a << shiftOf(b)),
  'bits.rsh': bits((a, b) => a >> notNegative(b)),
  'bits.negate': negate,
} satisfies Record<string, HostBuiltin>
