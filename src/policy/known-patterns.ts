import { RE2JS } from 're2js'

/** What a search may cost at the worst, in steps; a larger one is left to the module, which has the whole budget for it. */
const mostSteps = 50_000
const maxPattern = 1024
const maxKept = 200
/** A search takes a tenth of its steps in nearly every case: the automaton is kept too. */
const stepsPerFuel = 10

export interface KnownPatterns {
  /** Whether both the module and RE2JS take the pattern; asked of the module once. */
  isGood(pattern: string): boolean
  /** True or false, and what the search costs; undefined where the module must search itself. Depends on the two texts alone. */
  search(pattern: string, text: string): { readonly found: boolean; readonly fuel: number } | undefined
}

/** Patterns compiled once. `isValid` asks the module, so that no pattern is taken here that means nothing there. */
export function createKnownPatterns(isValid: (pattern: string) => boolean): KnownPatterns {
  const kept = new Map<string, RE2JS | undefined>()

  const compiled = (pattern: string): RE2JS | undefined => {
    if (pattern.length > maxPattern) return undefined
    if (kept.has(pattern)) return kept.get(pattern)
    if (kept.size >= maxKept) kept.clear()
    const made = isValid(pattern) ? tryCompile(pattern) : undefined
    kept.set(pattern, made)
    return made
  }
  return {
    isGood: (pattern) => compiled(pattern) !== undefined,
    search(pattern, text) {
      const regex = compiled(pattern)
      if (regex === undefined) return undefined
      const steps = regex.programSize() * (text.length + 1)
      return steps > mostSteps ? undefined : { found: regex.test(text), fuel: Math.ceil(steps / stepsPerFuel) }
    },
  }
}

function tryCompile(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern)
  } catch {
    return undefined
  }
}
