import { parseExactJson } from '../exact-json.ts'
import type { Finding, Mask } from '../model.ts'
import type { EventRow } from '../record/record-store.ts'
import type { EventView } from './contract/session.ts'

/** Whether what a mask covers and what stands at a place are one, or one a part of the other; that of any depth is looked for at the place and above it only. */
const meets = (mask: readonly string[], place: readonly string[]): boolean => {
  const [step, ...rest] = mask
  if (step === undefined) return true
  if (place.length === 0) return !mask.includes('**')
  if (step === '**') return meets(rest, place) || meets(mask, place.slice(1))
  return (step === '*' || place[0] === '*' || step.replaceAll('~2', '*') === place[0]) && meets(rest, place.slice(1))
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

/** What whoever got the message did not see, and what they saw although the record does not show it. */
export function hiddenIn(row: EventRow): Pick<EventView, 'hidden' | 'hidden_from_record'> {
  const masks = masksOf(row)
  const changed = changedIn(row.basis)
  const hasHit = (mask: Mask): boolean => ('detector' in mask ? row.findings.some((finding) => isTaken(finding, [mask])) : changed.some((place) => covers(mask.path, place)))
  const counts = new Map<string, number>()
  for (const finding of row.findings) if (!isTaken(finding, masks)) counts.set(finding.detector, (counts.get(finding.detector) ?? 0) + finding.count)
  return {
    hidden: [...new Set(masks.filter(hasHit).map(({ rule }) => rule))].sort(),
    hidden_from_record: [...counts].map(([detector, count]) => ({ detector, count })).sort((one, other) => (one.detector < other.detector ? -1 : 1)),
  }
}
