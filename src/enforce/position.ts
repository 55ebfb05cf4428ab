import type { Segments } from './pointer.ts'

/**
 * How far a pointer has come: which of its steps may come next. Following all of them at once looks at every value once, however
 * many `**` there are. Positions are made once for a pointer, so that a step from one to the next is mostly a comparison.
 */
export interface Position {
  /** The place itself matches. */
  readonly isMatch: boolean
  /** Nothing below can match any more. */
  readonly isDead: boolean
  /** The one name that leads on, where no other does. */
  readonly only: string | undefined
  /** The names that lead elsewhere than every other name. */
  readonly names: readonly string[]
  step(key: string): Position
  /** Where a name leads that is none of `names`. */
  stepAside(): Position
}

const starts = new WeakMap<Segments, Position>()

export function startOf(segments: Segments): Position {
  let start = starts.get(segments)
  if (start === undefined) starts.set(segments, (start = createPositions(segments)))
  return start
}

/** A pointer of many `**` has more positions than can be kept; those beyond are made anew each time. */
const mostKept = 500

function createPositions(segments: Segments): Position {
  const known = new Map<string, Position>()
  const at = (indices: readonly number[]): Position => {
    const id = indices.join()
    let position = known.get(id)
    if (position === undefined) {
      position = create(indices)
      if (known.size < mostKept) known.set(id, position)
    }
    return position
  }
  const create = (indices: readonly number[]): Position => {
    const steps = indices.flatMap((index) => segments[index] ?? [])
    const names = [...new Set(steps.flatMap((segment) => (segment.kind === 'key' ? [asMemberName(segment.key)] : [])))]
    const next = new Map<string, Position>()
    let aside: Position | undefined
    const step = (key: string): Position => {
      const before = next.get(key)
      if (before !== undefined) return before
      const position = at(stepped(segments, indices, key))
      if (known.size < mostKept) next.set(key, position)
      return position
    }
    const stepAside = (): Position => {
      if (aside !== undefined) return aside
      const position = at(stepped(segments, indices, undefined))
      if (known.size < mostKept) aside = position
      return position
    }
    return {
      isMatch: indices.includes(segments.length),
      isDead: indices.length === 0,
      only: steps.length === 1 ? names[0] : undefined,
      names,
      step: names.length === 1 ? (key) => (key === names[0] ? step(key) : stepAside()) : (key) => (names.includes(key) ? step(key) : stepAside()),
      stepAside,
    }
  }
  return at(closed(segments, [0]))
}

/** The engine keeps one string for a name that members have, however many have it: to compare those is fastest. */
const asMemberName = (name: string): string => Object.keys({ [name]: 0 })[0] ?? name

/** `key` is undefined for a name that no step spells out. */
function stepped(segments: Segments, indices: readonly number[], key: string | undefined): readonly number[] {
  const next: number[] = []
  for (const at of indices) {
    const segment = segments[at]
    if (segment === undefined) continue
    if (segment.kind === 'deep') next.push(at)
    else if (segment.kind === 'any' || segment.key === key) next.push(at + 1)
  }
  return closed(segments, next)
}

/** `**` also stands for no step at all. */
function closed(segments: Segments, indices: readonly number[]): readonly number[] {
  const all = new Set<number>()
  for (const start of indices) {
    let at = start
    all.add(at)
    while (segments[at]?.kind === 'deep') all.add(++at)
  }
  return [...all].sort((a, b) => a - b)
}
