import type { Json, JsonObject, Scalar, Span } from '../model.ts'
import { isList, isObject, type Place } from './pointer.ts'

/** A span of a text and what stands there instead. */
export interface Patch extends Span {
  readonly text: string
  /** What stands for the whole of a value that is no text. */
  readonly value: Scalar
}
export type Change =
  | { readonly kind: 'value'; readonly value: Json }
  | { readonly kind: 'drop' }
  | { readonly kind: 'patches'; readonly patches: readonly Patch[]; readonly encoding?: 'base64' }

interface Node {
  change?: Change
  name?: string
  readonly members: Map<string, Node>
}

/** Changes to a body, gathered first and carried out in one pass that shares everything that stays as it is. */
export interface Edits {
  /** False where an outer place is replaced already: the outermost wins, then the first. */
  replace(place: Place, change: Exclude<Change, { kind: 'patches' }>): boolean
  patch(place: Place, patches: readonly Patch[], encoding?: 'base64'): boolean
  rename(place: Place, name: string): void
  /** Whether the place, or one around it, is replaced. */
  isReplaced(place: Place): boolean
  /** Puts another change in the place of one that is there. */
  swap(place: Place, change: Change): void
  changes(): readonly { readonly place: Place; readonly change: Change }[]
  count(): number
  apply(body: Json): Json | undefined
}

export function createEdits(): Edits {
  const root: Node = { members: new Map() }

  const nodeAt = (place: Place): Node | undefined => {
    let node = root
    for (const key of place) {
      if (isWhole(node.change)) return undefined
      let next = node.members.get(key)
      if (next === undefined) {
        next = { members: new Map() }
        node.members.set(key, next)
      }
      node = next
    }
    return isWhole(node.change) ? undefined : node
  }
  const list = (): { place: Place; change: Change }[] => {
    const found: { place: Place; change: Change }[] = []
    const visit = (node: Node, place: Place): void => {
      if (node.change !== undefined) found.push({ place, change: node.change })
      for (const [key, member] of node.members) visit(member, [...place, key])
    }
    visit(root, [])
    return found
  }
  return {
    replace(place, change) {
      const node = nodeAt(place)
      if (node === undefined) return false
      node.change = change
      node.members.clear()
      return true
    },
    patch(place, patches, encoding) {
      const node = nodeAt(place)
      if (node === undefined) return false
      // a text that is hit both as it stands and decoded is patched decoded: whoever reads it again finds the rest
      if (node.change?.kind === 'patches' && node.change.encoding !== encoding) return true
      const before = node.change?.kind === 'patches' ? node.change.patches : []
      node.change = { kind: 'patches', patches: [...before, ...patches], ...(encoding && { encoding }) }
      return true
    },
    rename(place, name) {
      const key = place.at(-1)
      const holder = nodeAt(place.slice(0, -1))
      if (key === undefined || holder === undefined) return
      const member = holder.members.get(key) ?? { members: new Map() }
      holder.members.set(key, { ...member, name })
    },
    isReplaced(place) {
      let node: Node | undefined = root
      for (const key of place) {
        if (isWhole(node.change)) return true
        node = node.members.get(key)
        if (node === undefined) return false
      }
      return isWhole(node.change)
    },
    swap(place, change) {
      let node: Node | undefined = root
      for (const key of place) node = node?.members.get(key)
      if (node !== undefined) node.change = change
    },
    changes: list,
    count: () => list().reduce((sum, { change }) => sum + (change.kind === 'patches' ? change.patches.length : 1), 0),
    apply: (body) => applied(body, root),
  }
}

const isWhole = (change: Change | undefined): boolean => change?.kind === 'value' || change?.kind === 'drop'

function applied(value: Json, node: Node): Json | undefined {
  const { change, members } = node
  if (change?.kind === 'value') return change.value
  if (change?.kind === 'drop') return undefined
  if (change?.kind === 'patches') return patched(value, change)
  if (members.size === 0) return value
  if (isList(value)) {
    const elements: Json[] = [...value]
    for (const [key, member] of members) elements[Number(key)] = applied(elements[Number(key)] as Json, member) ?? null // a place that was found
    return elements
  }
  return isObject(value) ? rebuilt(value, members) : value
}

function rebuilt(value: JsonObject, members: ReadonlyMap<string, Node>): JsonObject {
  const pairs: [string, Json][] = []
  let renamed = false
  let dropped = false
  for (const [key, member] of members) {
    if (!Object.hasOwn(value, key)) continue
    if (member.name !== undefined) renamed = true
    const changed = applied(value[key] as Json, member) // own
    if (changed === undefined) dropped = true
    else pairs.push([key, changed])
  }
  if (!renamed && !dropped) {
    // A spread copies own members as data, `__proto__` among them, so these assignments meet own members only.
    const copy: Record<string, Json> = { ...value }
    for (const [key, changed] of pairs) copy[key] = changed
    return copy
  }
  const changed = new Map(pairs)
  const taken = new Set(Object.keys(value))
  const all: [string, Json][] = []
  for (const key of Object.keys(value)) {
    const member = members.get(key)
    if (member !== undefined && !changed.has(key)) continue
    const name = member?.name === undefined ? key : free(member.name, taken)
    taken.add(name)
    all.push([name, changed.has(key) ? (changed.get(key) as Json) : (value[key] as Json)]) // just asked; own
  }
  return Object.fromEntries(all)
}

function free(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name
  let number = 2
  while (taken.has(`${name} ${number}`)) number++
  return `${name} ${number}`
}

function patched(value: Json, change: Extract<Change, { kind: 'patches' }>): Json {
  if (typeof value !== 'string') return change.patches[0] === undefined ? value : change.patches[0].value
  if (change.encoding === undefined) return patchText(value, change.patches)
  return Buffer.from(patchText(Buffer.from(value, 'base64').toString('utf8'), change.patches)).toString('base64')
}

/** Spans that overlap become one, with the text of the first patch given. */
export function patchText(text: string, patches: readonly Patch[]): string {
  const sorted = patches.map((patch, order) => ({ ...patch, order })).sort((a, b) => a.start - b.start || a.order - b.order)
  let result = ''
  let done = 0
  for (let at = 0; at < sorted.length; ) {
    let best = sorted[at]! // in range
    const { start } = best
    let { end } = best
    for (at++; at < sorted.length && sorted[at]!.start < end; at++) {
      const next = sorted[at]! // in range
      end = Math.max(end, next.end)
      if (next.order < best.order) best = next
    }
    result += text.slice(done, start) + best.text
    done = end
  }
  return result + text.slice(done)
}
