import { zoneOf } from '../../policy/builtins/zone.ts'
import { list } from './names.ts'
import type { Schedule } from './schema.ts'

const week = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
const dayOf = (text: string): number => (week as readonly string[]).indexOf(text)

/** `mon`, `mon-fri`, `fri-mon` (over the weekend); undefined for everything else. */
export const daysOf = (text: string): readonly string[] | undefined => {
  const [first = '', last = first, ...more] = text.toLowerCase().split('-')
  const [from, to] = [dayOf(first), dayOf(last)]
  if (from < 0 || to < 0 || more.length > 0) return undefined
  return week.filter((_, day) => (from <= to ? from <= day && day <= to : from <= day || day <= to))
}

/** From and until; undefined for everything but hours of one day. */
export const hoursOf = (text: string): readonly [string, string] | undefined => {
  const [, from, until] = /^([0-2]\d:[0-5]\d)-([0-2]\d:[0-5]\d)$/.exec(text) ?? []
  return from !== undefined && until !== undefined && from < until && until <= '24:00' ? [from, until] : undefined
}

export const isZone = (name: string): boolean => name !== 'Local' && name !== '' && zoneOf(name) !== undefined

export interface Times {
  readonly zone: string
  readonly days: Readonly<Record<string, true>>
  readonly spans: readonly (readonly [string, string])[]
}
/** Of a schedule that was checked. */
export const timesOf = ({ days, hours, zone = 'UTC' }: Schedule): Times => ({
  zone,
  days: Object.fromEntries((days === undefined ? week : list(days).flatMap((text) => daysOf(text) ?? [])).map((day) => [`${day.charAt(0).toUpperCase()}${day.slice(1)}`, true as const])),
  spans: hours === undefined ? [['00:00', '24:00']] : list(hours).flatMap((text) => [hoursOf(text) ?? []] as [string, string][]),
})
