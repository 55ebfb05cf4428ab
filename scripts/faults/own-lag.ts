/** How long the loop of this process was held up: what a load generator owes to itself, and to what else the machine does, is no call's. */
export interface OwnLag {
  /** Milliseconds of a call during which this process could not have heard of its end. */
  during(call: { readonly startedAt: number; readonly took: number | undefined }): number
  /** The share of the time since the beginning. */
  share(): number
  stop(): void
}

const every = 2
/** A timer is late by so much anyway. */
const usual = 3

export function createOwnLag(): OwnLag {
  const held: { readonly from: number; readonly to: number }[] = []
  const began = Date.now()
  let last = began
  const timer = setInterval(() => {
    const now = Date.now()
    if (now - last > every + usual) held.push({ from: last + every, to: now })
    last = now
  }, every)
  return {
    during({ startedAt, took = 0 }) {
      const ended = startedAt + took
      return held.reduce((sum, { from, to }) => sum + Math.max(0, Math.min(to, ended) - Math.max(from, startedAt)), 0)
    },
    share: () => held.reduce((sum, { from, to }) => sum + to - from, 0) / Math.max(1, Date.now() - began),
    stop: () => clearInterval(timer),
  }
}
