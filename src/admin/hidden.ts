import { parseExactJson } from '../exact-json.ts'
import type { Finding, Mask } from '../model.ts'
import type { EventRow } from '../record/record-store.ts'
import type { EventView } from './contract/session.ts'

/**
 * Whether what a mask covers and what stands at a place are one, or one a part of the other; that of any depth is looked for at the place and
 * above it only. All ways that a mask with `**` can go are followed at once: a server says how deep its places are.
 */
function meets(mask: readonly string[], place: readonly string[]): boolean {
  let reached = closed(mask, [0])
  for (const key of place) {
    if (reached.includes(mask.length)) return true
    reached = closed(mask, reached.flatMap((at) => (mask[at] === '**' ? [at] : isStep(mask[at]!, key) ? [at + 1] : []))) // before its end
    if (reached.length === 0) return false
  }
  const deep = mask.lastIndexOf('**')
  return deep === -1 || reached.some((at) => at > deep + 1 || at === mask.length)
}
const isStep = (step: string, key: string): boolean => step === '*' || key === '*' || step.replaceAll('~2', '*') === key
/** `**` also stands for no step at all. */
function closed(mask: readonly string[], reached: readonly number[]): readonly number[] {
  const all = new Set(reached)
  for (const at of all) if (mask[at] === '**') all.add(at + 1)
  return [...all]
}
const stepsOf = (pointer: string): readonly string[] => pointer.split('/').slice(1)
const isText = /^\/(?:content|contents|messages)\//
/** A path below `/structuredContent` also applies to texts that are JSON. */
const covers = (path: string, place: string): boolean => meets(stepsOf(path), stepsOf(place)) || (path.startsWith('/structuredContent') && isText.test(place))

/** Where the record has another value than was judged. */
const changedIn = (basis: string | null): readonly string[] => (basis === null ? [] : ((parseExactJson(basis) as { readonly masked?: readonly string[] }).masked ?? [])) // as `basis.ts` prints it

const masksOf = ({ decision }: EventRow): readonly Mask[] => (decision.kind === 'mask' ? decision.mask : [])

const isTaken = ({ detector, path }: Finding, masks: readonly Mask[]): boolean =>
  masks.some((mask) => ('detector' in mask ? mask.detector === detector && (mask.path === undefined || covers(mask.path, path)) : covers(mask.path, path)))

/** Those alike but for indices are told as one: an answer of many rows has one for each. Masks that name an index tell them apart. */
function alike(findings: readonly Finding[], masks: readonly Mask[]): readonly Finding[] {
  if (masks.some(({ path }) => path !== undefined && /\/\d/.test(path))) return findings
  const all = new Map<string, Finding>()
  for (const { detector, path, count, confidence } of findings) {
    const shape = path.replaceAll(/\/\d+(?=\/|$)/g, '/0')
    const key = `${detector} ${shape}`
    all.set(key, { detector, path: shape, count: count + (all.get(key)?.count ?? 0), confidence })
  }
  return [...all.values()]
}

/** What whoever got the message did not see, and what they saw although the record does not show it. */
export function hiddenIn(row: EventRow): Pick<EventView, 'hidden' | 'hidden_from_record'> {
  const masks = masksOf(row)
  const findings = alike(row.findings, masks)
  const changed = changedIn(row.basis)
  const hasHit = (mask: Mask): boolean => ('detector' in mask ? findings.some((finding) => isTaken(finding, [mask])) : changed.some((place) => covers(mask.path, place)))
  const counts = new Map<string, number>()
  for (const finding of findings) if (!isTaken(finding, masks)) counts.set(finding.detector, (counts.get(finding.detector) ?? 0) + finding.count)
  return {
    hidden: [...new Set(masks.filter(hasHit).map(({ rule }) => rule))].sort(),
    hidden_from_record: [...counts].map(([detector, count]) => ({ detector, count })).sort((one, other) => (one.detector < other.detector ? -1 : 1)),
  }
}
