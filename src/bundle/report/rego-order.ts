import { isObject } from '../../exact-json.ts'

const rankOf = (value: unknown): number => {
  if (value === null || typeof value === 'boolean') return 0
  if (typeof value === 'number' || JSON.isRawJSON(value)) return 1
  if (typeof value === 'string') return 2
  return Array.isArray(value) ? 3 : 4
}
const numberOf = (value: unknown): number => Number(typeof value === 'number' ? value : JSON.stringify(value))
const compareTexts = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
/** An array's elements; an object's names and values in turn, by name. */
const partsOf = (value: unknown): readonly unknown[] => {
  if (Array.isArray(value)) return value
  return isObject(value) ? Object.entries(value).sort(([a], [b]) => compareTexts(a, b)).flat() : []
}

/** Rego's order of values that were printed as JSON: null, booleans, numbers, strings, arrays, objects. */
export const compareValues = (a: unknown, b: unknown): number => {
  const rank = rankOf(a)
  if (rank !== rankOf(b)) return rank - rankOf(b)
  if (rank === 0) return Number(a !== null) - Number(b !== null) || Number(a) - Number(b)
  if (rank === 1) return numberOf(a) - numberOf(b)
  if (rank === 2) return compareTexts(String(a), String(b))
  const [parts, others] = [partsOf(a), partsOf(b)]
  for (const [at, part] of parts.entries()) {
    if (at >= others.length) return 1
    const order = compareValues(part, others[at])
    if (order !== 0) return order
  }
  return parts.length - others.length
}
