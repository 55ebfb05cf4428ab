import type { Json, JsonObject, Scalar, Span } from '../model.ts'
import { applied } from './apply-edits.ts'
import { isWhole, Node } from './edit-node.ts'
import type { Place } from './pointer.ts'
import { printEdited } from './print-edited.ts'

/** Spans of a text and what stands instead of each. */
export interface Patches {
  readonly spans: readonly Span[]
  readonly text: string
  /** What stands for the whole of a value that is no text. */
  readonly value: Scalar
}
export type Change =
  /** `like`: the value is JSON, printed from what this text holds as JSON, but for some values. */
  | { readonly kind: 'value'; readonly value: Json; readonly like?: Likeness | undefined }
  | { readonly kind: 'drop' }
  | Patched

export interface Patched {
  readonly kind: 'patches'
  readonly patches: readonly Patches[]
  readonly encoding?: 'base64'
}
export const patched = (spans: readonly Span[], text: string, value: Scalar, encoding?: 'base64'): Patched => {
  const patches = [{ spans, text, value }]
  return encoding === undefined ? { kind: 'patches', patches } : { kind: 'patches', patches, encoding }
}

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

export interface Replaced {
  /** In the order in which they were changed first. A place is good during its visit only. */
  each(visit: (place: Place, value: Json | undefined, like: Likeness | undefined) => void): void
  /** Whether a place, or one around it, is among them. */
  covers(place: Place): boolean
}

/** Changes to a body, gathered first and carried out in one pass that shares everything that stays as it is. */
export class Edits {
  readonly #root = new Node('')
  /** The nodes from the root down to where something was changed last, of which so many below the root are still the way there. */
  readonly #way: Node[] = [this.#root]
  #known = 0
  #wasApplied = false

  /** False where an outer place is replaced already: the outermost wins, then the first. */
  replace(place: Place, change: Exclude<Change, Patched>): boolean {
    const node = this.#nodeAt(place)
    if (node === undefined) return false
    node.change = change
    node.withoutMembers()
    this.#known = Math.max(place.length - 1, 0)
    return true
  }

  patch(place: Place, made: Patched): boolean {
    const node = this.#nodeAt(place)
    if (node === undefined) return false
    const { change } = node
    // a text that is hit both as it stands and decoded is patched decoded: whoever reads it again finds the rest
    if (change?.kind !== 'patches') node.change = made
    else if (change.encoding === made.encoding) node.change = { ...made, patches: [...change.patches, ...made.patches] }
    return true
  }

  rename(place: Place, name: string): void {
    const key = place.at(-1)
    const holder = this.#nodeAt(place.slice(0, -1))
    if (key !== undefined && holder !== undefined) holder.memberAt(key).name = name
  }

  /** Whether the place, or one around it, is replaced. */
  isReplaced(place: Place): boolean {
    let node: Node | undefined = this.#root
    for (const key of place) {
      if (isWhole(node.change)) return true
      node = node.member(key)
      if (node === undefined) return false
    }
    return isWhole(node.change)
  }

  /** Puts another change in the place of one that is there. */
  swap(place: Place, change: Change): void {
    let node: Node | undefined = this.#root
    const around: Node[] = [node]
    for (const key of place) {
      node = node?.member(key)
      if (node !== undefined) around.push(node)
    }
    if (node === undefined) return
    node.change = change
    this.#known = 0
    for (const one of around) one.forget()
  }

  /** Those at a place and below it. */
  changes(root: Place = []): readonly { readonly place: Place; readonly change: Change }[] {
    const found: { place: Place; change: Change }[] = []
    this.#eachBelow(root, (place, change) => found.push({ place: [...place], change }))
    return found
  }

  /** The texts of a body in which spans are replaced, of those that the test is true of. */
  patchedTexts(body: Json, test: (text: string) => boolean): readonly { readonly place: Place; readonly text: string }[] {
    const found: { place: Place; text: string }[] = []
    const visit = (value: Json, node: Node, place: string[]): void => {
      if (node.change?.kind === 'patches' && node.change.encoding === undefined && typeof value === 'string' && test(value)) found.push({ place: [...place], text: value })
      if (typeof value !== 'object' || value === null) return
      for (let member = node.first; member !== undefined; member = member.next) {
        place.push(member.key)
        visit((value as JsonObject)[member.key] as Json, member, place) // a place that was found
        place.pop()
      }
    }
    visit(body, this.#root, [])
    return found
  }

  count(): number {
    return countOf(this.#root)
  }

  /** The places whose values are others now, once they were applied. */
  replaced(): Replaced {
    return {
      each: (visit) => eachChange(this.#root, [], (place, change, node) => visit(place, standing(change, node), change.kind === 'value' ? change.like : undefined)),
      covers: (place) => isChangedAround(place, this.#root),
    }
  }

  /** What stands where something was changed, at a place and below it, once it was applied. */
  replacements(root: Place = []): readonly Json[] {
    const values: Json[] = []
    this.#eachBelow(root, (_place, change, node) => {
      const value = standing(change, node)
      if (value !== undefined) values.push(value)
    })
    return values
  }

  apply(body: Json): Json | undefined {
    this.#wasApplied = true
    this.#known = 0
    return applied(body, this.#root)
  }

  /** What the body is printed as once they were applied, given the text that it was parsed from; undefined where that does not tell. */
  print(body: Json, text: string): string | undefined {
    return printEdited(body, text, this.#root)
  }

  #eachBelow(root: Place, visit: (place: Place, change: Change, node: Node) => void): void {
    let node: Node | undefined = this.#root
    for (const key of root) node = node?.member(key)
    if (node !== undefined) eachChange(node, [...root], visit)
  }

  /** For a change there: whatever was carried out around it is so no more. Those one after another have most of their way in common. */
  #nodeAt(place: Place): Node | undefined {
    const way = this.#way
    let depth = 0
    for (const most = Math.min(this.#known, place.length); depth < most && way[depth + 1]!.key === place[depth]; ) depth++ // a way that is known
    let node = way[depth]!
    while (depth < place.length) {
      if (isWhole(node.change)) break
      if (this.#wasApplied) node.forget()
      node = way[depth + 1] = node.memberAt(place[depth]!) // in range
      depth++
    }
    this.#known = depth
    if (this.#wasApplied) node.forget()
    return isWhole(node.change) ? undefined : node
  }
}

export function spansIn(patches: readonly Patches[]): number {
  let sum = 0
  for (const { spans } of patches) sum += spans.length
  return sum
}

function countOf(node: Node): number {
  const { change } = node
  let sum = change === undefined ? 0 : change.kind === 'patches' ? spansIn(change.patches) : 1
  for (let member = node.first; member !== undefined; member = member.next) sum += countOf(member)
  return sum
}

function isChangedAround(place: Place, root: Node): boolean {
  let node: Node | undefined = root
  for (let depth = 0; depth < place.length; depth++) {
    if (node.change !== undefined) return true
    node = node.member(place[depth]!) // in range
    if (node === undefined) return false
  }
  return node.change !== undefined
}

const standing = (change: Change, { to }: Node): Json | undefined => (change.kind === 'value' ? change.value : to)

function eachChange(node: Node, place: string[], visit: (place: Place, change: Change, node: Node) => void): void {
  if (node.change !== undefined) visit(place, node.change, node)
  for (let member = node.first; member !== undefined; member = member.next) {
    place.push(member.key)
    eachChange(member, place, visit)
    place.pop()
  }
}
