import { isMap, isNode, isSeq, type Node } from 'yaml'
import type { z } from 'zod'
import { suggest } from '../../nearest.ts'
import type { Problem } from '../problem.ts'
import { readYaml } from '../yaml.ts'
import { rulesFile, type RulesFile } from './schema.ts'

export type Steps = readonly PropertyKey[]
/** One file of rules, and where in it everything stands. */
export interface RulesDocument {
  readonly file: string
  /** Undefined where the file has a problem. */
  readonly rules: RulesFile | undefined
  readonly problems: readonly Problem[]
  problem(steps: Steps, code: string, message: string, remedy?: string, part?: 'key' | 'value'): Problem
}

type Issue = z.core.$ZodIssue

const kindOf = (value: unknown): string =>
  value === undefined || value === null ? 'nothing' : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'a group of names' : `${typeof value === 'string' ? 'the text' : ''} ${JSON.stringify(value).slice(0, 80)}`.trim()

const valueAt = (content: unknown, steps: Steps): unknown =>
  steps.reduce<unknown>((value, step) => (typeof value === 'object' && value !== null && Object.hasOwn(value, step) ? (value as Record<PropertyKey, unknown>)[step] : undefined), content)

/** `deny[1].arguments.limit`. */
const shownPath = (steps: Steps): string => steps.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('').replace(/^\./, '')

/** The names that a schema knows at a place, over all its variants. */
const keysAt = (schema: z.core.$ZodType, [step, ...rest]: Steps): readonly string[] => {
  const { type, innerType, options, shape, element, valueType } = (schema as z.ZodType).def as unknown as Record<string, unknown>
  const into = (inner: unknown, steps: Steps): readonly string[] => keysAt(inner as z.core.$ZodType, steps)
  const here = step === undefined ? [] : [step, ...rest]
  if (innerType !== undefined) return into(innerType, here)
  if (type === 'union') return (options as readonly unknown[]).flatMap((option) => into(option, here))
  if (type === 'object') {
    const members = shape as Readonly<Record<PropertyKey, unknown>>
    return step === undefined ? Object.keys(members) : into(members[step], rest)
  }
  if (step === undefined) return []
  if (type === 'array') return into(element, rest)
  return type === 'record' ? into(valueType, rest) : []
}

/** Of a union, what the variant says that the value was meant for. */
const variantOf = (issue: Issue & { code: 'invalid_union' }): readonly Issue[] | undefined =>
  issue.errors.find((issues) => !issues.some(({ code, path }) => (code === 'invalid_type' || code === 'invalid_value') && path.length === 0))

const flat = (issue: Issue, above: Steps = []): readonly Issue[] => {
  const path = [...above, ...issue.path]
  const variant = issue.code === 'invalid_union' ? variantOf(issue) : undefined
  return variant === undefined ? [{ ...issue, path }] : variant.flatMap((inner) => flat(inner, path))
}

/** Each is looked up in the text; nobody reads more at once. */
const mostProblems = 100

export const readRulesDocument = (file: string, source: string): RulesDocument => {
  const { document, value: content, faults, at } = readYaml(source)
  const locate = (steps: Steps, part: 'key' | 'value'): { row: number; col: number } => {
    let node: unknown = document?.contents
    let found = isNode(node) ? node : undefined
    for (const [index, step] of steps.entries()) {
      const pair = isMap(node) ? node.items.find(({ key }) => isNode(key) && String(key) === String(step)) : undefined
      node = isSeq(node) ? node.items[Number(step)] : pair?.value
      const isLast = index === steps.length - 1
      const shown = pair !== undefined && ((isLast && part === 'key') || !isNode(node)) ? pair.key : node
      if (!isNode(shown)) break
      found = shown as Node
    }
    return at(found?.range?.[0] ?? 0)
  }
  const problem: RulesDocument['problem'] = (steps, code, message, remedy, part = 'value') => ({
    stage: 'rules', file, ...locate(steps, part), code, message: steps.length === 0 ? message : `${shownPath(steps)}: ${message}`, ...(remedy === undefined ? {} : { remedy }),
  })
  const refused = (problems: readonly Problem[]): RulesDocument => ({ file, rules: undefined, problems, problem })

  if (faults.length > 0) return refused(faults.map(({ offset, message, remedy }) => ({ stage: 'rules', file, ...at(offset), code: 'rules_syntax', message: `this cannot be read as YAML: ${message}`, ...(remedy === undefined ? {} : { remedy }) })))
  const proto = protoNames(content)
  if (proto.length > 0) return refused(proto.slice(0, mostProblems).map((steps) => problem(steps, 'rules_key', 'this name means nothing', undefined, 'key')))
  const parsed = rulesFile.safeParse(content ?? {})
  if (parsed.success) return { file, rules: parsed.data, problems: [], problem }
  return refused(parsed.error.issues.slice(0, mostProblems).flatMap((issue) => flat(issue)).flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [problem(issue.path, 'rules_value', `${kindOf(valueAt(content, issue.path))} stands here`, `write ${issue.message.replace(/^Invalid input: expected /, 'a ')}`)]
    const known = keysAt(rulesFile, issue.path)
    return issue.keys.slice(0, mostProblems).map((key) => {
      const near = suggest(key, known)
      return problem([...issue.path, key], 'rules_key', 'there is no such name here', near === undefined ? `use ${known.join(', ')}` : `did you mean ${near}?`, 'key')
    })
  }))
}

/** The schemas pass over this one name in silence. */
const protoNames = (content: unknown, steps: Steps = []): readonly Steps[] =>
  typeof content !== 'object' || content === null
    ? []
    : Object.entries(content).flatMap(([key, value]) => {
        const here = [...steps, Array.isArray(content) ? Number(key) : key]
        return [...(key === '__proto__' ? [here] : []), ...protoNames(value, here)]
      })
