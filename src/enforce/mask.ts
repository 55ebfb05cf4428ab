import { isObject } from '../exact-json.ts'
import type { Json, JsonObject, Mask, Message, Sighting } from '../model.ts'
import type { Edits, Replaced } from './edits.ts'
import { holdersOf, type Holder } from './json-text.ts'
import { bodyTarget, mark, readMasks, type MaskRule } from './mask-rules.ts'
import { checkOf, type SchemaCheck } from './output-schema.ts'
import { isList, valueAt } from './pointer.ts'
import { printCut } from './print-edited.ts'
import { withBody } from './rebuild.ts'
import { noRepairs, repair, type Repairs } from './repair.ts'
import { brokenAt } from './shape.ts'
import type { Look } from './splice.ts'
import { maskTwins } from './twins.ts'
import { isUntouched } from './untouched.ts'

export interface MaskInput {
  readonly message: Message
  readonly masks: readonly Mask[]
  /** Of `message.body`. */
  readonly scan: Sighting
  /** Of the tool that answered. The same object each time it is the same schema: its check is compiled once. */
  readonly outputSchema?: Json
}
/** What reads, prints and looks, the same for every message. */
export interface MaskTools {
  /** Of the value of a text that is JSON and part of what was scanned before. */
  readonly rescanText: (before: Sighting, text: string, value: Json) => Sighting
  /** … of a body in which only some values were replaced since it was scanned. */
  readonly rescanReplaced: (before: Sighting, body: Json, replaced: Replaced) => Sighting
  readonly look?: Look
  /** As the most lenient reader takes it. */
  readonly parse: (text: string) => Json | undefined
  readonly print: (value: Json) => string
}
export type MaskCode = 'mask_must' | 'mask_impossible' | 'mask_name' | 'policy_error'
interface Refused {
  readonly ok: false
  readonly code: MaskCode
  readonly detail: string
}
export type Masked =
  /** `scan`: of the body as it is now. */
  { readonly ok: true; readonly message: Message; readonly masked: number; readonly scan: Sighting } | Refused

const refuse = (code: MaskCode, detail: string): Refused => ({ ok: false, code, detail })

/** Replacing a span may bring another to light; more often than this it is no accident. */
const maxRounds = 3

/** Carries out masks: either nothing masked is left anywhere in the message, or the message is refused. */
export function applyMasks(input: MaskInput, tools: MaskTools): Masked {
  const read = readMasks(input.masks, input.scan.detectors)
  if (!read.ok) return refuse('policy_error', read.detail)
  try {
    return applyRules(input, read.rules, tools)
  } catch (error) {
    // a text nested so deeply that walking it overflows the stack, or very many of them, is the server's doing, not a fault of ours
    if (error instanceof RangeError) return refuse('mask_impossible', 'the message is nested too deeply, or is too large for so many masks')
    throw error
  }
}

function applyRules(input: MaskInput, rules: readonly MaskRule[], tools: MaskTools): Masked {
  if (tools.look !== undefined && isUntouched(input.message.body, input.scan, rules, tools.look)) return { ok: true, message: input.message, masked: 0, scan: input.scan }
  const detecting = rules.filter(({ detector }) => detector !== undefined)
  let { message, scan } = input
  let { scan: whole } = input
  let masked = 0
  for (let round = 0; round < maxRounds; round++) {
    const done = maskOnce({ ...input, message, scan }, round === 0 ? rules : detecting, tools)
    if (!done.ok) return done
    if (round === 0 && rules.some((rule) => rule.must && !done.matched.has(rule))) return refuse('mask_must', 'a mask that must apply found nothing to replace')
    if (done.body === message.body) break
    const broken = brokenAt(message, done.body)
    if (broken !== undefined) return refuse('mask_impossible', `a mask would take away what the protocol needs at ${broken}`)
    masked += done.masked
    message = withBody(message, done.body)
    whole = tools.rescanReplaced(whole, done.body, done.replaced)
    scan = withoutPlaceholders(whole, done.body, rules)
    if (mark(bodyTarget(done.body, scan), detecting).matched.size === 0) return { ok: true, message, masked, scan: whole }
  }
  const settled = mark(bodyTarget(message.body, scan), detecting).matched.size === 0
  return settled ? { ok: true, message, masked, scan: whole } : refuse('mask_impossible', 'a detector still finds something after masking')
}

interface Once {
  readonly ok: true
  readonly body: JsonObject
  readonly replaced: Replaced
  readonly masked: number
  readonly matched: ReadonlySet<MaskRule>
}

function maskOnce(input: MaskInput, rules: readonly MaskRule[], tools: MaskTools): Once | Refused {
  const { body } = input.message
  const { edits, matched, names } = mark(bodyTarget(body, input.scan), rules)
  if (names.length > 0) return refuse('mask_name', 'a member name holds what a mask must replace')
  const repairs = new Map<string, Repairs>()
  for (const holder of holdersOf(body)) {
    const made = repairHolder(input, holder, edits)
    if (made === undefined) return refuse('mask_impossible', 'the output schema of the tool has no room for the mask')
    repairs.set(holder.place.join('/'), made)
  }
  const { parse, print, look } = tools
  const rescan = (text: string, value: Json) => tools.rescanText(input.scan, text, value)
  const twins = maskTwins({ body, rules, edits, rescan, look, scan: input.scan, detectors: input.scan.detectors, parse, print, names: 'refuse', repairs: (place) => repairs.get(place.join('/')) ?? noRepairs })
  if (twins.named) return refuse('mask_name', 'a member name in a JSON text holds what a mask must replace')
  const masked = edits.apply(body) ?? null
  if (!isObject(masked)) return refuse('mask_impossible', 'a mask would replace the whole body')
  if (twins.cut) printCut(edits, body, masked)
  return { ok: true, body: masked, replaced: edits.replaced(), masked: edits.count() + twins.masked, matched: new Set([...matched, ...twins.matched]) }
}

/** Undefined where the structured content cannot be made valid. */
function repairHolder(input: MaskInput, holder: Holder, edits: Edits): Repairs | undefined {
  const { message, outputSchema } = input
  if (message.kind !== 'result' || !Object.hasOwn(holder.value, 'structuredContent') || edits.isReplaced(holder.place)) return noRepairs
  const root = [...holder.place, 'structuredContent']
  const read = (body: Json): Json | undefined => valueAt(body, root)
  const before = read(message.body)
  const after = read(edits.apply(message.body) ?? null)
  if (before === after) return noRepairs
  const mustBeObject = message.revision !== '2026-07-28'
  if (outputSchema === undefined || holder.value['isError'] === true) {
    // up to 2025-11-25 it is an object or not there at all
    if (mustBeObject && !isObject(after)) edits.swap(root, { kind: 'drop' })
    return noRepairs
  }
  const fits = checkOf(outputSchema)
  const check: SchemaCheck = (value) => (mustBeObject && !isObject(value) ? [{ path: '' }] : fits(value))
  return repair({ body: message.body, edits, root, check, read })
}

/** Drops the hits that are nothing but a placeholder, such as a made-up address. */
function withoutPlaceholders(scan: Sighting, body: Json, rules: readonly MaskRule[]): Sighting {
  const placeholders = [...new Set(rules.map(({ text }) => text))]
  const isPlaceholder = (hit: Sighting['hits'][number]): boolean => {
    const value = hit.where === 'name' ? hit.keys.at(-1) : valueAt(body, hit.keys)
    if (value === undefined || isList(value) || isObject(value)) return false
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    const whole = hit.encoding === 'base64' ? Buffer.from(text, 'base64').toString('utf8') : text
    return hit.spans.every(({ start, end }) => placeholders.some((placeholder) => placeholder.includes(whole.slice(start, end))))
  }
  return { ...scan, hits: scan.hits.filter((hit) => !isPlaceholder(hit)) }
}
