import { compileAsGo } from './builtins/pattern.ts'

/** What a search may cost at the worst, in steps; a larger one is left to the module, which has the whole budget for it. */
const mostSteps = 50_000
const maxPattern = 1024
const maxKept = 200
/** A search takes a tenth of its steps in nearly every case: the automaton is kept too. */
const stepsPerFuel = 10

/** One that both the module and RE2JS take. */
export interface KnownPattern {
  /** What a search of the text costs, which depends on the two texts alone; undefined where the module must search itself. */
  fuelFor(text: string): number | undefined
  isIn(text: string): boolean
}
export interface KnownPatterns {
  /** Undefined for what is no pattern, or is one only to the module or to RE2JS. */
  find(pattern: string): KnownPattern | undefined
}

/** Patterns compiled once. `isValid` asks the module, so that no pattern is taken here that means nothing there. */
export function createKnownPatterns(isValid: (pattern: string) => boolean): KnownPatterns {
  const kept = new Map<string, KnownPattern | undefined>()
  return {
    find(pattern) {
      if (pattern.length > maxPattern) return undefined
      if (kept.has(pattern)) return kept.get(pattern)
      if (kept.size >= maxKept) kept.clear()
      const made = isValid(pattern) ? tryCompile(pattern) : undefined
      kept.set(pattern, made)
      return made
    },
  }
}

function tryCompile(pattern: string): KnownPattern | undefined {
  const regex = compileAsGo(pattern)?.regex
  if (regex === undefined) return undefined
  const size = regex.programSize()
  return {
    fuelFor(text) {
      const steps = size * (text.length + 1)
      return steps > mostSteps ? undefined : pattern.length + text.length + Math.ceil(steps / stepsPerFuel)
    },
    isIn: (text) => regex.test(text),
  }
}
