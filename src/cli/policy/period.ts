import { InvalidArgumentError } from 'commander'

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** `30m`, `12h`, `7d`, `2w` before now, or a time such as 2026-11-21 or 2026-11-21T08:00:00Z; milliseconds since the epoch. */
export const readInstant = (now: number) => (text: string): number => {
  const [, count, unit] = /^(\d{1,5})([mhdw])$/.exec(text) ?? []
  if (count !== undefined && unit !== undefined) return now - Number(count) * units[unit]! // one of the four
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) throw new InvalidArgumentError('a time is expected, such as 7d, 12h, 30m, 2026-11-21 or 2026-11-21T08:00:00Z')
  return at
}
