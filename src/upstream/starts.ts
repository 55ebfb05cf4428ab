import { GatewayError } from '../errors.ts'

const window = 60_000
const most = 5

/** How often something is started anew within a minute: what does not stay up is not started for ever. */
export function createStarts(what: string) {
  let starts: readonly number[] = []
  return {
    /** Throws where it was started too often. */
    check(now: number): void {
      starts = starts.filter((at) => now - at < window)
      if (starts.length >= most) throw new GatewayError('upstream_unreachable', { detail: `${what} ${most} times within a minute` })
    },
    count(now: number): void {
      starts = [...starts, now]
    },
    /** What was counted last did not start anything. */
    uncount(): void {
      starts = starts.slice(0, -1)
    },
  }
}
