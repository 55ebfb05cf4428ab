import { builtin, noAnswer, type Charge, type HostBuiltin } from '../builtin.ts'
import { asJson, isArray, objectOf, readJson, RegoObject, type Value } from '../value.ts'
import { compileSchema, SchemaError } from './compile.ts'
import { validate } from './validate.ts'

/** A text is JSON; undefined for what is not, and for what is neither text, object nor array. */
function documentOf(value: Value | undefined): Value | undefined {
  if (typeof value === 'string') return readJson(value)
  return value instanceof RegoObject || isArray(value) ? asJson(value) : undefined
}

/** Undefined for a schema that OPA takes, else why it does not. */
function refusalOf(schema: Value, charge: Charge): string | undefined {
  try {
    compileSchema(schema, charge)
    return undefined
  } catch (thrown) {
    if (thrown instanceof SchemaError) return thrown.message
    throw thrown
  }
}

const verify = builtin(([operand], charge) => {
  const schema = documentOf(operand)
  if (schema === undefined) return [false, `jsonschema: ${typeof operand === 'string' ? 'invalid JSON string' : 'wrong type, expected string or object'}`]
  const refusal = refusalOf(schema, charge)
  return refusal === undefined ? [true, null] : [false, `jsonschema: ${refusal}`]
})

const match = builtin(([operand, written], charge) => {
  const document = documentOf(operand)
  const schema = documentOf(written)
  if (document === undefined || schema === undefined || refusalOf(schema, charge) !== undefined) return noAnswer()
  const failures = validate(compileSchema(schema, charge), document, charge)
  return [
    failures.length === 0,
    failures.map(({ type, field, description }) => objectOf({ error: `${field}: ${description}`, type, field, desc: description })),
  ]
})

export const schemaBuiltins = { 'json.match_schema': match, 'json.verify_schema': verify } satisfies Record<string, HostBuiltin>
