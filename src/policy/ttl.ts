const seconds = { s: 1, m: 60, h: 3600 } as const
const day = 86_400

/** `30s`, `15m`, `1h`, up to 24 hours; undefined for everything else. */
export function ttlSeconds(ttl: string): number | undefined {
  const found = /^([1-9]\d{0,4})([smh])$/.exec(ttl)
  if (found === null) return undefined
  const total = Number(found[1]) * seconds[found[2] as keyof typeof seconds] // the pattern knows no other letter
  return total <= day ? total : undefined
}
