import { classFuel, compileAsGo } from './builtins/pattern.ts'

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
/** What a pattern means, and what it takes to find out: the same whether or not it was met before. */
export interface Meaning {
  /** Undefined for what is no pattern, or is one only to the module or to RE2JS. */
  readonly pattern: KnownPattern | undefined
  /** Each time that it is asked. */
  readonly fuel: number
  /** Besides, for the first time in a judgement. */
  readonly first: number
}
export interface KnownPatterns {
  /** `isNew` is one that was put together in this judgement: any number of others may follow it. */
  find(pattern: string, isNew: boolean): Meaning
}
/** The module's word; undefined where it would take more than the given fuel. */
export interface Asked {
  readonly isValid: boolean | undefined
  readonly fuel: number
}

const mostForOwn = 4_000_000
/** A list of words as patterns takes a third of it. */
const mostForNew = 10_000
const usualForNew = 3_000
const mostRepeats = 1000

/** Patterns compiled once. `ask` asks the module, so that no pattern is taken here that means nothing there. */
export function createKnownPatterns(ask: (pattern: string, mostFuel: number) => Asked): KnownPatterns {
  const find = (pattern: string): KnownPattern | undefined => (ask(pattern, mostForOwn).isValid === true ? tryCompile(pattern) : undefined)
  // One that the module reads for long is one to it; whether it is one at all RE2JS tells, as OPA's own evaluator would.
  const findNew = (pattern: string): Meaning => {
    const { isValid, fuel } = ask(pattern, mostForNew)
    const first = classFuel(pattern) + Math.max(0, Math.min(fuel, mostForNew) - usualForNew)
    return { pattern: isValid === false ? undefined : tryCompile(pattern), fuel: newPatternFuel(pattern), first }
  }
  const own = createKept((pattern) => ({ pattern: find(pattern), fuel: 0, first: 0 }))
  const others = createKept(findNew)
  return {
    find(pattern, isNew) {
      if (pattern.length > maxPattern) return { pattern: undefined, fuel: isNew ? newPatternFuel(pattern) : 0, first: 0 }
      return isNew ? others(pattern) : own(pattern)
    },
  }
}

function createKept(make: (pattern: string) => Meaning): (pattern: string) => Meaning {
  const kept = new Map<string, Meaning>()
  return (pattern) => {
    const before = kept.get(pattern)
    if (before !== undefined) return before
    if (kept.size >= maxKept) kept.clear()
    const made = make(pattern)
    kept.set(pattern, made)
    return made
  }
}

/** Repetitions are unrolled, up to a thousand. */
function newPatternFuel(pattern: string): number {
  let repeats = 1
  for (const [, least, most] of pattern.matchAll(/\{(\d{1,4})(?:,(\d{0,4}))?\}/g)) repeats = Math.min(mostRepeats, repeats * Math.max(1, Number(least), Number(most ?? 0)))
  return 1_000 + 20 * (pattern.length + repeats)
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
