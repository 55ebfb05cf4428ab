// Thousands of messages fall into one second: what they share is printed, and read, once.
let second = NaN
let prefix = ''
let last = { ms: NaN, text: '' }

const startAt = (ms: number): void => {
  const begun = Math.floor(ms / 1000)
  prefix = new Date(begun * 1000).toISOString().slice(0, -4)
  second = begun
}

/** Whole milliseconds since the epoch, as ECMA-262 section 21.4.1.32 prints them in UTC. */
export function isoTime(ms: number): string {
  if (ms === last.ms) return last.text
  if (Math.floor(ms / 1000) !== second) startAt(ms)
  last = { ms, text: `${prefix}${String(ms - second * 1000).padStart(3, '0')}Z` }
  return last.text
}

/** What `isoTime` printed, in milliseconds. */
export function msOf(iso: string): number {
  if (iso.length === prefix.length + 4 && iso.startsWith(prefix)) return second * 1000 + Number(iso.slice(-4, -1))
  return Date.parse(iso)
}
