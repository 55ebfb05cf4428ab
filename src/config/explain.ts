import { z } from 'zod'
import { isLaterKey, isLaterKind, whyNever } from './later.ts'
import { valueAt, type ConfigDocument } from './document.ts'
import { showPath, type Problem, type Steps } from './problem.ts'
import { suggest } from '../nearest.ts'

type Issue = z.core.$ZodIssue

const kindOf = (value: unknown): string =>
  value === undefined ? 'nothing' : value === null ? 'nothing after the name' : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'a group of names' : `a ${typeof value === 'string' ? 'text' : typeof value}`

// A place that is meant for the source of a secret may hold the secret itself, by mistake; so may a URL.
const mayHoldSecret = (steps: Steps, value: unknown): boolean =>
  steps.some(step => typeof step === 'string' && /(?:_from$|^credentials$|^env$|^args$|token|secret|password|passwd|key)/i.test(step)) || (typeof value === 'string' && /\/\/[^/]*@/.test(value))

const showFound = (steps: Steps, value: unknown): string => {
  const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  if (!isScalar || mayHoldSecret(steps, value)) return kindOf(value)
  const shown = JSON.stringify(value)
  return shown.length > 80 ? `${shown.slice(0, 80)}…` : shown
}

/** The names that a schema knows at a place, over all its variants. */
const keysAt = (schema: z.core.$ZodType, steps: Steps): readonly string[] => {
  const def = (schema as z.ZodType).def as unknown as Record<string, unknown> & { type: string }
  const into = (inner: unknown) => keysAt(inner as z.core.$ZodType, steps)
  if (def.innerType !== undefined) return into(def.innerType)
  if (def.type === 'pipe') return into(def.in)
  if (def.type === 'union') return [...new Set((def.options as unknown[]).flatMap(into))]
  const [step, ...rest] = steps
  if (def.type === 'object') {
    const shape = def.shape as Record<string, z.core.$ZodType>
    if (step === undefined) return Object.keys(shape)
    const inner = Object.hasOwn(shape, step) ? shape[step] : undefined
    return inner === undefined ? [] : keysAt(inner, rest)
  }
  if (step === undefined) return []
  if (def.type === 'array') return keysAt(def.element as z.core.$ZodType, rest)
  if (def.type === 'record') return keysAt(def.valueType as z.core.$ZodType, rest)
  return []
}

const phrases: Readonly<Record<string, string>> = {
  string: 'a text', number: 'a number', boolean: 'true or false', array: 'a list', object: 'a group of names', record: 'a group of names',
}
const expectationOf = (issue: Issue): string => {
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) return phrases[issue.expected] ?? issue.expected
  if (issue.code === 'invalid_value' && issue.message.startsWith('Invalid ')) return `one of ${issue.values.map(String).join(', ')}`
  return issue.message
}

const structural = (issue: Issue): boolean => (issue.code === 'unrecognized_keys' || issue.code === 'invalid_type') && issue.path.length <= 1

/** Which variant of a union was meant: the one of whose names fewest are missing or unknown, if one stands out. */
const meant = (branches: readonly (readonly Issue[])[], value: unknown): readonly Issue[] | undefined => {
  if (value === null || (typeof value === 'object' && Object.keys(value).length === 0)) return undefined
  const weighed = branches
    .filter(issues => !issues.some(issue => issue.code === 'invalid_type' && issue.path.length === 0))
    .map(issues => [issues.filter(structural).reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0), issues] as const)
    .sort((a, b) => a[0] - b[0])
  const [first, second] = weighed
  return first === undefined || (second !== undefined && first[0] === second[0]) ? undefined : first[1]
}

/** Turns what a schema found into problems, each with its place in the file and what would have been right. */
export const explain = (schema: z.ZodType, root: Steps, issues: readonly Issue[], document: ConfigDocument): readonly Problem[] => {
  const one = (issue: Issue, prefix: Steps): readonly Problem[] => {
    const steps: Steps = [...prefix, ...(issue.path as (string | number)[])]
    const value = valueAt(document.content, steps)
    const problem = (at: Steps, found: string, expected: string, part: 'key' | 'value' = 'value'): Problem =>
      ({ path: showPath(at), ...document.locate(at, part), found, expected })
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map(key => {
        const at = [...steps, key]
        if (isLaterKey(at)) return problem(at, 'this name', 'none: it is not available in this version', 'key')
        const known = keysAt(schema, steps.slice(root.length))
        const near = suggest(key, known)
        return problem(at, 'an unknown name', near === undefined ? `one of ${known.join(', ')}` : `a known name; did you mean ${near}?`, 'key')
      })
    }
    if (issue.code === 'invalid_union') {
      if (issue.errors.length > 0) {
        const later = typeof value === 'object' && value !== null ? Object.keys(value).filter(key => isLaterKey([...steps, key])) : []
        if (later.length > 0) return later.map(key => problem([...steps, key], 'this name', 'none: it is not available in this version', 'key'))
        const branch = meant(issue.errors as Issue[][], value)
        return branch === undefined ? [problem(steps, kindOf(value), issue.message)] : branch.flatMap(inner => one(inner, steps))
      }
      const later = isLaterKind(steps, value)
      const options = (issue as { options?: readonly unknown[] }).options ?? []
      const never = whyNever(steps, value)
      if (never !== undefined) return [problem(steps, showFound(steps, value), never)]
      return [problem(steps, showFound(steps, value), later ? `${options.join(', ')}: ${String(value)} is not available in this version` : `one of ${options.join(', ')}`)]
    }
    if (issue.code === 'invalid_key') return [problem(steps, 'this name', issue.issues.map(inner => inner.message).join('; '), 'key')]
    return [problem(steps, showFound(steps, value), expectationOf(issue))]
  }
  return issues.flatMap(issue => one(issue, root))
}
