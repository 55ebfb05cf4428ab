/** Levenshtein's distance, given up above `most`. */
const distance = (a: string, b: string, most: number): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    if (Math.min(...next) > most) return most + 1
    row = next
  }
  return row[b.length] ?? most + 1
}

/** The known name that an unknown one was probably meant to be. */
export const suggest = (key: string, known: readonly string[]): string | undefined => {
  const most = key.length < 4 ? 1 : Math.max(2, Math.floor(key.length / 3))
  const near = known.map(name => [distance(key.slice(0, 64).toLowerCase(), name, most), name] as const).filter(([far]) => far <= most).sort((a, b) => a[0] - b[0])
  return near[0]?.[1]
}
