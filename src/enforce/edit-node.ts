import type { Json } from '../model.ts'
import type { Change } from './edits.ts'

/** Up to so many are looked through one by one. */
const few = 8

/**
 * A value in which something changes, or below which something does. Members that change are a chain, in the order in which they
 * were first changed: hundreds of them, two or three to a row, cost less than with a table for each row. Whoever asks for one mostly asked
 * for it just before, or for the one before it in the chain, or begins again; and those of a list mostly come in their order.
 */
export class Node {
  readonly key: string
  change: Change | undefined = undefined
  name: string | undefined = undefined
  /** The first member that changes. */
  first: Node | undefined = undefined
  /** The next one in the same value. */
  next: Node | undefined = undefined
  /** The value, once its changes were carried out and as long as there is no other. */
  from: Json | undefined = undefined
  /** What became of it. */
  to: Json | undefined = undefined
  #last: Node | undefined = undefined
  #asked: Node | undefined = undefined
  #count = 0
  #isOrdered = true
  #table: Map<string, Node> | undefined = undefined

  constructor(key: string) {
    this.key = key
  }

  member(key: string): Node | undefined {
    const asked = this.#asked
    if (asked === undefined || asked.key === key) return asked
    const next = asked.next
    const found = next?.key === key ? next : this.first?.key === key ? this.first : this.#count <= few ? this.#lookThrough(key) : this.#lookUp(key)
    if (found !== undefined) this.#asked = found
    return found
  }

  /** Made where it is not there. */
  memberAt(key: string): Node {
    const before = this.member(key)
    if (before !== undefined) return before
    const made = new Node(key)
    if (this.#last === undefined) this.first = made
    else {
      this.#isOrdered &&= isBehind(key, this.#last.key)
      this.#last.next = made
    }
    this.#last = made
    this.#asked = made
    this.#count++
    this.#table?.set(key, made)
    return made
  }

  withoutMembers(): void {
    this.first = undefined
    this.#last = undefined
    this.#asked = undefined
    this.#count = 0
    this.#isOrdered = true
    this.#table = undefined
  }

  forget(): void {
    this.from = undefined
    this.to = undefined
  }

  #lookThrough(key: string): Node | undefined {
    let member = this.first
    while (member !== undefined && member.key !== key) member = member.next
    return member
  }

  #lookUp(key: string): Node | undefined {
    if (this.#isOrdered && this.#last !== undefined && isBehind(key, this.#last.key)) return undefined
    if (this.#table === undefined) {
      this.#table = new Map()
      for (let member = this.first; member !== undefined; member = member.next) this.#table.set(member.key, member)
    }
    return this.#table.get(key)
  }
}

/** In an order of all keys that is the one of a list for indices. */
const isBehind = (key: string, other: string): boolean => key.length > other.length || (key.length === other.length && key > other)

export const isWhole = (change: Change | undefined): boolean => change?.kind === 'value' || change?.kind === 'drop'
