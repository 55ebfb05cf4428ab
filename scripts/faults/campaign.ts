/** One promise and what tries to break it. */
export interface Campaign {
  readonly title: string
  /** What the machine must have; where it is missing the campaign is skipped, loudly. */
  readonly needs: readonly Need[]
  /** How much is tried where nothing else is asked for, in what it is counted in; neither where all there is is tried once. */
  readonly size: Partial<Size>
  run(options: RunOptions): Promise<void>
}
export type Need = 'linux' | 'root' | 'loop devices' | 'strace' | 'perl' | 'chattr'

export interface Size {
  readonly rounds: number
  readonly messages: number
}
export interface RunOptions extends Size {
  /** What is found is told at once: it stays, also where the campaign cannot be carried to its end. */
  readonly tally: Tally
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

export function createTally(say: (text: string) => void): Tally {
  const violations: string[] = []
  const notes: string[] = []
  let checked = 0
  let count = 0
  return {
    checked: (more = 1) => void (checked += more),
    violation(what) {
      count += 1
      if (violations.length >= mostDetails) return
      violations.push(what)
      say(`VIOLATION ${what}`)
    },
    note: (what) => void notes.push(what),
    report: () => ({ checked, violations: count, details: [...violations, ...notes] }),
  }
}
