import { furtherForOutcomes, type Limits, type Owed } from './owed.ts'

/** Looks now and then, while anything is owed, whether the writer moves. */
export interface StuckWatch {
  begin(): void
  /** True from when one batch was still at the writer at two looks, until it moves: a busy main thread alone is not a stuck writer. */
  isStuck(): boolean
  end(): void
}

export function createStuckWatch(owed: Owed, limits: Limits): StuckWatch {
  let timer: NodeJS.Timeout | undefined
  /** What was settled at the last look, if the writer had a batch then. */
  let lastSettled = -1
  let stuckAt = -1

  function begin(): void {
    timer ??= setTimeout(look, limits.age / 2).unref()
  }

  function look(): void {
    timer = undefined
    const now = performance.now()
    const oldest = owed.oldest()
    const settled = owed.settled()
    const isAtWriter = owed.handed() > settled
    const isStuck = isAtWriter && oldest !== undefined && settled === lastSettled && now - oldest.since > limits.age
    lastSettled = isAtWriter ? settled : -1
    stuckAt = isStuck ? settled : -1
    if (isStuck) owed.refuseWaiting('queue_full', 'the writer is stuck', ({ since, isOutcome }) => now - since > limits.patience * (isOutcome ? furtherForOutcomes.patience : 1))
    if (owed.count() > 0) begin()
  }

  return { begin, isStuck: () => stuckAt === owed.settled(), end: () => clearTimeout(timer) }
}
