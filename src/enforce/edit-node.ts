import type { Json } from '../model.ts'
import type { Change } from './edits.ts'

/** A value in which something changes. A class, like that of its members, for its cost: there may be hundreds for one message. */
export class Node {
  change: Change | undefined = undefined
  name: string | undefined = undefined
  members: Members | undefined = undefined
  /** The value that changes, once that was carried out and as long as nothing more is changed in it. */
  from: Json | undefined = undefined
  /** What became of it. */
  to: Json | undefined = undefined

  member(key: string): Node {
    return (this.members ??= new Members()).at(key)
  }

  forget(): void {
    this.from = undefined
    this.to = undefined
  }
}

/** Up to so many are looked through one by one. */
const few = 8

/** Changed members or elements, in the order in which they were first changed. Whoever asks mostly asks for the last one again, or for the one after it. */
export class Members {
  readonly keys: string[] = []
  /** One for each key. */
  readonly nodes: Node[] = []
  #last = 0
  /** Where each key stands, once there are many. */
  #table: Map<string, number> | undefined = undefined

  get(key: string): Node | undefined {
    const { keys } = this
    if (keys[this.#last] === key) return this.nodes[this.#last]
    if (keys[this.#last + 1] === key) return this.nodes[++this.#last]
    const found = keys.length <= few ? keys.indexOf(key) : this.#positions().get(key)
    if (found === undefined || found < 0) return undefined
    this.#last = found
    return this.nodes[found]
  }

  /** Made where it is not there. */
  at(key: string): Node {
    const before = this.get(key)
    if (before !== undefined) return before
    const node = new Node()
    this.#table?.set(key, this.keys.length)
    this.#last = this.keys.length
    this.keys.push(key)
    this.nodes.push(node)
    return node
  }

  #positions(): ReadonlyMap<string, number> {
    return (this.#table ??= new Map(this.keys.map((key, index) => [key, index])))
  }
}

export const isWhole = (change: Change | undefined): boolean => change?.kind === 'value' || change?.kind === 'drop'
