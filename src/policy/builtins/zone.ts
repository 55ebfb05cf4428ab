/** Time zones as Go has them: `zones.br` holds the very files, so that a host's own table never decides. */
import { readFileSync } from 'node:fs'
import { brotliDecompressSync } from 'node:zlib'
import { weekdayOf, yearOf, yearStart, isLeap, daysBefore } from './calendar.ts'

/** What holds from a moment on, in seconds. */
export interface Span {
  readonly name: string
  readonly offset: number
  readonly from: number
  readonly until: number
}
export interface Zone {
  at(seconds: number): Span
}

interface Kind {
  readonly name: string
  readonly offset: number
  readonly summer: boolean
}

const always = { from: -Infinity, until: Infinity }
export const utc: Zone = { at: () => ({ name: 'UTC', offset: 0, ...always }) }

let files: Readonly<Record<string, string>> | undefined
const read = new Map<string, Zone | undefined>()

/** Undefined for a name that is none. What was read stays: there are some 600. */
export function zoneOf(name: string): Zone | undefined {
  if (name === '' || name === 'UTC') return utc
  // It is what the machine says.
  if (name === 'Local') throw new Error('the time zone of the machine')
  if (!read.has(name)) {
    files ??= JSON.parse(brotliDecompressSync(readFileSync(new URL('zones.br', import.meta.url))).toString()) as Record<string, string>
    const file = Object.hasOwn(files, name) ? files[name] : undefined
    if (file === undefined) return undefined
    read.set(name, parse(Buffer.from(file, 'latin1')))
  }
  return read.get(name)
}

/** RFC 9636, the second block and the footer. */
function parse(file: Buffer): Zone {
  const counts = (at: number): number[] => [20, 24, 28, 32, 36, 40].map((offset) => file.readUInt32BE(at + offset))
  const [isUt = 0, isStd = 0, leaps = 0, times = 0, types = 0, chars = 0] = counts(0)
  const second = 44 + times * 5 + types * 6 + chars + leaps * 8 + isStd + isUt
  const [isUt2 = 0, isStd2 = 0, leaps2 = 0, moments = 0, kinds = 0, names = 0] = counts(second)
  const at = second + 44
  const kindsAt = at + moments * 9
  const namesAt = kindsAt + kinds * 6
  const nameAt = (index: number): string => file.toString('latin1', namesAt + index, file.indexOf(0, namesAt + index))
  const table = Array.from({ length: kinds }, (_, index): Kind => {
    const place = kindsAt + index * 6
    return { offset: file.readInt32BE(place), summer: file[place + 4] === 1, name: nameAt(file[place + 5] ?? 0) }
  })
  const changes = Array.from({ length: moments }, (_, index) => Number(file.readBigInt64BE(at + index * 8)))
  const used = Array.from({ length: moments }, (_, index) => file[at + moments * 8 + index] ?? 0)
  const footer = file.toString('latin1', namesAt + names + leaps2 * 12 + isStd2 + isUt2).trim()
  return { at: finder({ table, changes, used, rule: readRule(footer) }) }
}

interface Table {
  readonly table: readonly Kind[]
  readonly changes: readonly number[]
  readonly used: readonly number[]
  readonly rule: Rule | undefined
}

function finder({ table, changes, used, rule }: Table): Zone['at'] {
  const first = used.includes(0) ? (table.find(({ summer }) => !summer) ?? table[0]) : table[0]
  const span = (kind: Kind | undefined, from: number, until: number): Span => ({ name: kind?.name ?? 'UTC', offset: kind?.offset ?? 0, from, until })
  return (seconds) => {
    const next = changes.findIndex((change) => change > seconds)
    if (next === 0 || changes.length === 0) return rule !== undefined && changes.length === 0 ? rule(seconds, -Infinity) : span(first, -Infinity, changes[0] ?? Infinity)
    if (next > 0) return span(table[used[next - 1] ?? 0], changes[next - 1] ?? 0, changes[next] ?? 0)
    const last = changes.length - 1
    return rule === undefined ? span(table[used[last] ?? 0], changes[last] ?? 0, Infinity) : rule(seconds, changes[last] ?? 0)
  }
}

type Rule = (seconds: number, from: number) => Span

const name = '([A-Za-z]{3,}|<[^>]+>)'
const time = '[+-]?\\d+(?::\\d+){0,2}'
const footerShape = new RegExp(`^${name}(${time})(?:${name}(${time})?(?:,([^,]+),([^,]+))?)?$`)

/** The rule for all later times, in POSIX's notation (RFC 9636, section 3.3.1). */
function readRule(text: string): Rule | undefined {
  const found = footerShape.exec(text)
  if (found === null) return undefined
  const [, winterName = '', winterOffset = '0', summerName, summerOffset, start, end] = found
  const bare = (quoted: string): string => quoted.replace(/[<>]/g, '')
  // POSIX counts westwards.
  const winter = { name: bare(winterName), offset: -secondsOf(winterOffset) }
  if (summerName === undefined) return (_seconds, from) => ({ ...winter, from, until: Infinity })
  const summer = { name: bare(summerName), offset: summerOffset === undefined ? winter.offset + 3600 : -secondsOf(summerOffset) }
  return (seconds) => {
    const year = yearOf(Math.floor(seconds / 86_400))
    const yearAt = yearStart(year) * 86_400
    const begins = yearAt + momentIn(start ?? 'M3.2.0', year) - winter.offset
    const ends = yearAt + momentIn(end ?? 'M11.1.0', year) - summer.offset
    const [one, other, inside, outside] = begins < ends ? [begins, ends, summer, winter] : [ends, begins, winter, summer]
    const yearEnd = yearStart(year + 1) * 86_400
    if (seconds < one) return { ...outside, from: yearAt, until: one }
    return seconds < other ? { ...inside, from: one, until: other } : { ...outside, from: other, until: yearEnd }
  }
}

function secondsOf(text: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = text.replace(/^[+-]/, '').split(':').map(Number)
  return (text.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds)
}

/** Seconds from the year's start, in local time: `Mm.w.d/time`, `Jn` or `n`. */
function momentIn(rule: string, year: number): number {
  const [day = '', clock = '2'] = rule.split('/')
  const [, month, week, weekday] = /^M(\d+)\.(\d)\.(\d)$/.exec(day)?.map(Number) ?? []
  if (month === undefined || week === undefined || weekday === undefined) {
    const count = Number(day.replace('J', ''))
    return (day.startsWith('J') ? count - 1 + (isLeap(year) && count >= 60 ? 1 : 0) : count) * 86_400 + secondsOf(clock)
  }
  const first = daysBefore(year, month)
  const length = daysBefore(year, month + 1) - first
  let inMonth = ((weekday - weekdayOf(yearStart(year) + first) + 7) % 7) + (week - 1) * 7
  if (inMonth >= length) inMonth -= 7
  return (first + inMonth) * 86_400 + secondsOf(clock)
}
