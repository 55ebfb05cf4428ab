/**
 * JSON schemas of drafts 4, 6 and 7, as OPA's library reads them. A reader of our own, since each step has to be charged: a schema
 * that refers to itself makes any compiled validator run for ever, and a judgement must end.
 */
import type { RE2JS } from 're2js'
import type { Charge } from '../builtin.ts'
import { goJson } from '../encode.ts'
import { wholeOf } from '../number.ts'
import { compilePattern } from '../regex.ts'
import { isArray, number, RegoNumber, RegoObject, type Value } from '../value.ts'

/** What OPA says about a schema that is none. */
export class SchemaError extends Error {}

/** The values of one place of a schema; a boolean accepts or refuses everything. */
export interface Schema {
  pass?: boolean
  ref?: Schema
  readonly types: string[]
  readonly properties: Map<string, Schema>
  readonly patternProperties: (readonly [RE2JS, Schema])[]
  additionalProperties?: boolean | Schema
  propertyNames?: Schema
  readonly dependencies: Map<string, readonly string[] | Schema>
  items: readonly Schema[] | Schema | undefined
  additionalItems?: boolean | Schema
  contains?: Schema
  readonly bounds: Map<Bound, RegoNumber>
  multipleOf?: RegoNumber
  readonly counts: Map<Count, number>
  pattern?: readonly [source: string, regex: RE2JS]
  format: string
  required: readonly string[]
  isUnique: boolean
  constant?: string
  enum?: readonly string[]
  oneOf: readonly Schema[]
  anyOf: readonly Schema[]
  allOf: readonly Schema[]
  not?: Schema
  if?: Schema
  then?: Schema
  else?: Schema
}
export type Bound = 'minimum' | 'maximum' | 'exclusiveMinimum' | 'exclusiveMaximum'
export type Count = 'minLength' | 'maxLength' | 'minProperties' | 'maxProperties' | 'minItems' | 'maxItems'
type Draft = 4 | 6 | 7 | 'any'

interface Reading {
  readonly root: Value
  readonly draft: Draft
  readonly charge: Charge
  readonly references: Map<string, Schema>
}

const typeNames = ['array', 'boolean', 'integer', 'number', 'null', 'object', 'string']
const perPattern = 5_000
const drafts: Readonly<Record<string, Draft>> = { '4': 4, '6': 6, '7': 7 }

export function compileSchema(root: Value, charge: Charge): Schema {
  const written = root instanceof RegoObject ? root.get('$schema') : undefined
  const version = typeof written === 'string' ? /^https?:\/\/json-schema\.org\/draft-0([467])\/schema#?$/.exec(written)?.[1] : undefined
  if (written !== undefined && version === undefined) throw new Error('a schema of another draft than 4, 6 and 7')
  return read(root, { root, draft: version === undefined ? 'any' : (drafts[version] ?? 'any'), charge, references: new Map() }, true)
}

function empty(): Schema {
  return {
    types: [], properties: new Map(), patternProperties: [], dependencies: new Map(), items: undefined, bounds: new Map(), counts: new Map(),
    format: '', required: [], isUnique: false, oneOf: [], anyOf: [], allOf: [],
  }
}

const wrongType = (expected: string, given: string): never => {
  throw new SchemaError(`Invalid type. Expected: ${expected}, given: ${given}`)
}
const mustBe = (key: string, article: 'a' | 'an', type: string): never => {
  throw new SchemaError(`${key} must be of ${article} ${type}`)
}

function text(node: RegoObject, key: string): string | undefined {
  const found = node.get(key)
  return found === undefined || typeof found === 'string' ? found : wrongType('string', key)
}

function list(node: RegoObject, key: string): readonly Value[] {
  const found = node.get(key)
  return found === undefined ? [] : isArray(found) ? found : mustBe(key, 'an', 'array')
}

const isSchema = (value: Value): boolean => typeof value === 'boolean' || value instanceof RegoObject

function read(node: Value, from: Reading, isRoot = false): Schema {
  from.charge(200)
  const schema = empty()
  if (typeof node === 'boolean' && from.draft !== 4) return { ...schema, pass: node }
  if (!(node instanceof RegoObject)) throw new SchemaError(isRoot ? 'schema is invalid' : 'Expected: Valid Schema, given: Invalid JSON')
  const id = text(node, from.draft === 4 || (from.draft === 'any' && node.get('id') !== undefined) ? 'id' : '$id')
  if (id !== undefined && !isRoot) throw new Error('a schema with an id of its own inside another')
  readDefinitions(node, from)
  text(node, 'title')
  text(node, 'description')
  const reference = text(node, '$ref')
  if (reference !== undefined) {
    schema.ref = refer(reference, from)
    return schema
  }
  readTypes(node, schema)
  readObject(node, schema, from)
  readArray(node, schema, from)
  readNumbers(node, schema, from.draft)
  readCounts(node, schema, 'minLength', 'maxLength')
  readText(node, schema, from)
  readCounts(node, schema, 'minProperties', 'maxProperties')
  readRequired(node, schema)
  readCounts(node, schema, 'minItems', 'maxItems')
  readValues(node, schema, from)
  readCombined(node, schema, from)
  return schema
}

function readDefinitions(node: RegoObject, from: Reading): void {
  const found = node.get('definitions')
  if (found === undefined) return
  if (!(found instanceof RegoObject) || !found.pairs.every(([, value]) => isSchema(value))) return wrongType('Array Of Schemas', 'definitions')
  for (const [, value] of found.pairs) read(value, from)
}

/** Only within the document: there is no network. */
function refer(reference: string, from: Reading): Schema {
  const known = from.references.get(reference)
  if (known !== undefined) return known
  if (!/^#(?:\/|$)/.test(reference)) throw new Error('a reference to another document')
  const place = empty()
  from.references.set(reference, place)
  let node: Value | undefined = from.root
  for (const step of decodeURIComponent(reference.slice(1)).split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    node = node instanceof RegoObject ? node.get(key) : isArray(node) && /^\d+$/.test(key) ? node[Number(key)] : undefined
    if (node === undefined) throw new Error('a reference to what is not there')
  }
  return Object.assign(place, read(node ?? null, from, node === from.root))
}

function readTypes(node: RegoObject, schema: Schema): void {
  const found = node.get('type')
  if (found === undefined) return
  const names = isArray(found) ? found : typeof found === 'string' ? [found] : wrongType('type', 'string/Array Of Strings')
  for (const name of names) {
    if (typeof name !== 'string') return wrongType('type', 'string/Array Of Strings')
    if (!typeNames.includes(name)) throw new SchemaError(`has a primitive type that is NOT VALID -- given: /${name}/ Expected valid values are:[${typeNames.join(' ')}]`)
    if (schema.types.includes(name)) throw new SchemaError(`${name} type is duplicated`)
    schema.types.push(name)
  }
}

function readObject(node: RegoObject, schema: Schema, from: Reading): void {
  const properties = node.get('properties') ?? new RegoObject([])
  if (!(properties instanceof RegoObject)) throw new SchemaError('Properties must be of type object')
  for (const [key, value] of properties.pairs) schema.properties.set(String(key), read(value, from))
  const additional = node.get('additionalProperties')
  if (additional !== undefined) schema.additionalProperties = booleanOr(additional, 'additionalProperties', from)
  const patterns = node.get('patternProperties')
  if (patterns !== undefined && !(patterns instanceof RegoObject)) wrongType('Valid Schema', 'patternProperties')
  for (const [key, value] of patterns instanceof RegoObject ? patterns.pairs : []) {
    from.charge(perPattern)
    const regex = compilePattern(String(key), from.charge)
    if (regex === undefined) throw new SchemaError(`Invalid regex pattern '${String(key)}'`)
    schema.patternProperties.push([regex, read(value, from)])
  }
  const names = node.get('propertyNames')
  if (names !== undefined && from.draft !== 4) schema.propertyNames = isSchema(names) ? read(names, from) : wrongType('Valid Schema', 'patternProperties')
  readDependencies(node, schema, from)
}

function booleanOr(value: Value, key: string, from: Reading): boolean | Schema {
  if (typeof value === 'boolean') return value
  return value instanceof RegoObject ? read(value, from) : wrongType('boolean/Valid Schema', key)
}

function readDependencies(node: RegoObject, schema: Schema, from: Reading): void {
  const found = node.get('dependencies')
  if (found === undefined) return
  const wrong = (): never => {
    throw new SchemaError('Dependency must be of type Schema Or Array Of Strings')
  }
  if (!(found instanceof RegoObject)) throw new SchemaError('dependencies must be of type object')
  for (const [key, value] of found.pairs) {
    if (isArray(value)) schema.dependencies.set(String(key), value.map((one) => (typeof one === 'string' ? one : wrong())))
    else schema.dependencies.set(String(key), isSchema(value) ? read(value, from) : wrong())
  }
}

function readArray(node: RegoObject, schema: Schema, from: Reading): void {
  const items = node.get('items')
  const wrong = (): never => wrongType('Valid Schema/Array Of Schemas', 'items')
  if (items !== undefined) {
    schema.items = isArray(items) ? items.map((one) => (isSchema(one) ? read(one, from) : wrong())) : isSchema(items) ? read(items, from) : wrong()
  }
  const additional = node.get('additionalItems')
  if (additional !== undefined) schema.additionalItems = booleanOr(additional, 'additionalItems', from)
  const contains = node.get('contains')
  if (contains !== undefined && from.draft !== 4) schema.contains = read(contains, from)
}

function readNumbers(node: RegoObject, schema: Schema, draft: Draft): void {
  const multiple = node.get('multipleOf')
  if (multiple !== undefined) {
    if (!(multiple instanceof RegoNumber)) return wrongType('Number', 'multipleOf')
    if (Number(multiple.text) <= 0) throw new SchemaError('multipleOf must be strictly greater than 0')
    schema.multipleOf = multiple
  }
  for (const [plain, exclusive] of [['minimum', 'exclusiveMinimum'], ['maximum', 'exclusiveMaximum']] as const) {
    const bound = node.get(plain)
    if (bound !== undefined) schema.bounds.set(plain, bound instanceof RegoNumber ? bound : mustBe(plain, 'a', 'Number'))
    const strict = node.get(exclusive)
    if (strict === undefined) continue
    if (strict instanceof RegoNumber && draft !== 4) schema.bounds.set(exclusive, strict)
    else if (typeof strict === 'boolean' && (draft === 4 || draft === 'any')) {
      if (!(bound instanceof RegoNumber)) throw new SchemaError(`${exclusive} cannot be used without ${plain}`)
      if (strict) {
        schema.bounds.set(exclusive, bound)
        schema.bounds.delete(plain)
      }
    } else wrongType(draft === 4 ? 'boolean' : draft === 'any' ? 'boolean/number' : 'number', exclusive)
  }
}

function readCounts(node: RegoObject, schema: Schema, least: Count, most: Count): void {
  for (const key of [least, most]) {
    const found = node.get(key)
    if (found === undefined) continue
    const count = found instanceof RegoNumber && /^-?\d+$/.test(found.text) ? wholeOf(found.text) : undefined
    if (count === undefined) return mustBe(key, 'an', 'integer')
    if (count < 0n) throw new SchemaError(`${key} must be greater than or equal to 0`)
    schema.counts.set(key, Number(count))
  }
  if (least !== 'minItems' && (schema.counts.get(least) ?? 0) > (schema.counts.get(most) ?? Infinity)) {
    throw new SchemaError(`${least} cannot be greater than ${most}`)
  }
}

function readText(node: RegoObject, schema: Schema, from: Reading): void {
  const source = text(node, 'pattern')
  if (source !== undefined) {
    from.charge(perPattern)
    const regex = compilePattern(source, from.charge)
    if (regex === undefined) throw new SchemaError('pattern must be a valid regex')
    schema.pattern = [source, regex]
  }
  schema.format = text(node, 'format') ?? ''
}

function readRequired(node: RegoObject, schema: Schema): void {
  schema.required = list(node, 'required').map((name) => (typeof name === 'string' ? name : wrongType('string', 'required')))
  if (new Set(schema.required).size < schema.required.length) throw new SchemaError('required items must be unique')
}

function readValues(node: RegoObject, schema: Schema, from: Reading): void {
  const unique = node.get('uniqueItems')
  if (unique !== undefined) schema.isUnique = typeof unique === 'boolean' ? unique : mustBe('uniqueItems', 'a', 'boolean')
  const constant = node.get('const')
  if (constant !== undefined && from.draft !== 4) schema.constant = normal(constant)
  if (node.get('enum') === undefined) return
  schema.enum = list(node, 'enum').map(normal)
  if (new Set(schema.enum).size < schema.enum.length) throw new SchemaError('enum items must be unique')
}

function readCombined(node: RegoObject, schema: Schema, from: Reading): void {
  for (const key of ['oneOf', 'anyOf', 'allOf'] as const) schema[key] = list(node, key).map((one) => read(one, from))
  const conditions = from.draft === 7 || from.draft === 'any' ? (['if', 'then', 'else'] as const) : []
  for (const key of ['not', ...conditions] as const) {
    const found = node.get(key)
    if (found !== undefined) schema[key] = isSchema(found) ? read(found, from) : mustBe(key, 'an', 'object')
  }
}

/** Numbers as doubles, so that 1.0 is 1. */
export function normal(value: Value): string {
  return goJson(asDoubles(value))
}

function asDoubles(value: Value): Value {
  if (value instanceof RegoNumber) return number(Number(value.text))
  if (isArray(value)) return value.map(asDoubles)
  return value instanceof RegoObject ? new RegoObject(value.pairs.map(([key, inner]) => [key, asDoubles(inner)] as const)) : value
}
