// A tool's outputSchema is written by the server: it may be wrong, enormous, or made to hang whoever checks it. Everything
// done with one runs under a deadline, and a schema that once missed it is not tried again.
import { createContext, Script } from 'node:vm'
import { Ajv } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { Json, JsonObject } from '../model.ts'
import { isList, isObject } from './pointer.ts'

export interface SchemaError {
  /** JSON Pointer to the value refused. */
  readonly path: string
}
/** The errors of a value; empty means that it is valid. `undefined`: it could not be told. */
export type SchemaCheck = (value: Json) => readonly SchemaError[] | undefined

const compileMs = 100
const checkMs = 50
const maxSchemaChars = 512 * 1024

interface Validate {
  (value: unknown): boolean
  errors?: readonly { readonly instancePath: string }[] | null
}
const compiled = new WeakMap<JsonObject, Validate | 'unusable'>()

export function checkOf(schema: Json): SchemaCheck {
  if (!isObject(schema)) return () => undefined
  return (value) => {
    let validate = compiled.get(schema)
    if (validate === undefined) {
      validate = within(compileMs, () => compile(schema)) ?? 'unusable'
      compiled.set(schema, validate)
    }
    if (validate === 'unusable') return undefined
    const run = validate
    const errors = within(checkMs, () => (run(plain(value)) ? [] : (run.errors ?? []).map(({ instancePath }) => ({ path: instancePath }))))
    if (errors === undefined) compiled.set(schema, 'unusable')
    return errors
  }
}

/** MCP since 2025-11-25: JSON Schema 2020-12 where `$schema` names no other. */
function compile(schema: JsonObject): Validate | undefined {
  if (JSON.stringify(schema).length > maxSchemaChars) return undefined
  const options = { strict: false, validateSchema: false, meta: false, addUsedSchema: false, logger: false, allErrors: false } as const
  const dialect = schema['$schema']
  const named = typeof dialect === 'string' ? dialect : ''
  const ajv = /draft-0[4-7]/.test(named) ? new Ajv(options) : named.includes('2019-09') ? new Ajv2019(options) : new Ajv2020(options)
  formats.default(ajv)
  // a copy without `$schema`: the meta-schemas are not loaded, and the dialect is chosen already
  const { $schema: _dialect, ...rest } = plain(schema) as Record<string, unknown>
  return ajv.compile(rest) as Validate
}

/** As a validator knows JSON: numbers with source text as plain numbers. */
function plain(value: Json): unknown {
  if (isList(value)) return value.map(plain)
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]))
  return typeof value === 'object' && value !== null ? Number(value.rawJSON) : value
}

/** The result of the task, or undefined if it threw or took too long. The deadline also ends a pattern that backtracks. */
function within<T>(milliseconds: number, task: () => T): T | undefined {
  const room = createContext({ task })
  try {
    return call.runInContext(room, { timeout: milliseconds }) as T
  } catch {
    return undefined
  }
}
const call = new Script('task()')
