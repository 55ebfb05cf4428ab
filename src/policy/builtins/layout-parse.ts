/** Go's time.Parse. */
import { daysBefore, daysIn, isLeap, months, secondsOf, weekdays } from './calendar.ts'
import { chunksOf, type Chunk, type Token } from './layout.ts'

/** What was read so far; -1 for what was not. */
interface Reading {
  rest: string
  year: number
  month: number
  day: number
  yearDay: number
  hour: number
  minute: number
  second: number
  nanos: number
  half: 'am' | 'pm' | undefined
  /** Seconds east of Greenwich; a zone's name says nothing, since zones are not looked up. */
  offset: number
}

/** Nanoseconds since 1970; undefined where Go has an error. */
export function parseTime(layout: string, text: string): bigint | undefined {
  const reading: Reading = { rest: text, year: 0, month: -1, day: -1, yearDay: -1, hour: 0, minute: 0, second: 0, nanos: 0, half: undefined, offset: 0 }
  const chunks = chunksOf(layout)
  for (const [index, chunk] of chunks.entries()) {
    const rest = skip(reading.rest, chunk.before)
    if (rest === undefined) return undefined
    reading.rest = rest
    if (chunk.token === undefined) break
    if (!readChunk(reading, chunk, chunks[index + 1])) return undefined
  }
  return reading.rest === '' ? momentOf(reading) : undefined
}

/** Spaces of the layout stand for as many of the text as there are. */
function skip(text: string, before: string): string | undefined {
  let rest = text
  for (const part of before.match(/ +|[^ ]+/g) ?? []) {
    if (part.startsWith(' ')) {
      if (rest !== '' && !rest.startsWith(' ')) return undefined
      rest = rest.replace(/^ +/, '')
    } else if (rest.startsWith(part)) rest = rest.slice(part.length)
    else return undefined
  }
  return rest
}

function take(reading: Reading, shape: RegExp): string | undefined {
  const found = shape.exec(reading.rest)?.[0]
  if (found !== undefined) reading.rest = reading.rest.slice(found.length)
  return found
}

/** One digit or two, or two alone; -1 for none or one that is not in the range. */
function takeNumber(reading: Reading, shape: RegExp, least: number, most: number): number {
  const found = take(reading, shape)
  const value = found === undefined ? -1 : Number(found.trim())
  return value >= least && value <= most ? value : -1
}

const oneOrTwo = /^\d{1,2}/
const exactlyTwo = /^\d{2}/

function takeName(reading: Reading, names: readonly string[], length?: number): number {
  const index = names.findIndex((name) => reading.rest.toLowerCase().startsWith(name.slice(0, length).toLowerCase()))
  if (index >= 0) reading.rest = reading.rest.slice((names[index] ?? '').slice(0, length).length)
  return index
}

/** False where the text does not fit. */
function readChunk(reading: Reading, { token, written }: Chunk, next: Chunk | undefined): boolean {
  switch (token) {
    case '06': {
      const year = takeNumber(reading, exactlyTwo, 0, 99)
      reading.year = year >= 69 ? year + 1900 : year + 2000
      return year >= 0
    }
    case '2006':
    case '_2006':
      return (reading.year = takeNumber(reading, /^\d{4}/, 0, 9999)) >= 0
    case 'Jan':
      return (reading.month = takeName(reading, months, 3) + 1) > 0
    case 'January':
      return (reading.month = takeName(reading, months) + 1) > 0
    case '1':
      return (reading.month = takeNumber(reading, oneOrTwo, 1, 12)) > 0
    case '01':
      return (reading.month = takeNumber(reading, exactlyTwo, 1, 12)) > 0
    case 'Mon':
      return takeName(reading, weekdays, 3) >= 0
    case 'Monday':
      return takeName(reading, weekdays) >= 0
    case '2':
      return (reading.day = takeNumber(reading, oneOrTwo, 0, 99)) >= 0
    case '_2':
      return (reading.day = takeNumber(reading, /^ ?\d{1,2}/, 0, 99)) >= 0
    case '02':
      return (reading.day = takeNumber(reading, exactlyTwo, 0, 99)) >= 0
    case '002':
      return (reading.yearDay = takeNumber(reading, /^\d{3}/, 0, 999)) >= 0
    case '__2':
      return (reading.yearDay = takeNumber(reading, /^ {0,2}\d{1,3}/, 0, 999)) >= 0
    default:
      return readClock(reading, token, written, next)
  }
}

function readClock(reading: Reading, token: Token | undefined, written: string, next: Chunk | undefined): boolean {
  switch (token) {
    case '15':
      return (reading.hour = takeNumber(reading, oneOrTwo, 0, 23)) >= 0
    case '3':
      return (reading.hour = takeNumber(reading, oneOrTwo, 0, 12)) >= 0
    case '03':
      return (reading.hour = takeNumber(reading, exactlyTwo, 0, 12)) >= 0
    case '4':
      return (reading.minute = takeNumber(reading, oneOrTwo, 0, 59)) >= 0
    case '04':
      return (reading.minute = takeNumber(reading, exactlyTwo, 0, 59)) >= 0
    case '5':
    case '05':
      reading.second = takeNumber(reading, token === '5' ? oneOrTwo : exactlyTwo, 0, 59)
      // A fraction is read even where the layout has none.
      if (next?.token !== 'fraction') readFraction(reading, /^[.,]\d+/)
      return reading.second >= 0
    case 'PM':
    case 'pm': {
      const half = take(reading, token === 'PM' ? /^(?:AM|PM)/ : /^(?:am|pm)/)?.toLowerCase()
      reading.half = half === 'am' || half === 'pm' ? half : undefined
      return half !== undefined
    }
    case 'fraction':
      return readFraction(reading, written[1] === '0' ? new RegExp(`^[.,]\\d{${written.length - 1}}`) : /^(?:[.,]\d+)?/)
    case 'MST':
      return take(reading, /^(?:UTC|ChST|MeST|GMT(?:[+-](?:2[0-3]|[01]?\d)(?!\d))?|[+-](?:2[0-3]|[01]?\d)(?!\d)|(?:[A-Z]{4}T|[A-Z]{3}T|WITA|[A-Z]{3})(?![A-Z]))/) !== undefined
    default:
      return readOffset(reading, token ?? '')
  }
}

function readFraction(reading: Reading, shape: RegExp): boolean {
  const found = take(reading, shape)
  if (found === undefined) return false
  if (found !== '') reading.nanos = Number(found.slice(1, 10).padEnd(9, '0'))
  return true
}

function readOffset(reading: Reading, token: string): boolean {
  if (token.startsWith('Z') && take(reading, /^Z/) !== undefined) return true
  const colon = token.includes(':') ? ':' : ''
  const count = token.replace(/\D/g, '').length / 2
  const found = take(reading, new RegExp(`^[+-]${Array.from({ length: count }, () => '\\d{2}').join(colon)}`))
  if (found === undefined) return false
  const [hours = 0, minutes = 0, seconds = 0] = (found.replaceAll(':', '').slice(1).match(/\d\d/g) ?? []).map(Number)
  reading.offset = (found.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds)
  return hours <= 24 && minutes <= 60 && seconds <= 60
}

function momentOf(reading: Reading): bigint | undefined {
  const { year, minute, second, nanos, half, offset } = reading
  const hour = half === 'pm' && reading.hour < 12 ? reading.hour + 12 : half === 'am' && reading.hour === 12 ? 0 : reading.hour
  const date = reading.yearDay < 0 ? { month: Math.max(reading.month, 1), day: reading.day < 0 ? 1 : reading.day } : dateOf(reading)
  if (date === undefined || date.day < 1 || date.day > daysIn(year, date.month)) return undefined
  return BigInt(secondsOf({ year, ...date, hour, minute, second }) - offset) * 1_000_000_000n + BigInt(nanos)
}

/** From the day of the year, which a month and a day beside it must not contradict. */
function dateOf({ year, month, day, yearDay }: Reading): { readonly month: number; readonly day: number } | undefined {
  if (yearDay < 1 || yearDay > (isLeap(year) ? 366 : 365)) return undefined
  let found = 12
  while (daysBefore(year, found) >= yearDay) found -= 1
  const date = { month: found, day: yearDay - daysBefore(year, found) }
  return (month >= 0 && month !== date.month) || (day >= 0 && day !== date.day) ? undefined : date
}
