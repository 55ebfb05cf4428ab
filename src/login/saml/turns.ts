/** Runs the work when its turn comes; undefined where too many wait already. */
export type TakeTurn = <T>(work: () => Promise<T>) => Promise<T | undefined>

const longestQueue = 32

/**
 * One after the other, and after each a rest as long as it took: whoever sends what takes long to verify gets half of a processor at most,
 * and the calls of others go on meanwhile.
 */
export function createTurns(): TakeTurn {
  let last = Promise.resolve()
  let waiting = 0
  return async (work) => {
    if (waiting >= longestQueue) return undefined
    waiting += 1
    const before = last
    const { promise, resolve } = Promise.withResolvers<void>()
    last = promise
    await before
    waiting -= 1
    const began = performance.now()
    try {
      return await work()
    } finally {
      setTimeout(resolve, performance.now() - began).unref()
    }
  }
}
