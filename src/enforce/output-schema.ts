// A tool's outputSchema is written by the server: it may be wrong, enormous, or made to hang whoever checks it. Everything
// done with one that could take long runs under a deadline.
import { createContext, Script } from 'node:vm'
import { Ajv } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { isObject } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'
import { plainWeight, stepsIn } from './plain-schema.ts'
import { isList } from './pointer.ts'

export interface SchemaError {
  /** JSON Pointer to the value refused. */
  readonly path: string
}
/** The errors of a value; empty means that it is valid. `undefined`: it could not be told. */
export type SchemaCheck = (value: Json) => readonly SchemaError[] | undefined

/** Of the processor. */
const deadlineMs = 200
/** A machine that is busy with other things gives it later; it is not waited for longer than this, since all wait meanwhile. */
const patienceMs = 800
/** A schema that has cost as much without an answer is not tried again. */
const mostWasted = 500
const maxSchemaChars = 512 * 1024
/** So many steps are quicker than a deadline is set up and missed. */
const mostSteps = 4_000_000

interface Validate {
  (value: unknown): boolean
  errors?: readonly { readonly instancePath: string }[] | null
}
interface Known {
  /** Of a plain schema. */
  readonly weight: number | undefined
  validate?: Validate | undefined
  wasted: number
}
/** By the schema's identity: what is compiled once serves every answer of the tool. */
const known = new WeakMap<JsonObject, Known>()

export function checkOf(schema: Json): SchemaCheck {
  if (!isObject(schema)) return () => undefined
  return (value) => {
    const facts = known.get(schema) ?? { weight: plainWeight(schema), wasted: 0 }
    known.set(schema, facts)
    if (facts.wasted >= mostWasted) return undefined
    const ready = (): Validate | undefined => (facts.validate ??= compile(schema))
    const run = (): readonly SchemaError[] | undefined => {
      const validate = ready()
      if (validate === undefined) return undefined
      return validate(plain(value)) ? [] : (validate.errors ?? []).map(({ instancePath }) => ({ path: instancePath }))
    }
    const isQuick = facts.weight !== undefined && facts.weight * stepsIn(value) <= mostSteps
    // the deadline is for looking at the value: a plain schema is compiled before
    const compiled = facts.weight === undefined ? undefined : attempt(ready)
    const done = compiled?.kind === 'threw' ? compiled : isQuick ? attempt(run) : inTime(run)
    if (done.kind === 'missed') facts.wasted += done.spent
    // what threw will throw again
    if (done.kind === 'threw') facts.wasted = mostWasted
    return done.kind === 'done' ? done.value : undefined
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
  return hasSource(value) ? withoutSource(value) : value
}
function hasSource(value: Json): boolean {
  if (isList(value)) return value.some(hasSource)
  if (isObject(value)) return Object.keys(value).some((key) => hasSource(value[key] as Json)) // own
  return typeof value === 'object' && value !== null
}

function withoutSource(value: Json): unknown {
  if (isList(value)) return value.map(withoutSource)
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withoutSource(member)]))
  return typeof value === 'object' && value !== null ? Number(value.rawJSON) : value
}

type Done<T> = { readonly kind: 'done'; readonly value: T } | { readonly kind: 'threw' } | { readonly kind: 'missed'; readonly spent: number }

function attempt<T>(task: () => T): Done<T> {
  try {
    return { kind: 'done', value: task() }
  } catch {
    return { kind: 'threw' }
  }
}

const room: { task?: () => unknown } = createContext({})
const call = new Script('task()')

/** A deadline goes by the clock: where most of it went to others, the task is tried once more, with more of it. */
function inTime<T>(task: () => T): Done<T> {
  const first = within(deadlineMs, task)
  if (first.kind !== 'missed' || first.spent > deadlineMs / 2) return first
  const second = within(patienceMs, task)
  return second.kind === 'missed' ? { kind: 'missed', spent: first.spent + second.spent } : second
}

/** The deadline also ends a pattern that backtracks. */
function within<T>(milliseconds: number, task: () => T): Done<T> {
  const before = process.threadCpuUsage()
  room.task = task
  try {
    return { kind: 'done', value: call.runInContext(room, { timeout: milliseconds }) as T } // what the task returned
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') return { kind: 'threw' }
    const { user, system } = process.threadCpuUsage(before)
    return { kind: 'missed', spent: (user + system) / 1000 }
  } finally {
    delete room.task
  }
}
