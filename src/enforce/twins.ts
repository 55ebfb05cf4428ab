// The same secret often stands twice: in `structuredContent` and in a text block that is the same JSON printed. What a mask
// covers in the one it covers in the other, or a client that reads the other sees it.
import type { Hit, Json, JsonObject, Sighting } from '../model.ts'
import { patchText } from './apply-edits.ts'
import type { Edits, Likeness } from './edits.ts'
import { holdersOf, readText, type TextPlace } from './json-text.ts'
import { mark, positionAfter, type MaskRule, type Target, type TargetAround } from './mask-rules.ts'
import { covers, valueAt, type Place, type Segments } from './pointer.ts'
import { noRepairs, type Repairs } from './repair.ts'
import { mayHide, spliceText, type Look } from './splice.ts'
import { TextRules } from './text-rules.ts'

export interface TwinContext {
  readonly body: JsonObject
  readonly rules: readonly MaskRule[]
  /** Those of the body; the texts are added to them. */
  readonly edits: Edits
  /** By the place of the holder. */
  readonly repairs: (holder: Place) => Repairs
  readonly rescan: (text: string, value: Json) => Sighting
  /** Where it is given, texts are cut into where that does as well. */
  readonly look?: Look | undefined
  /** Of the body. */
  readonly scan: Sighting
  /** The names of those that rescan. */
  readonly detectors: readonly string[]
  readonly parse: (text: string) => Json | undefined
  readonly print: (value: Json) => string
  /** What becomes of a member name that a rule's detector hit. */
  readonly names: 'refuse' | 'rename'
  /** What stands for a text that is too deep, or meets too many rules; without it there is a `RangeError`. */
  readonly instead?: string
}
export interface Twins {
  /** How many replacements were made inside texts, beyond the one of the text itself. */
  readonly masked: number
  readonly matched: ReadonlySet<MaskRule>
  /** A member name in a text holds what a rule must replace. */
  readonly named: boolean
  /** Whether a text was cut into. */
  readonly cut: boolean
}
/** … and what is found out on the way. */
interface Looking extends TwinContext {
  readonly textRules: TextRules
  readonly readings: Map<string, Reading>
}
interface Reading {
  readonly value: Json
  readonly hits: readonly Hit[]
}
interface Twin {
  readonly text: string
  readonly like: Likeness
  readonly masked: number
  readonly matched: ReadonlySet<MaskRule>
  readonly named: boolean
}

/** Masks every text that is JSON: in content blocks as structured content, elsewhere where a detector hit. */
export function maskTwins(context: TwinContext): Twins {
  const { body, edits } = context
  const looking: Looking = { ...context, textRules: new TextRules(context.rules), readings: new Map() }
  const matched = new Set<MaskRule>()
  let masked = 0
  let named = false
  let cut = false
  const take = (place: Place, twin: Twin | undefined): void => {
    if (twin === undefined) return
    for (const rule of twin.matched) matched.add(rule)
    named ||= twin.named
    cut ||= twin.like.cut !== undefined
    masked += twin.masked - 1
    edits.replace(place, { kind: 'value', value: twin.text, like: twin.like })
  }
  const look = (place: Place, find: () => Twin | undefined): void => {
    try {
      take(place, find())
    } catch (error) {
      if (context.instead === undefined || !(error instanceof RangeError)) throw error
      edits.replace(place, { kind: 'value', value: context.instead })
    }
  }
  for (const holder of holdersOf(body)) {
    const structured = structuredOf(looking, holder.place)
    for (const text of holder.texts) {
      if (!edits.isReplaced(text.place)) look(text.place, () => blockTwin(looking, structured, text))
    }
  }
  for (const text of edits.patchedTexts(body, mayBeObject)) look(text.place, () => strayTwin(looking, text))
  return { masked, matched, named, cut }
}

/** The structured content beside very many blocks is printed once, and masked once. */
interface Structured {
  readonly holder: Place
  readonly root: Place
  /** The rules that reach it. */
  readonly reaching: () => readonly MaskRule[]
  /** Undefined where there is none. */
  readonly printed: () => string | undefined
  /** What becomes of a text that is the same. `gone`: it was dropped, and the text must be looked at. */
  readonly twin: () => Twin | undefined | 'gone'
}

function structuredOf(context: Looking, holder: Place): Structured {
  const root = [...holder, 'structuredContent']
  const printed = once(() => {
    const value = valueAt(context.body, root)
    return value === undefined ? undefined : context.print(value)
  })
  return { holder, root, reaching: once(() => context.textRules.reaching(root)), printed, twin: once(() => printedTwin(context, root, printed() ?? '')) }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

function blockTwin(context: Looking, { holder, root, reaching, printed, twin }: Structured, { place, text }: TextPlace): Twin | undefined {
  const around = context.textRules.around(place)
  const rules = context.textRules.joined(reaching(), around)
  if (rules.length === 0) return undefined
  const where = {
    root,
    position: (segments: Segments) => positionAfter(segments, root),
    isInside: ({ segments }: MaskRule) => segments !== undefined && (covers(segments, place) || covers(segments, root)),
  }
  const repairs = context.repairs(holder)
  const cut = cutText(context, text, where, rules, repairs)
  if (cut !== undefined) return cut === 'nothing' ? undefined : cut
  if (around.length === 0 && mayBeObject(text) && text === printed()) {
    const same = twin()
    if (same !== 'gone') return same
  }
  return parsedText(context, text, where, rules, repairs)
}

/** Undefined where the text cannot be cut into, `nothing` where nothing in it is masked. */
function cutText({ look, scan }: TwinContext, text: string, where: TargetAround, rules: readonly MaskRule[], repairs: Repairs): Twin | undefined | 'nothing' {
  const places = repairs.size === 0 ? look?.places(scan, text) : undefined
  if (places?.length === 0 && rules.every(({ detector }) => detector !== undefined) && !mayHide.test(text)) return 'nothing'
  const spliced = look === undefined || places === undefined ? undefined : spliceText(text, places, where, rules, look)
  if (spliced === undefined) return undefined
  const { cut, masked } = spliced
  return masked === 0 ? 'nothing' : { text: spliced.text, like: { text, values: cut.splices.map(({ value }) => value), cut }, masked, matched: new Set(), named: false }
}

function parsedText(context: Looking, text: string, where: TargetAround, rules: readonly MaskRule[], repairs: Repairs): Twin | undefined {
  const reading = readingOf(context, text)
  if (reading !== undefined) context.textRules.spend(rules.length)
  return reading === undefined ? undefined : rewritten(context, text, { ...reading, ...where }, rules, repairs)
}

/** A text of thousands of levels with something on each would be searched by places as long. */
const deepest = 256
const isDeeper = (value: Json, most: number): boolean => typeof value === 'object' && value !== null && (most === 0 || Object.values(value).some((member: Json) => isDeeper(member, most - 1)))

function readingOf({ parse, rescan, readings }: Looking, text: string): Reading | undefined {
  const before = readings.get(text)
  if (before !== undefined) return before
  const value = readText(text, parse)
  if (value === undefined) return undefined
  if (isDeeper(value, deepest)) throw new RangeError('a JSON text is nested too deeply')
  const reading = { value, hits: rescan(text, value).hits }
  readings.set(text, reading)
  return reading
}

/** A common case: the text is the structured content, printed. */
function printedTwin(context: TwinContext, root: Place, text: string): Twin | undefined | 'gone' {
  const masked = context.edits.changes(root).length
  if (masked === 0) return undefined
  const after = valueAt(context.edits.apply(context.body) ?? null, root)
  return after === undefined ? 'gone' : { text: context.print(after), like: { text, values: context.edits.replacements(root) }, masked, matched: new Set(), named: false }
}

function mayBeObject(text: string): boolean {
  const first = text.charCodeAt(0)
  return first > 0x20 && first < 0x7f ? first === 0x5b || first === 0x7b : /^[\s\ufeff]*[[{]/.test(text)
}

/** JSON in any other text that a detector hit: replaced by value, so that it stays JSON. */
function strayTwin(context: Looking, { place, text }: TextPlace): Twin | undefined {
  const inside = context.textRules.at(place)
  const where = { root: [], position: () => undefined, isInside: () => true }
  const cut = cutText(context, text, where, inside, noRepairs)
  if (cut !== undefined) return cut === 'nothing' ? undefined : cut
  return parsedText(context, text, where, inside, noRepairs)
}

function rewritten(context: TwinContext, text: string, target: Target, rules: readonly MaskRule[], repairs: Repairs): Twin | undefined {
  const { edits, names, matched } = mark(target, rules)
  if (repairs.size > 0) {
    for (const { place, change } of edits.changes()) {
      const done = repairs.of(place)
      if (done !== undefined && change.kind !== 'drop') edits.swap(place, done === 'null' ? { kind: 'value', value: null } : { kind: 'drop' })
    }
  }
  const masked = edits.count() + names.length
  if (masked === 0) return undefined
  if (context.names === 'rename') for (const { hit, rule } of names) renameHit(edits, hit, rule)
  const printed = context.print(edits.apply(target.value) ?? null)
  return { text: printed, like: { text, values: edits.replacements() }, masked, matched, named: names.length > 0 }
}

export function renameHit(edits: Edits, hit: Hit, rule: MaskRule): void {
  const name = hit.keys.at(-1) ?? ''
  edits.rename(hit.keys, patchText(name, [{ spans: hit.spans, text: rule.text, value: rule.with }]))
}
