/** What is read of a source within a second and leads nowhere, in bytes: past that it is held back for the rest of the second. */
const mostPerSecond = 1024 * 1024
/** What a message costs beside its bytes, and what a line of standard error does: servers tell a few there for each call. */
const each = 2048
const eachComplaint = 256

export const costOf = (length: number): number => each + length
export const costOfComplaint = (length: number): number => eachComplaint + length

export interface Pace {
  /** Whether the source is to be held back. */
  readonly isSpent: boolean
  spend(cost: number): void
}

/** A source that says much to nobody takes no time of others: `changed` is told when it is to be held back, and when no longer. */
export function createPace(changed: () => void): Pace {
  let spent = 0
  let second: NodeJS.Timeout | undefined
  return {
    get isSpent() {
      return spent > mostPerSecond
    },
    spend(cost) {
      if (cost === 0) return
      spent += cost
      if (spent > mostPerSecond) changed()
      second ??= setTimeout(() => {
        second = undefined
        spent = 0
        changed()
      }, 1000).unref()
    },
  }
}

/** Tells once in a second at most how much there was. */
export function createTally(tell: (count: number, bytes: number) => void): (bytes: number) => void {
  let count = 0
  let sum = 0
  return (bytes) => {
    if (count === 0) {
      setTimeout(() => {
        tell(count, sum)
        count = 0
        sum = 0
      }, 1000).unref()
    }
    count += 1
    sum += bytes
  }
}
