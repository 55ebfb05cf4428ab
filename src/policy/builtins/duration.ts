/** Go's time.ParseDuration, and OPA's days, weeks and years besides. */
const units: Readonly<Record<string, bigint>> = {
  ns: 1n, us: 1000n, 'µs': 1000n, 'μs': 1000n, ms: 1_000_000n, s: 1_000_000_000n, m: 60_000_000_000n, h: 3_600_000_000_000n,
}
const hours: Readonly<Record<string, number>> = { d: 24, w: 7 * 24, y: 365 * 24 }
const most = 1n << 63n

/** Nanoseconds; undefined where Go has an error. */
export function parseDuration(text: string): bigint | undefined {
  const plain = /[dwy]/.test(text) ? rewrite(text) : text
  return plain === undefined ? undefined : parse(plain)
}

function rewrite(text: string): string | undefined {
  const [, sign = '', rest = ''] = /^([+-]?)(.+)$/s.exec(text) ?? []
  if (!/^(?:[\d.]+(?:ms|us|µs|ns|[a-z]))+$/.test(rest)) return undefined
  const segments = [...rest.matchAll(/([\d.]+)(ms|us|µs|ns|[a-z])/g)].map(([whole, digits = '', unit = '']) => {
    const factor = Object.hasOwn(hours, unit) ? hours[unit] : undefined
    if (factor === undefined) return whole
    return /^(?:\d+(?:\.\d*)?|\.\d+)$/.test(digits) ? decimal(Number(digits) * factor) : undefined
  })
  return segments.includes(undefined) ? undefined : sign + segments.join('')
}

/** Digits without an exponent, as strconv prints `'f', -1`. */
function decimal(value: number): string {
  return `${value >= 1e21 ? BigInt(value) : /e/.test(String(value)) ? value.toFixed(30).replace(/0+$/, '') : value}h`
}

function parse(text: string): bigint | undefined {
  const [, sign, rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  if (rest === '0') return 0n
  if (!/^(?:(?:\d+(?:\.\d*)?|\.\d+)[^\d.]+)+$/.test(rest)) return undefined
  let sum = 0n
  for (const [, whole = '', fraction = '', unit = ''] of rest.matchAll(/(\d*)\.?(\d*)([^\d.]+)/g)) {
    const size = Object.hasOwn(units, unit) ? units[unit] : undefined
    if (size === undefined || BigInt(whole === '' ? 0 : whole) > most / size) return undefined
    sum += BigInt(whole === '' ? 0 : whole) * size + fractionOf(fraction, Number(size))
    if (sum > most) return undefined
  }
  if (sign === '-') return -sum
  return sum < most ? sum : undefined
}

/** Go takes as many digits as fit 63 bits, and multiplies doubles. */
function fractionOf(digits: string, size: number): bigint {
  let value = 0n
  let scale = 1
  for (const digit of digits) {
    const next = value * 10n + BigInt(digit)
    if (value > (most - 1n) / 10n || next > most) break
    value = next
    scale *= 10
  }
  return BigInt(Math.trunc(Number(value) * (size / scale)))
}
