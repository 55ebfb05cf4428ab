import type { Clock } from './model.ts'

/**
 * Never goes back and never stands still: a clock set back cannot revive what has expired, and after a step forth and back
 * lifetimes go on running by the machine's own count. `least` is a time that another process has seen.
 */
export function createForwardClock(clock: Clock, monotonic: () => number = () => performance.now(), least = -Infinity): Clock {
  let base = Math.max(clock(), least)
  let since = monotonic()
  return () => {
    const counted = base + (monotonic() - since)
    const told = clock()
    if (told <= counted) return Math.floor(counted)
    base = told
    since = monotonic()
    return told
  }
}
