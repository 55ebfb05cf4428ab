import type { Look } from './place.ts'

export interface Sample extends Look {
  /** Seconds since the load began. */
  readonly at: number
  readonly lag: number
  readonly queued: number
  readonly log: number
}
export interface Line {
  readonly what: string
  readonly value: string
  readonly bar: string
  readonly ok: boolean
}

export interface Slope {
  readonly perMinute: number
  /** The slope is at least this, as far as the scatter of the samples tells (two standard errors). */
  readonly atLeast: number
}

/** A straight line through the samples, by least squares. */
function slopeOf(samples: readonly Sample[], of: (sample: Sample) => number): Slope {
  const count = samples.length
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / count
  const mean = samples.reduce((sum, sample) => sum + of(sample), 0) / count
  const spread = samples.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0)
  const slope = samples.reduce((sum, sample) => sum + (sample.at - meanAt) * (of(sample) - mean), 0) / spread
  const rest = samples.reduce((sum, sample) => sum + (of(sample) - mean - slope * (sample.at - meanAt)) ** 2, 0)
  const error = Math.sqrt(rest / Math.max(1, count - 2) / spread)
  return { perMinute: slope * 60, atLeast: (slope - 2 * error) * 60 }
}

const mebi = 1024 * 1024
export const inMebibytes = (bytes: number): string => `${(bytes / mebi).toFixed(1)} MiB`

/** Figures may scatter, and must not climb. */
export function flat(what: string, samples: readonly Sample[], of: (sample: Sample) => number, allowed: number, show: (value: number) => string): Line {
  if (samples.length < 6) return { what, value: 'too short to tell', bar: `at most ${show(allowed)} a minute`, ok: true }
  const { perMinute, atLeast } = slopeOf(samples, of)
  const values = samples.map(of)
  return { what, value: `${show(Math.min(...values))} to ${show(Math.max(...values))}, ${show(perMinute)} a minute`, bar: `at most ${show(allowed)} a minute`, ok: atLeast <= allowed }
}

export const exactly = (what: string, value: number, wanted: number): Line => ({ what, value: String(value), bar: String(wanted), ok: value === wanted })
export const atMost = (what: string, value: number, bar: number, show: (value: number) => string = String): Line => ({ what, value: show(value), bar: `at most ${show(bar)}`, ok: value <= bar })
export const told = (what: string, value: string): Line => ({ what, value, bar: '', ok: true })

export function printLines(lines: readonly Line[]): string {
  const widths = ['what', 'value', 'bar'].map((key) => Math.max(key.length, ...lines.map((line) => line[key as 'what' | 'value' | 'bar'].length)))
  const row = (...cells: readonly string[]) => cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')
  return [row('what', 'value', 'bar', ''), ...lines.map(({ what, value, bar, ok }) => row(what, value, bar, bar === '' ? '' : ok ? 'ok' : 'FAILED'))].map((line) => line.trimEnd()).join('\n')
}
