import type { Steps } from './problem.ts'

// Known words that this version cannot honour. They are refused by name: to pass over one would be to run without what was asked for.
const keys = [/^(?:notify|llm|reviews|retention|export)$/]
const kinds: readonly (readonly [path: RegExp, kinds: readonly string[]])[] = [
  [/^store\.kind$/, ['postgres']],
]

const dotted = (steps: Steps): string => steps.join('.')

export const isLaterKey = (steps: Steps): boolean => keys.some(pattern => pattern.test(dotted(steps)))
export const isLaterKind = (steps: Steps, value: unknown): boolean =>
  kinds.some(([pattern, values]) => pattern.test(dotted(steps)) && typeof value === 'string' && values.includes(value))
