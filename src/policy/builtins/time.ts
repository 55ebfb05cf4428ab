/** Times that the policy or its input gives. There is no clock. */
import { asInt, asText, asWhole, builtin, noAnswer, type HostBuiltin } from './builtin.ts'
import { civilOf, daysIn, secondsOf, weekdays } from './calendar.ts'
import { parseDuration } from './duration.ts'
import { format, named, rfc3339 } from './layout.ts'
import { parseTime } from './layout-parse.ts'
import { isArray, number, type Value } from './value.ts'
import { utc, zoneOf, type Zone } from './zone.ts'

const perSecond = 1_000_000_000n
const maxBytes = 4096

interface Instant {
  readonly seconds: number
  readonly nanos: number
  readonly zone: Zone
  readonly layout: string
}

/** What fits 64 bits of nanoseconds, which ends in 2262. */
function nanosOf(value: bigint | undefined): Value {
  return value === undefined || BigInt.asIntN(64, value) !== value ? noAnswer() : number(value)
}

/** A number, or an array of a number, a zone and a layout. */
function instantOf(value: Value | undefined): Instant {
  const [nanos, zone, layout] = isArray(value) ? value : [value]
  const whole = asWhole(nanos)
  nanosOf(whole)
  const seconds = whole / perSecond - (whole % perSecond < 0n ? 1n : 0n)
  return {
    seconds: Number(seconds),
    nanos: Number(whole - seconds * perSecond),
    zone: zone === undefined ? utc : (zoneOf(asText(zone)) ?? noAnswer()),
    layout: layout === undefined ? '' : asText(layout),
  }
}

const civilAt = ({ seconds, zone }: Instant): ReturnType<typeof civilOf> => civilOf(seconds + zone.at(seconds).offset)

const numbers = (...values: readonly number[]): Value => values.map(number)

function formatTime(value: Value | undefined): Value {
  const instant = instantOf(value)
  const { name, offset } = instant.zone.at(instant.seconds)
  const layout = instant.layout === '' ? 'RFC3339Nano' : instant.layout
  return format(layoutOf(layout), { civil: civilAt(instant), nanos: instant.nanos, zone: name, offset })
}

const layoutOf = (text: string): string => (Object.hasOwn(named, text) ? (named[text] ?? text) : text)

/** Local time; an hour that a zone skips or repeats is read with the offset that holds before it (Go's time.Date). */
function addDate(value: Value | undefined, years: number, months: number, days: number): Value {
  const instant = instantOf(value)
  const { year, month, day, hour, minute, second } = civilAt(instant)
  const most = 1_000_000
  if ([years, months, days].some((count) => Math.abs(count) > most)) return noAnswer()
  const local = secondsOf({ year: year + years, month: month + months, day: day + days, hour, minute, second })
  const guess = instant.zone.at(local)
  const moved = local - guess.offset
  const offset = guess.offset !== 0 && (moved < guess.from || moved >= guess.until) ? instant.zone.at(moved).offset : guess.offset
  return nanosOf(BigInt(local - offset) * perSecond + BigInt(instant.nanos))
}

/** Years, months, days, hours, minutes and seconds between two times, in the zone of the first. */
function difference(one: Value | undefined, other: Value | undefined): Value {
  const a = instantOf(one)
  const b = { ...instantOf(other), zone: a.zone }
  const isLater = a.seconds > b.seconds || (a.seconds === b.seconds && a.nanos > b.nanos)
  const [from, to] = (isLater ? [b, a] : [a, b]).map((instant) => civilAt(instant)) as [ReturnType<typeof civilOf>, ReturnType<typeof civilOf>]
  const parts = [to.year - from.year, to.month - from.month, to.day - from.day, to.hour - from.hour, to.minute - from.minute, to.second - from.second]
  const sizes = [Infinity, 12, daysIn(from.year, from.month), 24, 60, 60]
  for (let index = parts.length - 1; index > 0; index -= 1) {
    if ((parts[index] ?? 0) >= 0) continue
    parts[index] = (parts[index] ?? 0) + (sizes[index] ?? 0)
    parts[index - 1] = (parts[index - 1] ?? 0) - 1
  }
  return numbers(...parts)
}

function ofInstant(answer: (civil: ReturnType<typeof civilOf>) => Value): HostBuiltin {
  return builtin(([value]) => answer(civilAt(instantOf(value))), maxBytes)
}

export const timeBuiltins = {
  'time.add_date': builtin(([value, years, months, days]) => addDate(value, asInt(years), asInt(months), asInt(days)), maxBytes),
  'time.clock': ofInstant(({ hour, minute, second }) => numbers(hour, minute, second)),
  'time.date': ofInstant(({ year, month, day }) => numbers(year, month, day)),
  'time.diff': builtin(([one, other]) => difference(one, other), maxBytes),
  'time.format': builtin(([value]) => formatTime(value), maxBytes),
  'time.parse_duration_ns': builtin(([text]) => number(parseDuration(asText(text)) ?? noAnswer()), maxBytes),
  'time.parse_ns': builtin(([layout, text]) => nanosOf(parseTime(layoutOf(asText(layout)), asText(text))), maxBytes),
  'time.parse_rfc3339_ns': builtin(([text]) => nanosOf(parseTime(rfc3339, asText(text))), maxBytes),
  'time.weekday': ofInstant(({ weekday }) => weekdays[weekday] ?? noAnswer()),
} satisfies Record<string, HostBuiltin>
