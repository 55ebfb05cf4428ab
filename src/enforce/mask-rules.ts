import type { Hit, Json, Mask, Scalar, Sighting, Span } from '../model.ts'
import { Edits, patched, type Change, type Patched } from './edits.ts'
import { covers, eachPlace, parsePointer, type Place, type Segments } from './pointer.ts'
import { startOf, type Position } from './position.ts'
import { Scopes } from './scopes.ts'

/** A mask whose pointer has been read. */
export interface MaskRule {
  readonly detector?: string
  readonly segments?: Segments
  readonly with: Scalar
  /** What stands for a span of a text. */
  readonly text: string
  readonly must: boolean
}
export type MaskRules = { readonly ok: true; readonly rules: readonly MaskRule[] } | { readonly ok: false; readonly detail: string }

const nothing: MaskRules = { ok: true, rules: [] }
/** By the identity of what was decided: the same decision is often taken again. */
const known = new WeakMap<readonly Mask[], { readonly detectors: readonly string[]; readonly read: MaskRules }>()

/** In the order of the rule ids, in which they win over each other. */
export function readMasks(masks: readonly Mask[], detectors: readonly string[]): MaskRules {
  if (masks.length === 0) return nothing
  const before = known.get(masks)
  if (before?.detectors === detectors) return before.read
  const read = readAll(masks, detectors)
  known.set(masks, { detectors, read })
  return read
}

const paths = new WeakMap<readonly Mask[], readonly Mask[]>()

/** The masks that replace whole places. */
export function placeMasks(masks: readonly Mask[]): readonly Mask[] {
  const before = paths.get(masks)
  if (before !== undefined) return before
  const found = masks.filter((mask) => !('detector' in mask))
  if (masks.length > 0) paths.set(masks, found)
  return found
}

function readAll(masks: readonly Mask[], detectors: readonly string[]): MaskRules {
  const rules: MaskRule[] = []
  for (const mask of [...masks].sort((a, b) => (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0))) {
    // the very name that hits bear: to compare it with itself is fastest
    const detector = 'detector' in mask ? detectors.find((name) => name === mask.detector) : undefined
    if ('detector' in mask && detector === undefined) return { ok: false, detail: `a mask names a detector that is not there, rule ${mask.rule}` }
    const parsed = mask.path === undefined ? undefined : parsePointer(mask.path)
    if (parsed?.ok === false) return { ok: false, detail: `${parsed.problem}, rule ${mask.rule}` }
    if (detector === undefined && parsed === undefined) return { ok: false, detail: `a mask has neither path nor detector, rule ${mask.rule}` }
    rules.push({
      ...(detector !== undefined && { detector }),
      ...(parsed && { segments: parsed.segments }),
      with: mask.with,
      text: typeof mask.with === 'string' ? mask.with : JSON.stringify(mask.with),
      must: mask.must,
    })
  }
  return { ok: true, rules }
}

/** How far a rule's pointer has come after the keys, or undefined where it cannot match below them. */
export function positionAfter(segments: Segments, keys: readonly string[]): Position | undefined {
  let position = startOf(segments)
  for (const key of keys) position = position.step(key)
  return position.isDead ? undefined : position
}

/** Where the rules are put to: a body, or the value of a JSON text whose places count as those of `structuredContent`. */
export interface Target extends TargetAround {
  readonly value: Json
  readonly hits: readonly Hit[]
}
export interface TargetAround {
  /** The place in a body that the target stands at for pointers. */
  readonly root: Place
  /** Where the rule's pointer stands at the target's root; undefined where it does not reach it. */
  position(segments: Segments): Position | undefined
  /** True where a scoped detector's pointer has already matched around the target. */
  isInside(rule: MaskRule): boolean
}

export interface Marked {
  readonly edits: Edits
  readonly matched: ReadonlySet<MaskRule>
  /** Names that a rule's detector hit, and that are still there. */
  readonly names: readonly { readonly place: Place; readonly hit: Hit; readonly rule: MaskRule }[]
}

/** Marks what the rules cover: whole places first, then the spans in what is left. */
export function mark(target: Target, rules: readonly MaskRule[]): Marked {
  const edits = new Edits()
  const matched = new Set<MaskRule>()
  for (const rule of rules) {
    if (rule.detector !== undefined || rule.segments === undefined) continue
    const from = target.position(rule.segments)
    if (from === undefined) continue
    const change: Change = { kind: 'value', value: rule.with }
    let isMatched = false
    eachPlace(target.value, from, (place) => {
      isMatched = true
      edits.replace(place, change)
    })
    if (isMatched) matched.add(rule)
  }
  return { edits, matched, names: target.hits.length === 0 ? [] : markHits(target, rules, edits, matched) }
}

/** So many rules are asked one by one, and so are all of them about so few hits: there may be very many texts with one. */
const few = 8

/** Those on names, which can only be told. */
function markHits(target: Target, rules: readonly MaskRule[], edits: Edits, matched: Set<MaskRule>): Marked['names'] {
  const names: { place: Place; hit: Hit; rule: MaskRule }[] = []
  const detecting = rules.filter(({ detector }) => detector !== undefined)
  const { root } = target
  const scopes = detecting.length > few && target.hits.length > few ? new Scopes(detecting, (rule) => target.isInside(rule)) : undefined
  const tell = (rule: MaskRule): void => void matched.add(rule)
  const patchesOf = createPatches()
  for (const hit of target.hits) {
    const rule = scopes === undefined ? coveringRule(target, hit, detecting, matched) : scopes.first(hit.detector, [...root, ...hit.keys], tell)
    if (rule === undefined) continue
    if (hit.where === 'name') {
      if (!edits.isReplaced(hit.keys.slice(0, -1))) names.push({ place: hit.keys, hit, rule })
    } else edits.patch(hit.keys, patchesOf(hit, rule))
  }
  return names
}

/** In rows the same spans are replaced by the same again and again. */
function createPatches(): (hit: Hit, rule: MaskRule) => Patched {
  const last = new Map<MaskRule, Patched>()
  return ({ spans, encoding }, rule) => {
    const before = last.get(rule)
    if (before !== undefined && before.encoding === encoding && isSameOne(before.patches[0]!.spans, spans)) return before // made here, of some
    const made = patched(spans, rule.text, rule.with, encoding)
    last.set(rule, made)
    return made
  }
}

const isSameOne = (some: readonly Span[], others: readonly Span[]): boolean =>
  some.length === 1 && others.length === 1 && some[0]!.start === others[0]!.start && some[0]!.end === others[0]!.end // both have one

/** The first rule that covers a hit; all that do have matched. */
function coveringRule(target: Target, hit: Hit, detecting: readonly MaskRule[], matched: Set<MaskRule>): MaskRule | undefined {
  let first: MaskRule | undefined
  for (const rule of detecting) {
    if (rule.detector !== hit.detector || !isCovered(target, rule, hit.keys)) continue
    matched.add(rule)
    first ??= rule
  }
  return first
}

/** Whether a rule covers what a detector hit there. */
export function isCovered(target: TargetAround, rule: MaskRule, keys: readonly string[]): boolean {
  if (rule.segments === undefined || target.isInside(rule)) return true
  const from = target.position(rule.segments)
  return from !== undefined && covers(rule.segments, keys, from)
}

/** The body of a message as a target. */
export const bodyTarget = (value: Json, scan: Sighting): Target => ({
  value,
  hits: scan.hits,
  root: [],
  position: startOf,
  isInside: () => false,
})
