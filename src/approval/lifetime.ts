const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const normal = 15 * 60_000
const longest = 24 * 3_600_000

/** `15m`, `90s`, `1h30m` in milliseconds: 15 minutes where it says nothing sensible, 24 hours at most. */
export function lifetimeOf(ttl: string): number {
  if (!/^(\d{1,9}(ms|s|m|h|d))+$/.test(ttl)) return normal
  let total = 0
  for (const [, count, unit] of ttl.matchAll(/(\d+)(ms|s|m|h|d)/g)) total += Number(count) * (units[unit!] ?? 0)
  return total > 0 ? Math.min(total, longest) : normal
}
