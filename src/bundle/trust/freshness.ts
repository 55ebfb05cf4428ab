import type { Clock, Logger } from '../../model.ts'

export interface MaxAge {
  /** Milliseconds since the source was last seen to say what is active. */
  readonly alarm: number
  readonly deny?: number | undefined
}
/** `stale`: nothing may be judged by what is active. */
export type Age = 'current' | 'alarm' | 'stale'

export interface Freshness {
  /** The source was read, and what it says is active. */
  found(): void
  state(): Age
  /** Milliseconds. */
  age(): number
  close(): void
}
export interface FreshnessOptions {
  readonly maxAge: MaxAge
  /** When it was last found so by an earlier run of this gateway; milliseconds since the epoch. */
  readonly since: number | undefined
  readonly clock: Clock
  readonly logger: Pick<Logger, 'error' | 'info'>
  readonly onChange: (age: Age) => void
  /** Told now and then, to be kept for the next start. */
  readonly save: (at: number) => void
}

/** A machine that slept wakes with timers that are late: the clock is looked at often enough. */
const longestPause = 30_000
/** How much of the shorter limit a crash may make the age look younger than it is. */
const slack = 20

/** How long ago the source was last seen to say what is active. It outlives a restart, so that restarting is no way around it. */
export const createFreshness = ({ maxAge, since, clock, logger, onChange, save }: FreshnessOptions): Freshness => {
  const { alarm, deny = Number.POSITIVE_INFINITY } = maxAge
  const saveEvery = Math.min(alarm, deny) / slack
  let last = since ?? clock()
  let saved = since ?? Number.NEGATIVE_INFINITY
  let told: Age = 'current'
  let timer: NodeJS.Timeout | undefined

  /** A clock that is set back makes nothing younger. */
  let passed = performance.now()
  const age = (): number => Math.max(Math.floor(performance.now() - passed), clock() - last)
  const state = (): Age => (age() >= deny ? 'stale' : age() >= alarm ? 'alarm' : 'current')
  const look = (): void => {
    clearTimeout(timer)
    const now = state()
    if (now !== told) {
      told = now
      const fields = { age_ms: age() }
      if (now === 'current') logger.info('the source says again what is active', fields)
      else logger.error(now === 'alarm' ? 'the source has not been seen to say what is active for longer than policy.max_age.alarm' : 'the active policy is older than policy.max_age.deny: everything is denied', fields)
      onChange(now)
    }
    const next = [alarm - age(), deny - age(), longestPause].filter((each) => each > 0)
    timer = setTimeout(look, Math.max(1, Math.min(...next))).unref()
  }
  look()
  return {
    found() {
      last = clock()
      passed = performance.now()
      if (last - saved >= saveEvery || last < saved) {
        saved = last
        save(last)
      }
      if (told !== 'current') look()
    },
    state,
    age,
    close: () => clearTimeout(timer),
  }
}
