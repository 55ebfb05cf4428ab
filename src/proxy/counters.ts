/** What one caller did at one upstream over the last 30 minutes, whatever the session. */
export interface Counts {
  readonly calls: number
  readonly denied: number
  readonly approvals: number
  readonly bytes_out: number
}
export type Counter = keyof Counts

export interface Counters {
  add(key: string, counter: Counter, amount?: number): void
  read(key: string): Counts
}

const minutes = 30

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
    for (const [key, ring] of rings) if (ring.slots.every((slot) => minute - slot.minute >= minutes)) rings.delete(key)
  }
  return {
    add(key, counter, amount = 1) {
      const minute = Math.floor(now() / 60_000)
      sweep(minute)
      const ring = rings.get(key) ?? { slots: Array.from({ length: minutes }, () => ({ minute: -minutes, calls: 0, denied: 0, approvals: 0, bytes_out: 0 })) }
      rings.set(key, ring)
      const slot = ring.slots[minute % minutes]
      if (slot === undefined) return
      if (slot.minute !== minute) Object.assign(slot, { minute, calls: 0, denied: 0, approvals: 0, bytes_out: 0 })
      slot[counter] += amount
    },
    read(key) {
      const sum = { calls: 0, denied: 0, approvals: 0, bytes_out: 0 }
      const minute = Math.floor(now() / 60_000)
      for (const slot of rings.get(key)?.slots ?? []) {
        if (minute - slot.minute >= minutes) continue
        sum.calls += slot.calls
        sum.denied += slot.denied
        sum.approvals += slot.approvals
        sum.bytes_out += slot.bytes_out
      }
      return sum
    },
  }
}
