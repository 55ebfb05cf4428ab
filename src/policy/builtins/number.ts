/** Numbers by their digits, since a double holds only some of them. */

const shape = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/
/** An exponent beyond it makes a number whose digits fill memory; OPA's own evaluator refuses such JSON too. */
const maxExponent = 4096

/** `digits` × 10^`exponent`, without zeros at the end. */
interface Decimal {
  readonly digits: bigint
  readonly exponent: number
}

export function decimalOf(text: string): Decimal | undefined {
  const found = shape.exec(text)
  if (found === null) return undefined
  const [, sign = '', whole = '', fraction = '', power = '0'] = found
  const written = (whole + fraction).replace(/^0+(?=\d)/, '')
  if (written === '') return undefined
  let end = written.length
  while (written[end - 1] === '0') end -= 1
  const kept = written.slice(0, end)
  if (kept === '') return { digits: 0n, exponent: 0 }
  const exponent = Number(power) - fraction.length + (written.length - kept.length)
  return { digits: BigInt(kept) * (sign === '-' ? -1n : 1n), exponent }
}

export function compareNumbers(a: string, b: string): number {
  if (a === b) return 0
  const near = Number(a) - Number(b)
  if (near !== 0 && !Number.isNaN(near)) return near
  const one = decimalOf(a)
  const other = decimalOf(b)
  if (one === undefined || other === undefined) return a < b ? -1 : 1
  if (one.digits === 0n || other.digits === 0n || one.digits < 0n !== other.digits < 0n) return sign(one.digits - other.digits)
  const size = magnitude(one) - magnitude(other)
  if (size !== 0) return one.digits < 0n ? -size : size
  const least = Math.min(one.exponent, other.exponent)
  return sign(one.digits * 10n ** BigInt(one.exponent - least) - other.digits * 10n ** BigInt(other.exponent - least))
}

const sign = (value: bigint): number => (value < 0n ? -1 : value > 0n ? 1 : 0)
const magnitude = ({ digits, exponent }: Decimal): number => String(digits < 0n ? -digits : digits).length + exponent

/** The number if it has no fraction; throws for one that is too large to be written out. */
export function wholeOf(text: string): bigint | undefined {
  if (/^-?\d+$/.test(text)) return BigInt(text)
  const decimal = decimalOf(text)
  if (decimal === undefined || decimal.exponent < 0) return undefined
  if (decimal.exponent > maxExponent) throw new Error('a number that is too large')
  return decimal.digits * 10n ** BigInt(decimal.exponent)
}
