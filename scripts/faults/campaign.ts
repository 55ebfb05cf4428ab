/** One promise and what tries to break it. */
export interface Campaign {
  readonly title: string
  /** What the machine must have; where it is missing the campaign is skipped, loudly. */
  readonly needs: readonly Need[]
  run(options: RunOptions): Promise<Report>
}
export type Need = 'linux' | 'root' | 'loop devices' | 'strace' | 'prlimit' | 'perl' | 'chattr'

export interface RunOptions {
  /** How often it is tried, where it is tried in rounds; each campaign has its own default. */
  readonly rounds?: number
  /** How many messages, where it is counted in messages. */
  readonly messages?: number
  /** Tells how far it is. */
  readonly say: (text: string) => void
}

export interface Report {
  /** How many things were looked at: 0 proves nothing. */
  readonly checked: number
  readonly violations: number
  /** A few of the violations, and what was seen. */
  readonly details: readonly string[]
}

const mostDetails = 10

/** Gathers what must not be. */
export interface Tally {
  checked(count?: number): void
  violation(what: string): void
  /** Something seen that is no violation. */
  note(what: string): void
  report(): Report
}

export function createTally(): Tally {
  const violations: string[] = []
  const notes: string[] = []
  let checked = 0
  let count = 0
  return {
    checked: (more = 1) => void (checked += more),
    violation(what) {
      count += 1
      if (violations.length < mostDetails) violations.push(what)
    },
    note: (what) => void notes.push(what),
    report: () => ({ checked, violations: count, details: [...violations, ...notes] }),
  }
}
