/** Quantities with a unit, exactly: fractions of whole numbers, and for bytes Go's floats of 64 bits. */
import { asText, builtin, noAnswer, type HostBuiltin } from './builtin.ts'
import { decimalOf } from './number.ts'
import { number, type Value } from './value.ts'

interface Fraction {
  readonly over: bigint
  readonly under: bigint
}

const maxExponent = 4096
const powers = ['k', 'm', 'g', 't', 'p', 'e'] as const
const decimal = new Map(powers.map((letter, index) => [letter, 1000n ** BigInt(index + 1)]))
const binary = new Map(powers.map((letter, index) => [`${letter}i`, 1024n ** BigInt(index + 1)]))
/** OPA takes 0.001 from a double, whose value this is. */
const milli: Fraction = { over: 1152921504606847n, under: 1n << 60n }

function split(text: string): readonly [amount: string, unit: string] {
  if (text.includes(' ')) noAnswer()
  const found = /^(?:[\d.+-]|[eE](?=[\d+-])[+-]?(?:\d{0,6}(?!\d)|(\d+)))*/.exec(text)
  if (found?.[1] !== undefined) noAnswer()
  const amount = found?.[0] ?? ''
  return amount === '' ? noAnswer() : [amount, text.slice(amount.length)]
}

function fractionOf(amount: string): Fraction {
  const read = decimalOf(amount) ?? noAnswer()
  if (Math.abs(read.exponent) > maxExponent) throw new Error('a quantity that is too large')
  const scale = 10n ** BigInt(Math.abs(read.exponent))
  return read.exponent < 0 ? { over: read.digits, under: scale } : { over: read.digits * scale, under: 1n }
}

/** Of letters after the first the case does not matter, which tells milli from mega. */
function siUnit(unit: string): Fraction {
  const written = unit.slice(0, 1) + unit.slice(1).toLowerCase()
  if (written === '') return { over: 1n, under: 1n }
  if (written === 'm') return milli
  return { over: decimal.get(written.toLowerCase() as never) ?? binary.get(written.toLowerCase()) ?? noAnswer(), under: 1n }
}

function parse(text: string): Value {
  const [amount, unit] = split(text.replaceAll('"', ''))
  const scale = siUnit(unit)
  const value = fractionOf(amount)
  const over = value.over * scale.over
  const under = value.under * scale.under
  if (over % under === 0n) return number(over / under)
  // Rat.FloatString(10): halves away from zero.
  const places = 10n ** 10n
  const magnitude = ((over < 0n ? -over : over) * places * 2n + under) / (under * 2n)
  return number(`${over < 0n ? '-' : ''}${magnitude / places}.${String(magnitude % places).padStart(10, '0')}`)
}

function byteUnit(unit: string): bigint {
  if (unit === '') return 1n
  const short = unit.endsWith('b') ? unit.slice(0, -1) : unit
  return decimal.get(short as never) ?? binary.get(short) ?? noAnswer()
}

/** The nearest fraction with 64 significant bits, as big.Float rounds: halves to even. */
function rounded({ over, under }: Fraction): Fraction {
  if (over === 0n) return { over, under: 1n }
  const magnitude = over < 0n ? -over : over
  const shift = 64 - (magnitude.toString(2).length - under.toString(2).length)
  const top = shift > 0 ? magnitude << BigInt(shift) : magnitude
  const bottom = shift < 0 ? under << BigInt(-shift) : under
  const extra = top / bottom >= 1n << 64n ? 1n : 0n
  const divisor = bottom << extra
  const half = (top * 2n) / divisor
  const exact = (top * 2n) % divisor === 0n
  const down = half >> 1n
  const mantissa = half % 2n === 0n || (exact && down % 2n === 0n) ? down : down + 1n
  const scale = BigInt(shift) - extra
  const sign = over < 0n ? -1n : 1n
  return scale > 0n ? { over: sign * mantissa, under: 1n << scale } : { over: sign * (mantissa << -scale), under: 1n }
}

function parseBytes(text: string): Value {
  const [amount, unit] = split(text.toLowerCase().replaceAll('"', ''))
  const scale = byteUnit(unit)
  const value = rounded(fractionOf(amount))
  const { over, under } = rounded({ over: value.over * scale, under: value.under })
  return number(over / under)
}

const maxBytes = 1024

export const unitBuiltins = {
  'units.parse': builtin(([text]) => parse(asText(text)), maxBytes),
  'units.parse_bytes': builtin(([text]) => parseBytes(asText(text)), maxBytes),
} satisfies Record<string, HostBuiltin>
