// How OPA's masks change an event of its decision log: https://www.openpolicyagent.org/docs/management-decision-logs#masking-sensitive-data
import { isObject, parseExactJson } from '../../exact-json.ts'
import { compareValues } from './rego-order.ts'

/** What a source says is to be left out of an event, or put in its place. */
export interface LogMask {
  readonly op: 'remove' | 'upsert'
  /** Of the event; the first is `input`, `result` or `nd_builtin_cache`. */
  readonly steps: readonly string[]
  readonly value: unknown
}
export type MasksRead = { readonly ok: true; readonly masks: readonly LogMask[] } | { readonly ok: false; readonly why: string }
type Members = Record<string, unknown>

const roots: ReadonlySet<string> = new Set(['input', 'result', 'nd_builtin_cache'])

const readPath = (path: unknown): readonly string[] | undefined => {
  if (typeof path !== 'string' || !path.startsWith('/')) return undefined
  const steps = path.slice(1).split('/')
  return roots.has(steps[0] ?? '') && !steps.some((step) => /%(?![0-9a-f]{2})/i.test(step)) ? steps : undefined
}

const readMask = (said: unknown): LogMask | string => {
  if (typeof said === 'string') {
    const steps = readPath(said)
    return steps === undefined ? 'a path that is none below /input or /result' : { op: 'remove', steps, value: null }
  }
  if (!isObject(said)) return 'something that is neither a path nor an object'
  const { op, path, value = null } = said
  if (op !== 'remove' && op !== 'upsert') return 'an op that is neither remove nor upsert'
  const steps = readPath(path)
  return steps === undefined ? 'a path that is none below /input or /result' : { op, steps, value }
}

/** What `data.system.log.mask` said, in the order in which OPA goes through a set. One that is not well formed makes all of it worthless. */
export const readMasks = (said: unknown): MasksRead => {
  if (!Array.isArray(said)) return { ok: false, why: 'mask is not a set' }
  const masks: LogMask[] = []
  for (const each of said.toSorted(compareValues)) {
    const mask = readMask(each)
    if (typeof mask === 'string') return { ok: false, why: `mask has ${mask}` }
    masks.push(mask)
  }
  return { ok: true, masks }
}

/** As Go writes one step of a path (`url.PathEscape`): under this name OPA looks for the member, and by it the event says what was done. */
const escapeStep = (step: string): string =>
  encodeURIComponent(step.toWellFormed())
    .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%(?:24|26|2B|3A|3D|40)/g, decodeURIComponent)

/** A name that OPA writes otherwise (one with a blank in it) it never finds, so that what should be hidden is sent; here the member as its author wrote it counts too. */
const nameIn = (members: Members, step: string): string => {
  const escaped = escapeStep(step)
  return Object.hasOwn(members, escaped) || !Object.hasOwn(members, step) ? escaped : step
}
const isMembers = (value: unknown): value is Members => isObject(value) && !JSON.isRawJSON(value)
const indexOf = (list: readonly unknown[], step: string): number | undefined => {
  const at = /^[+-]?\d+$/.test(step) ? Number(step) : -1
  return at >= 0 && at < list.length ? at : undefined
}
const put = (members: Members, name: string, value: unknown): void => void Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true })

/** What stands at a step, if anything does; with `make`, a member that is missing becomes an object, as OPA has it. */
const stepInto = (node: unknown, step: string, make: boolean): unknown => {
  if (Array.isArray(node)) return node[indexOf(node, step) ?? -1]
  if (!isMembers(node)) return undefined
  const name = nameIn(node, step)
  if (make && !Object.hasOwn(node, name)) put(node, name, {})
  return Object.hasOwn(node, name) ? node[name] : undefined
}

/** Whether something was changed. */
const applyTo = (root: unknown, steps: readonly string[], { op, value }: LogMask): boolean => {
  const holder = steps.slice(0, -1).reduce((node, step) => stepInto(node, step, op === 'upsert'), root)
  const last = steps.at(-1) ?? ''
  if (Array.isArray(holder)) {
    const at = indexOf(holder, last)
    if (at === undefined) return false
    holder.splice(at, 1, ...(op === 'remove' ? [] : [value]))
    return true
  }
  if (!isMembers(holder)) return false
  const name = nameIn(holder, last)
  if (op === 'upsert') put(holder, name, value)
  else if (!Object.hasOwn(holder, name)) return false
  else delete holder[name]
  return true
}

/** The printed event with these masks applied, and named in its `erased` and `masked`. */
export const maskEvent = (text: string, masks: readonly LogMask[]): string => {
  if (masks.length === 0) return text
  const event = parseExactJson(text) as Members
  const named: Record<LogMask['op'], string[]> = { remove: [], upsert: [] }
  for (const mask of masks) {
    const [root = '', ...steps] = mask.steps
    if (!Object.hasOwn(event, root)) continue
    if (steps.length > 0 && !applyTo(event[root], steps, mask)) continue
    if (steps.length === 0 && mask.op === 'remove') delete event[root]
    if (steps.length === 0 && mask.op === 'upsert') event[root] = mask.value
    named[mask.op].push(`/${mask.steps.map(escapeStep).join('/')}`)
  }
  for (const [list, more] of [['erased', named.remove], ['masked', named.upsert]] as const) {
    if (more.length > 0) event[list] = [...((event[list] as readonly string[] | undefined) ?? []), ...more]
  }
  return JSON.stringify(event)
}

/** The printed event without anything that a mask could have hidden. */
export const bareEvent = (text: string): string => {
  const { input: _input, result: _result, masked: _masked, ...rest } = JSON.parse(text) as Members
  return JSON.stringify({ ...rest, erased: ['/input', '/result'] })
}
