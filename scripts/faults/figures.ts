import type { Call } from './caller.ts'

/** How long calls took, in milliseconds; what is not over took for ever. */
export interface Times {
  readonly p50: number
  readonly p99: number
}

export function timesOf(calls: readonly Call[]): Times {
  const times = calls.map(({ took }) => took ?? Infinity).sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor(times.length * share)] ?? NaN
  return { p50: at(0.5), p99: at(0.99) }
}

export const medianOf = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

export const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0)
