import { isObject } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'
import { isList, valueAt } from './pointer.ts'

/** How many schemas may be reached, references followed each time they are met. */
const maxReached = 5_000
const maxChars = 64 * 1024

/** Keywords that hold one schema or an array of them. */
const nested = new Set([
  'items', 'prefixItems', 'additionalItems', 'additionalProperties', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'contains', 'propertyNames',
])
/** Keywords that are checked at once or not at all. Definitions are followed where they are referred to. */
const flat = new Set([
  'type', 'enum', 'const', 'required', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf',
  'minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties', 'minContains', 'maxContains',
  'title', 'description', 'default', 'example', 'examples', 'nullable', 'deprecated', 'readOnly', 'writeOnly',
  'contentEncoding', 'contentMediaType', '$schema', '$comment', '$defs', 'definitions',
])
const flatFormats = new Set(['date', 'time', 'date-time', 'uuid', 'ipv4'])

/** A length is counted in characters, which is quicker than what else is done with a value. */
const charsInStep = 16

/** How many steps it takes to look at a value once. */
export function stepsIn(value: Json): number {
  if (typeof value === 'string') return 1 + value.length / charsInStep
  if (isList(value)) return value.reduce((sum: number, element) => sum + stepsIn(element), 1)
  if (!isObject(value)) return 1
  return Object.keys(value).reduce((sum, name) => sum + name.length / charsInStep + stepsIn(value[name] as Json), 1) // own
}

/**
 * What each value is held against at most, of a schema that can be checked in time proportional to that and to the size of the values:
 * no patterns, no comparing of all elements with each other, no recursion, and no keyword that is not known here. Undefined of any other.
 */
export function plainWeight(schema: JsonObject): number | undefined {
  if (JSON.stringify(schema).length > maxChars) return undefined
  let reached = 0
  let listed = 0
  const isPlain = (at: Json, open: readonly string[]): boolean => {
    if (isList(at)) return at.every((element) => isPlain(element, open))
    if (!isObject(at)) return typeof at === 'boolean'
    if (++reached > maxReached) return false
    return Object.keys(at).every((keyword) => {
      const value = at[keyword] as Json // own
      if (keyword === 'enum' || keyword === 'const') listed += stepsIn(value)
      else if (isList(value)) listed += value.length
      if (flat.has(keyword)) return true
      if (nested.has(keyword)) return isPlain(value, open)
      if (keyword === 'properties') return isObject(value) && Object.values(value).every((member) => isPlain(member as Json, open)) // a JSON value's
      if (keyword === 'format') return typeof value === 'string' && flatFormats.has(value)
      return keyword === '$ref' && typeof value === 'string' && refersPlainly(value, open)
    })
  }
  const refersPlainly = (reference: string, open: readonly string[]): boolean => {
    const name = /^#\/(\$defs|definitions)\/([\w.-]+)$/.exec(reference)
    const target = name === null ? undefined : valueAt(schema, name.slice(1))
    return target !== undefined && !open.includes(reference) && isPlain(target, [...open, reference])
  }
  return isPlain(schema, []) ? reached + listed : undefined
}
