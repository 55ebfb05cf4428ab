import type { Watching } from './source.ts'

/** Acts about every `interval` milliseconds, one tenth more or less, so that many gateways do not ask at once. Never two at a time. */
export const createPoll = (interval: number, act: () => unknown): Watching => {
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const wait = (): void => {
    if (!closed) timer = setTimeout(next, interval * (0.9 + 0.2 * Math.random())).unref()
  }
  const next = async (): Promise<void> => {
    await Promise.resolve().then(act).catch(() => undefined)
    wait()
  }
  wait()
  return {
    close: () => {
      closed = true
      clearTimeout(timer)
    },
  }
}
