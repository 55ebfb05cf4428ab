import { isObject } from '../exact-json.ts'
import type { Json, JsonObject, Scalar, Span } from '../model.ts'
import { isList, type Place } from './pointer.ts'
import { printEdited } from './print-edited.ts'

/** A span of a text and what stands there instead. */
export interface Patch extends Span {
  readonly text: string
  /** What stands for the whole of a value that is no text. */
  readonly value: Scalar
}
export type Change =
  /** `like`: the value is JSON, printed from what this text holds as JSON, but for some values. */
  | { readonly kind: 'value'; readonly value: Json; readonly like?: Likeness | undefined }
  | { readonly kind: 'drop' }
  | { readonly kind: 'patches'; readonly patches: readonly Patch[]; readonly encoding?: 'base64' }

export interface Likeness {
  readonly text: string
  readonly values: readonly Json[]
  /** It was made by cutting into the text. */
  readonly cut?: Cut | undefined
}
export interface Cut {
  readonly splices: readonly Splice[]
  /** How many characters of the text are escaped where it stands in a string. */
  readonly escapes: number
  /** Nothing is found in it any more. */
  readonly clean: boolean
}
/** What stands in place of a piece of a JSON text. */
export interface Splice extends Span {
  readonly text: string
  readonly value: Scalar
  /** How many such characters stand before the piece, and in it. */
  readonly before: number
  readonly inside: number
}

export interface Node {
  change?: Change | undefined
  name?: string | undefined
  members?: Map<string, Node> | undefined
  /** What became of a value, as long as nothing more is changed in it. */
  done?: { readonly from: Json; readonly to: Json | undefined } | undefined
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
  /** The texts of a body in which spans are replaced, of those that the test is true of. */
  patchedTexts(body: Json, test: (text: string) => boolean): readonly { readonly place: Place; readonly text: string }[]
  count(): number
  /** The places whose values are others now, once they were applied. */
  replaced(): Replaced
  /** What stands there now, once it was applied. */
  replacements(): readonly Json[]
  apply(body: Json): Json | undefined
  /** What the body is printed as once they were applied, given the text that it was parsed from; undefined where that does not tell. */
  print(body: Json, text: string): string | undefined
}
export interface Replaced {
  readonly changes: readonly { readonly place: Place; readonly value: Json | undefined; readonly like: Likeness | undefined }[]
  /** Whether a place, or one around it, is among them. */
  covers(place: Place): boolean
}

export function createEdits(): Edits {
  const root: Node = {}

  /** For a change there: whatever was carried out around it is so no more. */
  const nodeAt = (place: Place): Node | undefined => {
    let node = root
    for (const key of place) {
      if (isWhole(node.change)) return undefined
      node.done = undefined
      node = memberOf(node, key)
    }
    node.done = undefined
    return isWhole(node.change) ? undefined : node
  }
  return {
    replace(place, change) {
      const node = nodeAt(place)
      if (node === undefined) return false
      node.change = change
      node.members = undefined
      return true
    },
    patch(place, patches, encoding) {
      const node = nodeAt(place)
      if (node === undefined) return false
      const { change } = node
      // a text that is hit both as it stands and decoded is patched decoded: whoever reads it again finds the rest
      if (change?.kind === 'patches' && change.encoding !== encoding) return true
      const all = change?.kind === 'patches' ? [...change.patches, ...patches] : patches
      node.change = encoding === undefined ? { kind: 'patches', patches: all } : { kind: 'patches', patches: all, encoding }
      return true
    },
    rename(place, name) {
      const key = place.at(-1)
      const holder = nodeAt(place.slice(0, -1))
      if (key !== undefined && holder !== undefined) memberOf(holder, key).name = name
    },
    isReplaced(place) {
      let node: Node | undefined = root
      for (const key of place) {
        if (isWhole(node.change)) return true
        node = node.members?.get(key)
        if (node === undefined) return false
      }
      return isWhole(node.change)
    },
    swap(place, change) {
      let node: Node | undefined = root
      const around: Node[] = [root]
      for (const key of place) {
        node = node?.members?.get(key)
        if (node !== undefined) around.push(node)
      }
      if (node === undefined) return
      node.change = change
      for (const one of around) one.done = undefined
    },
    changes() {
      const found: { place: Place; change: Change }[] = []
      eachChange(root, [], (place, change) => found.push({ place: [...place], change }))
      return found
    },
    patchedTexts(body, test) {
      const found: { place: Place; text: string }[] = []
      const visit = (value: Json, node: Node, place: string[]): void => {
        if (node.change?.kind === 'patches' && node.change.encoding === undefined && typeof value === 'string' && test(value)) found.push({ place: [...place], text: value })
        if (node.members === undefined || typeof value !== 'object' || value === null) return
        for (const [key, member] of node.members) {
          place.push(key)
          visit((value as JsonObject)[key] as Json, member, place) // a place that was found
          place.pop()
        }
      }
      visit(body, root, [])
      return found
    },
    count() {
      let sum = 0
      eachChange(root, [], (_place, change) => (sum += change.kind === 'patches' ? change.patches.length : 1))
      return sum
    },
    replaced() {
      const changes: { place: Place; value: Json | undefined; like: Likeness | undefined }[] = []
      eachChange(root, [], (place, change, node) => changes.push({ place: [...place], value: standing(change, node), like: change.kind === 'value' ? change.like : undefined }))
      return {
        changes,
        covers(place) {
          let node: Node | undefined = root
          for (const key of place) {
            if (node.change !== undefined) return true
            node = node.members?.get(key)
            if (node === undefined) return false
          }
          return node.change !== undefined
        },
      }
    },
    replacements() {
      const values: Json[] = []
      eachChange(root, [], (_place, change, node) => {
        const value = standing(change, node)
        if (value !== undefined) values.push(value)
      })
      return values
    },
    apply: (body) => applied(body, root),
    print: (body, text) => printEdited(body, text, root),
  }
}

const standing = (change: Change, { done }: Node): Json | undefined => (change.kind === 'value' ? change.value : done?.to)

function memberOf(node: Node, key: string): Node {
  const members = (node.members ??= new Map<string, Node>())
  let member = members.get(key)
  if (member === undefined) members.set(key, (member = {}))
  return member
}

function eachChange(node: Node, place: string[], visit: (place: Place, change: Change, node: Node) => void): void {
  if (node.change !== undefined) visit(place, node.change, node)
  if (node.members === undefined) return
  for (const [key, member] of node.members) {
    place.push(key)
    eachChange(member, place, visit)
    place.pop()
  }
}

const isWhole = (change: Change | undefined): boolean => change?.kind === 'value' || change?.kind === 'drop'

function applied(value: Json, node: Node): Json | undefined {
  const { change, members, done } = node
  if (change?.kind === 'value') return change.value
  if (change?.kind === 'drop') return undefined
  if (done?.from === value) return done.to
  const to = change?.kind === 'patches' ? patched(value, change) : members === undefined ? value : rebuilt(value, members)
  node.done = { from: value, to }
  return to
}

function rebuilt(value: Json, members: ReadonlyMap<string, Node>): Json {
  if (!isList(value)) return isObject(value) ? rebuiltObject(value, members) : value
  const elements: Json[] = value.slice()
  for (const [key, member] of members) elements[Number(key)] = applied(elements[Number(key)] as Json, member) ?? null // a place that was found
  return elements
}

function rebuiltObject(value: JsonObject, members: ReadonlyMap<string, Node>): JsonObject {
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
  const [first] = patches
  if (first !== undefined && patches.length === 1) return text.slice(0, first.start) + first.text + text.slice(first.end)
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
