/** The Gregorian calendar, before its introduction too, in days from 1970. */

export const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'] as const
export const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const
const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

export function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

export function daysIn(year: number, month: number): number {
  return month === 2 && isLeap(year) ? 29 : (lengths[month - 1] ?? 0)
}

/** Days of the year before a month; the year's length for month 13. */
export function daysBefore(year: number, month: number): number {
  return lengths.slice(0, month - 1).reduce((sum, days) => sum + days, 0) + (month > 2 && isLeap(year) ? 1 : 0)
}

/** The day on which a year begins. */
export function yearStart(year: number): number {
  const before = year - 1
  return before * 365 + Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - 719_162
}

export function yearOf(day: number): number {
  let year = 1970 + Math.floor(day / 365.2425)
  while (yearStart(year) > day) year -= 1
  while (yearStart(year + 1) <= day) year += 1
  return year
}

export function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7
}

export interface Civil {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

export function civilOf(seconds: number): Civil & { readonly yearDay: number; readonly weekday: number } {
  const days = Math.floor(seconds / 86_400)
  const rest = seconds - days * 86_400
  const year = yearOf(days)
  const inYear = days - yearStart(year)
  let month = 12
  while (daysBefore(year, month) > inYear) month -= 1
  return {
    year,
    month,
    day: inYear - daysBefore(year, month) + 1,
    hour: Math.floor(rest / 3600),
    minute: Math.floor(rest / 60) % 60,
    second: rest % 60,
    yearDay: inYear + 1,
    weekday: weekdayOf(days),
  }
}

/** Months and days beyond their ends run over into the next (Go's time.Date). */
export function secondsOf({ year, month, day, hour, minute, second }: Civil): number {
  const years = year + Math.floor((month - 1) / 12)
  const inYear = (((month - 1) % 12) + 12) % 12
  return (yearStart(years) + daysBefore(years, inYear + 1) + day - 1) * 86_400 + hour * 3600 + minute * 60 + second
}
