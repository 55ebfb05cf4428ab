/** Reading times that the input holds. There is no clock, and no zone but UTC: the table of zones differs between hosts. */
import { textOf, type HostBuiltin } from './builtin.ts'

const perMilli = 1_000_000n
const maxNanos = 2n ** 63n - 1n
const pattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(?:Z|[+-]\d\d:\d\d)$/

const parse: HostBuiltin = {
  reads: 'json',
  maxBytes: 1024,
  run(operands) {
    const nanos = nanosOf(textOf(operands[0]) ?? '')
    return nanos === undefined || nanos > maxNanos || nanos < -maxNanos - 1n ? undefined : String(nanos)
  },
}

function nanosOf(text: string): bigint | undefined {
  const found = pattern.exec(text)
  if (found === null) return undefined
  const fraction = (found[1] ?? '.').slice(1)
  const whole = found[1] === undefined ? text : text.replace(found[1], '')
  const day = new Date(`${whole.slice(0, 10)}T00:00:00Z`)
  // `Date` reads 30 February as March and 24:00 as the next day; RFC 3339 section 5.6 knows neither.
  const real = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(whole.slice(0, 10)) && Number(whole.slice(11, 13)) < 24
  const millis = Date.parse(whole)
  if (!real || Number.isNaN(millis)) return undefined
  return BigInt(millis) * perMilli + BigInt(fraction.slice(0, 9).padEnd(9, '0') || '0')
}

function ofInstant(answer: (date: Date) => unknown): HostBuiltin {
  return {
    reads: 'json',
    maxBytes: 1024,
    run([operand]) {
      const [instant, zone] = /^\[\s*(-?\d+)\s*,\s*"(.*)"\s*\]$/s.exec(operand ?? '')?.slice(1) ?? [operand ?? '', '']
      if (zone !== '' && zone !== 'UTC') throw new Error('a time zone other than UTC')
      if (instant === undefined || !/^-?\d{1,19}$/.test(instant)) return undefined
      const nanos = BigInt(instant)
      if (nanos > maxNanos || nanos < -maxNanos - 1n) return undefined
      const millis = nanos / perMilli - (nanos < 0n && nanos % perMilli !== 0n ? 1n : 0n)
      return JSON.stringify(answer(new Date(Number(millis))))
    },
  }
}

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const

export const timeBuiltins = {
  'time.parse_rfc3339_ns': parse,
  'time.clock': ofInstant((date) => [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]),
  'time.date': ofInstant((date) => [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]),
  'time.weekday': ofInstant((date) => days[date.getUTCDay()]),
} satisfies Record<string, HostBuiltin>
