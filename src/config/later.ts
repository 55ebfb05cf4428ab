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

// What was there once, with what takes its place.
const gone: Readonly<Record<string, string>> = {
  admin: 'nothing: policies say who may use the admin API; write `roles contains "reviewer" if "oncall" in input.actor.groups` in a module of policies, or `roles:` in rules.yaml',
}
export const whyGone = (key: string): string | undefined => (Object.hasOwn(gone, key) ? gone[key] : undefined)

// What is refused on purpose, with the way that is meant instead.
const never: readonly (readonly [path: RegExp, value: string, why: string])[] = [
  [/^upstreams\.[^.]+\.credentials\.kind$/, 'query', 'another kind, such as header: what stands in a URL is kept in logs and histories on its way'],
]
export const whyNever = (steps: Steps, value: unknown): string | undefined => never.find(([pattern, refused]) => pattern.test(dotted(steps)) && value === refused)?.[2]
