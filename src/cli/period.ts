import { InvalidArgumentError } from 'commander'

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
const day = /^\d{4}-\d{2}-\d{2}$/
const time = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?$/i

const wantedTime = 'a time, such as 7d, 12h, 30m, 2026-11-21 or 2026-11-21T08:00:00Z'
/** Which of its instants a day stands for. */
export type End = 'begin' | 'end'

const beginOf = (date: string): number | undefined => {
  const at = Date.parse(`${date}T00:00:00Z`)
  // What is no day, such as the 31st of February, may be read as another one.
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(date) ? at : undefined
}

/**
 * `30m`, `12h`, `7d`, `2w` before now, a day or a time; milliseconds since the epoch. All that is printed is in UTC, so a time
 * without a zone is, too.
 */
export const instantOf = (text: string, now: number, end: End = 'begin'): number | undefined => {
  const [, count, unit] = /^(\d{1,5})([mhdw])$/.exec(text) ?? []
  if (count !== undefined && unit !== undefined) return now - Number(count) * units[unit]! // one of the four
  if (day.test(text)) {
    const begin = beginOf(text)
    return begin === undefined || end === 'begin' ? begin : begin + units['d']! - 1
  }
  const [, date, clock, zone = 'Z'] = time.exec(text) ?? []
  if (date === undefined || beginOf(date) === undefined) return undefined
  const at = Date.parse(`${date}T${clock}${zone}`)
  return Number.isNaN(at) ? undefined : at
}

export const readInstant = (now: number, end: End = 'begin') => (text: string): number => {
  const at = instantOf(text, now, end)
  if (at === undefined) throw new InvalidArgumentError(`${wantedTime} is expected`)
  return at
}

/** The period that `--from` and `--to` name, as the API takes it; a text says which of them is none. */
export const periodOf = (given: { readonly from?: string | undefined; readonly to?: string | undefined }, now = Date.now()): { readonly from?: string; readonly to?: string } | string => {
  const period: { from?: string; to?: string } = {}
  for (const [name, end] of [['from', 'begin'], ['to', 'end']] as const) {
    const text = given[name]
    if (text === undefined) continue
    const at = instantOf(text, now, end)
    if (at === undefined) return `--${name} wants ${wantedTime}`
    period[name] = new Date(at).toISOString()
  }
  return period
}
