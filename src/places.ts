/** Whether what stands at one JSON Pointer is part of what stands at the other; `*` is any step. */
export function overlap(a: string, b: string): boolean {
  const [left, right] = [a.split('/'), b.split('/')]
  const shorter = Math.min(left.length, right.length)
  for (let step = 1; step < shorter; step += 1) if (left[step] !== right[step] && left[step] !== '*' && right[step] !== '*') return false
  return true
}

/** Of places that are not as they were judged, those that rules read. */
export const lostOf = (lost: readonly string[], reads: readonly string[]): readonly string[] => lost.filter((place) => reads.some((read) => overlap(place, read)))
