/** What one caller did at one upstream over the last 30 minutes, whatever the session. */
export interface Counts {
  readonly calls: number
  readonly denied: number
  readonly approvals: number
  readonly bytes_out: number
}
export type Counter = keyof Counts

/** What a caller did in one minute before the gateway started. */
export interface Past extends Counts {
  readonly key: string
  /** Since the epoch. */
  readonly minute: number
}

export interface Counters {
  add(key: string, counter: Counter, amount?: number): void
  /** Adds what is known from before the start, which is all there is. */
  restore(past: readonly Past[]): void
  read(key: string): Counts
}

export const minutesCounted = 30

interface Ring {
  readonly slots: { minute: number; calls: number; denied: number; approvals: number; bytes_out: number }[]
}

/** `now` in milliseconds. Callers that were quiet for the whole window are forgotten. */
export function createCounters(now: () => number): Counters {
  const rings = new Map<string, Ring>()
  let swept = 0
  const sweep = (minute: number) => {
    if (minute === swept) return
    swept = minute
    for (const [key, ring] of rings) if (ring.slots.every((slot) => minute - slot.minute >= minutesCounted)) rings.delete(key)
  }
  const slotOf = (key: string, minute: number) => {
    let ring = rings.get(key)
    if (ring === undefined) rings.set(key, (ring = { slots: Array.from({ length: minutesCounted }, () => ({ minute: -minutesCounted, calls: 0, denied: 0, approvals: 0, bytes_out: 0 })) }))
    const slot = ring.slots[minute % minutesCounted]
    if (slot !== undefined && slot.minute !== minute) Object.assign(slot, { minute, calls: 0, denied: 0, approvals: 0, bytes_out: 0 })
    return slot
  }
  return {
    add(key, counter, amount = 1) {
      const minute = Math.floor(now() / 60_000)
      sweep(minute)
      const slot = slotOf(key, minute)
      if (slot !== undefined) slot[counter] += amount
    },
    restore(past) {
      const current = Math.floor(now() / 60_000)
      for (const { key, minute, ...counts } of past) {
        // Where the clock was set back meanwhile, what lies ahead of it counts as of now.
        const slot = current - minute >= minutesCounted ? undefined : slotOf(key, Math.min(minute, current))
        if (slot !== undefined) for (const counter of ['calls', 'denied', 'approvals', 'bytes_out'] as const) slot[counter] += counts[counter]
      }
    },
    read(key) {
      const sum = { calls: 0, denied: 0, approvals: 0, bytes_out: 0 }
      const minute = Math.floor(now() / 60_000)
      for (const slot of rings.get(key)?.slots ?? []) {
        if (minute - slot.minute >= minutesCounted) continue
        sum.calls += slot.calls
        sum.denied += slot.denied
        sum.approvals += slot.approvals
        sum.bytes_out += slot.bytes_out
      }
      return sum
    },
  }
}
