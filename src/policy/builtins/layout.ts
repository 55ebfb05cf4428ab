/** Go's layouts: a time is written as 2 January 2006, 15:04:05, seven hours west of Greenwich would be written. */
import { months, weekdays, type civilOf } from './calendar.ts'

export const rfc3339 = '2006-01-02T15:04:05Z07:00'

/** Names that OPA takes for layouts. */
export const named: Readonly<Record<string, string>> = {
  ANSIC: 'Mon Jan _2 15:04:05 2006',
  UnixDate: 'Mon Jan _2 15:04:05 MST 2006',
  RubyDate: 'Mon Jan 02 15:04:05 -0700 2006',
  RFC822: '02 Jan 06 15:04 MST',
  RFC822Z: '02 Jan 06 15:04 -0700',
  RFC850: 'Monday, 02-Jan-06 15:04:05 MST',
  RFC1123: 'Mon, 02 Jan 2006 15:04:05 MST',
  RFC1123Z: 'Mon, 02 Jan 2006 15:04:05 -0700',
  RFC3339: rfc3339,
  RFC3339Nano: '2006-01-02T15:04:05.999999999Z07:00',
}

const offsets = ['-070000', '-07:00:00', '-0700', '-07:00', '-07', 'Z070000', 'Z07:00:00', 'Z0700', 'Z07:00', 'Z07'] as const
/** Longer ones first where one begins another. */
const tokens = [
  'January', 'Jan', 'Monday', 'Mon', 'MST', '002', '01', '02', '03', '04', '05', '06', '15', '1', '2006', '2', '_2006', '__2', '_2', '3', '4', '5', 'PM', 'pm', ...offsets,
] as const
export type Token = (typeof tokens)[number] | 'fraction'

export interface Chunk {
  readonly before: string
  readonly token: Token | undefined
  /** As it stands in the layout. */
  readonly written: string
}

/** The layout in pieces: text and the token behind it; the last piece has none. */
export function chunksOf(layout: string): readonly Chunk[] {
  const chunks: Chunk[] = []
  let from = 0
  for (let at = 0; at < layout.length; ) {
    const written = tokenAt(layout, at)
    if (written === undefined) {
      at += 1
      continue
    }
    // A literal underscore before the year.
    const skipped = written === '_2006' ? 1 : 0
    const token = /^[.,]/.test(written) ? 'fraction' : (written.slice(skipped) as Token)
    chunks.push({ before: layout.slice(from, at + skipped), token, written: written.slice(skipped) })
    at += written.length
    from = at
  }
  return [...chunks, { before: layout.slice(from), token: undefined, written: '' }]
}

function tokenAt(layout: string, at: number): string | undefined {
  const fraction = /^[.,](?:0+|9+)(?!\d)/.exec(layout.slice(at, at + 40))
  if (fraction !== null) return fraction[0]
  return tokens.find((token) => layout.startsWith(token, at) && !((token === 'Jan' || token === 'Mon') && /^[a-z]/.test(layout.slice(at + 3))))
}

export interface Moment {
  readonly civil: ReturnType<typeof civilOf>
  readonly nanos: number
  readonly zone: string
  /** Seconds east of Greenwich. */
  readonly offset: number
}

export function format(layout: string, moment: Moment): string {
  return chunksOf(layout).map(({ before, token, written }) => before + (token === undefined ? '' : print(token, written, moment))).join('')
}

const two = (value: number, fill = '0'): string => String(value).padStart(2, fill)

function print(token: Token, written: string, { civil, nanos, zone, offset }: Moment): string {
  const { year, month, day, hour, minute, second, yearDay, weekday } = civil
  const half = hour % 12 === 0 ? 12 : hour % 12
  switch (token) {
    case 'January':
      return months[month - 1] ?? ''
    case 'Jan':
      return (months[month - 1] ?? '').slice(0, 3)
    case 'Monday':
      return weekdays[weekday] ?? ''
    case 'Mon':
      return (weekdays[weekday] ?? '').slice(0, 3)
    case 'MST':
      return zone === '' ? printOffset('-0700', offset) : zone
    case '002':
      return String(yearDay).padStart(3, '0')
    case '__2':
      return String(yearDay).padStart(3, ' ')
    case '01':
      return two(month)
    case '1':
      return String(month)
    case '02':
      return two(day)
    case '_2':
      return two(day, ' ')
    case '2':
      return String(day)
    case '03':
      return two(half)
    case '3':
      return String(half)
    case '15':
      return two(hour)
    case '04':
      return two(minute)
    case '4':
      return String(minute)
    case '05':
      return two(second)
    case '5':
      return String(second)
    case '06':
      return two(year % 100)
    case '2006':
    case '_2006':
      return String(year).padStart(4, '0')
    case 'PM':
      return hour >= 12 ? 'PM' : 'AM'
    case 'pm':
      return hour >= 12 ? 'pm' : 'am'
    case 'fraction':
      return printFraction(written, nanos)
    default:
      return printOffset(token, offset)
  }
}

function printFraction(written: string, nanos: number): string {
  const digits = String(nanos).padStart(9, '0').padEnd(written.length - 1, '0').slice(0, written.length - 1)
  if (written[1] === '0') return `${written[0]}${digits}`
  const kept = digits.replace(/0+$/, '')
  return kept === '' ? '' : `${written[0]}${kept}`
}

function printOffset(token: string, offset: number): string {
  if (token.startsWith('Z') && offset === 0) return 'Z'
  const size = Math.abs(offset)
  const parts = [Math.floor(size / 3600), Math.floor(size / 60) % 60, size % 60].map((part) => two(part))
  const count = token.replace(/\D/g, '').length / 2
  return `${offset < 0 ? '-' : '+'}${parts.slice(0, count).join(token.includes(':') ? ':' : '')}`
}
