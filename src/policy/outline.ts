/**
 * Tells that a question has all that is settled in common with one that was met before, without printing it: its values are compared one by one. What it
 * says to the varying sets is then printed around what those said that it shares.
 */
import { isObject } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'
import { memberOf, print, type Member, type Wanted } from './print.ts'

export interface Outlines<T> {
  /** What was kept for one that has in common all that is settled. */
  find(input: JsonObject): T | undefined
  /** What the varying sets read of the one that was found. */
  varying(): string
  /** Keeps something for the one that was not found; another may be forgotten for it. */
  keep(input: JsonObject, what: T): void
  clear(): void
}

/** A member all of which is settled, or only some of what is below, or nothing. */
type Branch = Pick<Member, 'name' | 'label' | 'nextLabel' | 'isInherited'> & { readonly isPrinted: boolean } & (
  | { readonly kind: 'settled' }
  | { readonly kind: 'inner'; readonly inner: readonly Branch[] }
  | { readonly kind: 'open'; readonly wanted: Wanted }
)
/** Values as they were met, and before what a branch or a list holds that branch or `list`: so no two questions that differ read alike. */
type Leaf = Json | undefined | Branch | typeof list
interface Outline<T> {
  readonly leaves: readonly Leaf[]
  readonly wanted: readonly Wanted[]
  /** What is printed before, between and behind what is open. */
  readonly pieces: readonly string[]
  readonly what: T
}

/** Two that fall on one place drive each other out, and are printed as if nothing were kept. */
const places = 256
const mostWords = 16
const list = Symbol('list')

/** Undefined where all is read of questions. */
export function createOutlines<T>(settled: Wanted, varying: Wanted): Outlines<T> | undefined {
  const [fixed, moving] = [namedIn(settled), namedIn(varying)]
  if (fixed === undefined || moving === undefined) return undefined
  const branches = branchesOf(fixed, moving)
  const kept: (Outline<T> | undefined)[] = Array.from({ length: places }, () => undefined)
  /** Of the question that was read last: so many of them. */
  const leaves: Leaf[] = []
  const open: Json[] = []
  let met = 0
  let opened = 0
  let hash = 0
  let found: Outline<T> | undefined

  const add = (leaf: Leaf): void => {
    leaves[met] = leaf
    met += 1
    hash = (Math.imul(hash, 31) + markOf(leaf)) | 0
  }
  const addSettled = (value: Json | undefined): boolean => {
    if (typeof value !== 'object' || value === null) {
      add(value)
      return true
    }
    if (!Array.isArray(value) || value.length > mostWords) return false
    add(list)
    add(value.length)
    for (const element of value as readonly Json[]) {
      if (typeof element !== 'string') return false
      add(element)
    }
    return true
  }
  /** False where there is more to compare than values and short lists of words. */
  const read = (value: JsonObject, from: readonly Branch[]): boolean => {
    for (const branch of from) {
      const member = memberOf(value, branch)
      if (branch.kind === 'open') {
        add(member !== undefined)
        if (member === undefined) continue
        open[opened] = member
        opened += 1
      } else if (branch.kind === 'inner' && isObject(member)) {
        add(branch)
        if (!read(member, branch.inner)) return false
      } else if (!addSettled(member)) return false
    }
    return true
  }
  const isLike = (before: Outline<T>): boolean => {
    if (before.leaves.length !== met) return false
    for (let at = 0; at < met; at += 1) if (before.leaves[at] !== leaves[at]) return false
    return true
  }
  const placeOf = (input: JsonObject): number | undefined => {
    met = 0
    opened = 0
    hash = 0
    return read(input, branches) ? hash & (places - 1) : undefined
  }
  return {
    find(input) {
      const place = placeOf(input)
      const before = place === undefined ? undefined : kept[place]
      found = before !== undefined && isLike(before) ? before : undefined
      return found?.what
    },
    varying() {
      if (found === undefined) return ''
      const { pieces, wanted } = found
      let text = pieces[0] ?? ''
      for (let at = 0; at < wanted.length; at += 1) text = text + print(open[at] ?? null, wanted[at] ?? true) + (pieces[at + 1] ?? '')
      return text
    },
    keep(input, what) {
      const place = placeOf(input)
      if (place !== undefined) kept[place] = { leaves: leaves.slice(0, met), ...piecesOf(input, branches), what }
    },
    clear() {
      kept.fill(undefined)
      leaves.length = 0
      open.length = 0
      found = undefined
    },
  }
}

const markOf = (leaf: Leaf): number => (typeof leaf === 'string' ? leaf.length + 37 * leaf.charCodeAt(leaf.length >> 1) : leaf === true ? 1 : 0)

/** Undefined where all is read that is below. */
const namedIn = (wanted: Wanted): readonly Member[] | undefined => (wanted === true || wanted.every !== undefined ? undefined : wanted.named)

/** Those that the varying sets read come first, in the order in which they are printed. */
function branchesOf(settled: readonly Member[], varying: readonly Member[]): Branch[] {
  const settledAs = (member: Member, read: readonly Member[] | undefined): Branch => {
    const isPrinted = read !== undefined
    const below = namedIn(member.wanted)
    return below === undefined ? { ...member, isPrinted, kind: 'settled' } : { ...member, isPrinted, kind: 'inner', inner: branchesOf(below, read ?? []) }
  }
  const printed = varying.flatMap((member): Branch[] => {
    const open: Branch = { ...member, isPrinted: true, kind: 'open' }
    const known = settled.find(({ name }) => name === member.name)
    if (known === undefined) return [open]
    const read = namedIn(member.wanted)
    return read !== undefined || namedIn(known.wanted) === undefined ? [settledAs(known, read ?? [])] : [settledAs(known, undefined), open]
  })
  const others = settled.filter(({ name }) => !varying.some((member) => member.name === name))
  return [...printed, ...others.map((member) => settledAs(member, undefined))]
}

function piecesOf(input: JsonObject, branches: readonly Branch[]): Pick<Outline<unknown>, 'pieces' | 'wanted'> {
  const pieces: string[] = []
  const wanted: Wanted[] = []
  let parts: string[] = []
  const add = (value: JsonObject, from: readonly Branch[]): void => {
    parts.push('{')
    let isFirst = true
    for (const branch of from) {
      const member = branch.isPrinted ? memberOf(value, branch) : undefined
      if (member === undefined) continue
      parts.push(isFirst ? branch.label : branch.nextLabel)
      isFirst = false
      if (branch.kind === 'open') {
        pieces.push(parts.join(''))
        wanted.push(branch.wanted)
        parts = []
      } else if (branch.kind === 'inner' && isObject(member)) add(member, branch.inner)
      else parts.push(print(member, true))
    }
    parts.push('}')
  }
  add(input, branches)
  return { pieces: [...pieces, parts.join('')], wanted }
}
