import type { Watching } from './source.ts'

export interface Poll extends Watching {
  /** Acts now, or as soon as it may again. */
  look(): void
}

/** Whoever asks without pause is served so often. */
const shortestPause = 1000

/** Acts about every `interval` milliseconds, one tenth more or less, so that many gateways do not ask at once. Never two at a time. */
export const createPoll = (interval: number, act: () => unknown): Poll => {
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let isActing = false
  let isWanted = false
  let last = -Infinity

  const wait = (length: number): void => {
    clearTimeout(timer)
    if (!closed) timer = setTimeout(next, length).unref()
  }
  const soon = (): number => Math.max(0, last + shortestPause - performance.now())
  const next = async (): Promise<void> => {
    isActing = true
    isWanted = false
    last = performance.now()
    await Promise.resolve().then(act).catch(() => undefined)
    isActing = false
    wait(isWanted ? soon() : interval * (0.9 + 0.2 * Math.random()))
  }
  wait(interval * (0.9 + 0.2 * Math.random()))
  return {
    look: () => {
      // What runs may have asked just before there was something new.
      isWanted = true
      if (!isActing) wait(soon())
    },
    close: () => {
      closed = true
      clearTimeout(timer)
    },
  }
}
