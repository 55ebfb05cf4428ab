/** What belongs to objects: found by the very object, for as long as that is there. */
export interface Attached<T> {
  get(of: object): T | undefined
  set(of: object, value: T): void
}

const itself = function (of: object): object {
  return of
} as unknown as new (of: object) => object // called as a constructor it gives back what it was given

/**
 * A `WeakMap` for objects of which every call brings some: each collection looks through all entries of one, which was a quarter of
 * what a small call costs here. The value is a private field of the object itself: whoever prints, copies or compares it does not see it.
 */
export function createAttached<T>(): Attached<T> {
  class Holder extends itself {
    #value: T

    constructor(of: object, value: T) {
      super(of)
      this.#value = value
    }
    static get(of: object): T | undefined {
      return #value in of ? of.#value : undefined
    }
    static set(of: object, value: T): void {
      if (#value in of) of.#value = value
      else new Holder(of, value)
    }
  }
  return Holder
}
