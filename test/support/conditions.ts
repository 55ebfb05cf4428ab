/** Looks until it is so, or gives up loudly. */
export async function until<T>(look: () => Promise<T | undefined | false> | T | undefined | false, patience = 240_000): Promise<T> {
  for (const end = performance.now() + patience; ; await new Promise((resolve) => setTimeout(resolve, 25))) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (performance.now() > end) throw new Error(`it did not become so within ${patience} ms: ${look.toString()}`)
  }
}
