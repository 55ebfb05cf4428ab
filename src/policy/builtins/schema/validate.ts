import type { Charge } from '../builtin.ts'
import { compareNumbers, decimalOf, wholeOf } from '../number.ts'
import { isFound } from '../regex.ts'
import { formatFloat } from '../sprintf.ts'
import { isArray, RegoNumber, RegoObject, type Value } from '../value.ts'
import { normal, type Bound, type Schema } from './compile.ts'
import { hasFormat } from './formats.ts'

export interface Failure {
  readonly type: string
  readonly field: string
  readonly description: string
}
/** Of several alternatives that all fail, the one with the best score tells why. */
interface Result {
  readonly failures: Failure[]
  score: number
}
/** Where we are, and what is paid for each step. */
interface Place {
  readonly field: string
  readonly charge: Charge
}

export function validate(schema: Schema, value: Value, charge: Charge): readonly Failure[] {
  const result: Result = { failures: [], score: 0 }
  check(schema, value, result, { field: '', charge })
  return result.failures
}

function fail(result: Result, { field }: Place, type: string, description: string): void {
  result.failures.push({ type, field: field === '' ? '(Root)' : field, description })
  result.score -= 2
}

function attempt(schema: Schema, value: Value, place: Place): Result {
  const result: Result = { failures: [], score: 0 }
  check(schema, value, result, place)
  return result
}

function merge(result: Result, other: Result): void {
  result.failures.push(...other.failures)
  result.score += other.score
}

const isValid = (result: Result): boolean => result.failures.length === 0
const below = ({ field, charge }: Place, step: string): Place => ({ field: field === '' ? step : `${field}.${step}`, charge })

function typeOf(value: Value): string {
  if (value === null) return 'null'
  if (value instanceof RegoNumber) return wholeOf(value.text) === undefined ? 'number' : 'integer'
  return isArray(value) ? 'array' : typeof value === 'object' ? 'object' : typeof value
}

function check(schema: Schema, value: Value, result: Result, place: Place): void {
  place.charge(300)
  if (schema.pass !== undefined) {
    if (!schema.pass) fail(result, place, 'false', 'False always fails validation')
    return
  }
  if (schema.ref !== undefined) return check(schema.ref, value, result, place)
  const { types } = schema
  const given = typeOf(value)
  if (types.length > 0 && !types.includes(given) && !(given === 'integer' && types.includes('number'))) {
    const expected = types.length > 1 ? `[${types.join(',')}]` : types[0]
    return fail(result, place, 'invalid_type', `Invalid type. Expected: ${expected}, given: ${given}`)
  }
  checkCombined(schema, value, result, place)
  if (isArray(value)) checkArray(schema, value, result, place)
  if (value instanceof RegoObject) checkObject(schema, value, result, place)
  if (value instanceof RegoNumber) checkNumber(schema, value, result, place)
  checkValue(schema, value, result, place)
  if (typeof value === 'string') checkText(schema, value, result, place)
  if (value instanceof RegoObject) {
    for (const [name, inner] of schema.properties) {
      const member = value.get(name)
      if (member !== undefined) check(inner, member, result, below(place, name))
    }
  }
  result.score += 1
}

function best(results: readonly Result[]): Result | undefined {
  return results.reduce<Result | undefined>((found, one) => (found === undefined || one.score > found.score ? one : found), undefined)
}

function checkCombined(schema: Schema, value: Value, result: Result, place: Place): void {
  if (schema.anyOf.length > 0) {
    const tried: Result[] = []
    if (!schema.anyOf.some((one) => isValid((tried[tried.length] = attempt(one, value, place))))) {
      fail(result, place, 'number_any_of', 'Must validate at least one schema (anyOf)')
      merge(result, best(tried) ?? { failures: [], score: 0 })
    }
  }
  if (schema.oneOf.length > 0) {
    const tried = schema.oneOf.map((one) => attempt(one, value, place))
    const valid = tried.filter(isValid).length
    if (valid !== 1) fail(result, place, 'number_one_of', 'Must validate one and only one schema (oneOf)')
    if (valid === 0) merge(result, best(tried) ?? { failures: [], score: 0 })
  }
  const all = schema.allOf.map((one) => attempt(one, value, place))
  for (const one of all) merge(result, one)
  if (!all.every(isValid)) fail(result, place, 'number_all_of', 'Must validate all the schemas (allOf)')
  if (schema.not !== undefined && isValid(attempt(schema.not, value, place))) fail(result, place, 'number_not', 'Must not validate the schema (not)')
  if (value instanceof RegoObject) checkDependencies(schema, value, result, place)
  if (schema.if !== undefined) {
    const branch = isValid(attempt(schema.if, value, place)) ? 'then' : 'else'
    const chosen = schema[branch]
    const outcome = chosen === undefined ? undefined : attempt(chosen, value, place)
    if (outcome !== undefined && !isValid(outcome)) {
      fail(result, place, `condition_${branch}`, `Must validate "${branch}" as "if" was ${branch === 'then' ? '' : 'not '}valid`)
      merge(result, outcome)
    }
  }
  result.score += 1
}

function checkDependencies(schema: Schema, value: RegoObject, result: Result, place: Place): void {
  for (const [name, dependency] of schema.dependencies) {
    if (value.get(name) === undefined) continue
    if (!isList(dependency)) check(dependency, value, result, place)
    else for (const other of dependency) if (value.get(other) === undefined) fail(result, place, 'missing_dependency', `Has a dependency on ${other}`)
  }
}

const isList = (value: readonly string[] | Schema): value is readonly string[] => Array.isArray(value)

function checkValue(schema: Schema, value: Value, result: Result, place: Place): void {
  const field = place.field === '' ? '(Root)' : place.field
  const text = schema.constant === undefined && schema.enum === undefined ? '' : normal(value)
  place.charge(text.length * (1 + (schema.enum?.length ?? 0)))
  if (schema.constant !== undefined && text !== schema.constant) fail(result, place, 'const', `${field} does not match: ${schema.constant}`)
  if (schema.enum !== undefined && !schema.enum.includes(text)) fail(result, place, 'enum', `${field} must be one of the following: ${schema.enum.join(', ')}`)
  if (typeof value === 'string' && !hasFormat(schema.format, value, place.charge)) fail(result, place, 'format', `Does not match format '${schema.format}'`)
  result.score += 1
}

function checkArray(schema: Schema, value: readonly Value[], result: Result, place: Place): void {
  const { items, additionalItems, counts } = schema
  const count = value.length
  for (const [index, element] of value.entries()) {
    const own = Array.isArray(items) ? ((items as readonly Schema[])[index] ?? (items.length === 0 || typeof additionalItems === 'boolean' ? undefined : additionalItems)) : (items as Schema | undefined)
    if (own !== undefined) merge(result, attempt(own, element, below(place, String(index))))
  }
  if (Array.isArray(items) && items.length > 0 && items.length < count && additionalItems === false) {
    fail(result, place, 'array_no_additional_items', 'No additional items allowed on array')
  }
  if (count < (counts.get('minItems') ?? 0)) fail(result, place, 'array_min_items', `Array must have at least ${counts.get('minItems')} items`)
  if (count > (counts.get('maxItems') ?? Infinity)) fail(result, place, 'array_max_items', `Array must have at most ${counts.get('maxItems')} items`)
  if (schema.isUnique) {
    const seen = new Map<string, number>()
    for (const [index, element] of value.entries()) {
      const text = normal(element)
      place.charge(text.length)
      const before = seen.get(text)
      if (before !== undefined) fail(result, place, 'unique', `array items[${before},${index}] must be unique`)
      seen.set(text, index)
    }
  }
  if (schema.contains !== undefined) checkContains(schema.contains, value, result, place)
  result.score += 1
}

function checkContains(schema: Schema, value: readonly Value[], result: Result, place: Place): void {
  const tried: Result[] = []
  if (value.some((element, index) => isValid((tried[index] = attempt(schema, element, below(place, String(index))))))) return
  fail(result, place, 'contains', 'At least one of the items must match')
  merge(result, best(tried) ?? { failures: [], score: 0 })
}

function checkObject(schema: Schema, value: RegoObject, result: Result, place: Place): void {
  const { counts, additionalProperties } = schema
  const count = value.pairs.length
  if (count < (counts.get('minProperties') ?? 0)) fail(result, place, 'array_min_properties', `Must have at least ${counts.get('minProperties')} properties`)
  if (count > (counts.get('maxProperties') ?? Infinity)) fail(result, place, 'array_max_properties', `Must have at most ${counts.get('maxProperties')} properties`)
  for (const name of schema.required) {
    if (value.get(name) === undefined) fail(result, place, 'required', `${name} is required`)
    else result.score += 1
  }
  for (const [key, member] of value.pairs) {
    const name = String(key)
    const matching = schema.patternProperties.filter(([regex]) => isFound(regex, name, place.charge))
    for (const [, inner] of matching) merge(result, attempt(inner, member, below(place, name)))
    if (matching.length > 0) result.score += 1
    if (matching.length > 0 || schema.properties.has(name)) continue
    if (additionalProperties === false) fail(result, place, 'additional_property_not_allowed', `Additional property ${name} is not allowed`)
    else if (typeof additionalProperties === 'object') merge(result, attempt(additionalProperties, member, below(place, name)))
  }
  for (const [key] of schema.propertyNames === undefined ? [] : value.pairs) {
    const outcome = attempt(schema.propertyNames as Schema, key, place) // looked at in the line above
    if (isValid(outcome)) continue
    fail(result, place, 'invalid_property_name', `Property name of "${String(key)}" does not match`)
    merge(result, outcome)
  }
  result.score += 1
}

function checkText({ counts, pattern }: Schema, value: string, result: Result, place: Place): void {
  const length = [...value].length
  place.charge(value.length)
  if (length < (counts.get('minLength') ?? 0)) fail(result, place, 'string_gte', `String length must be greater than or equal to ${counts.get('minLength')}`)
  if (length > (counts.get('maxLength') ?? Infinity)) fail(result, place, 'string_lte', `String length must be less than or equal to ${counts.get('maxLength')}`)
  if (pattern !== undefined && !isFound(pattern[1], value, place.charge)) fail(result, place, 'pattern', `Does not match pattern '${pattern[0]}'`)
  result.score += 1
}

const bounds: readonly (readonly [Bound, type: string, says: string, holds: (order: number) => boolean])[] = [
  ['maximum', 'number_lte', 'less than or equal to', (order) => order <= 0],
  ['exclusiveMaximum', 'number_lt', 'less than', (order) => order < 0],
  ['minimum', 'number_gte', 'greater than or equal to', (order) => order >= 0],
  ['exclusiveMinimum', 'number_gt', 'greater than', (order) => order > 0],
]

function checkNumber(schema: Schema, value: RegoNumber, result: Result, place: Place): void {
  if (schema.multipleOf !== undefined && !isMultiple(value.text, schema.multipleOf.text)) {
    fail(result, place, 'multiple_of', `Must be a multiple of ${printed(schema.multipleOf)}`)
  }
  for (const [bound, type, says, holds] of bounds) {
    const limit = schema.bounds.get(bound)
    if (limit !== undefined && !holds(compareNumbers(value.text, limit.text))) fail(result, place, type, `Must be ${says} ${printed(limit)}`)
  }
  result.score += 1
}

function isMultiple(value: string, of: string): boolean {
  const [one, other] = [decimalOf(value), decimalOf(of)]
  if (one === undefined || other === undefined) return false
  const apart = one.exponent - other.exponent
  if (Math.abs(apart) > 4096) throw new Error('numbers that are too far apart')
  const scale = 10n ** BigInt(Math.abs(apart))
  return apart >= 0 ? (one.digits * scale) % other.digits === 0n : one.digits % (other.digits * scale) === 0n
}

/** As Go prints a big.Float: the fewest digits that tell it apart. */
function printed({ text }: RegoNumber): string {
  if (text.replace(/[eE].*|\D/g, '').length > 15) throw new Error('a bound of more than 15 digits')
  const value = Number(text)
  return `${value < 0 ? '-' : ''}${formatFloat(Math.abs(value), 'g', undefined)}`
}
