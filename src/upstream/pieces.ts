/** A piece costs some two hundred bytes beside its own: of so many, one is made. */
const most = 1000

/** Bytes that come in pieces, however small. */
export class Pieces {
  #pieces: Uint8Array[] = []
  #large = 0
  #size = 0

  get size(): number {
    return this.#size
  }
  add(piece: Uint8Array): void {
    this.#size += piece.length
    this.#pieces.push(piece)
    if (this.#pieces.length - this.#large === most) this.#large = this.#pieces.push(Buffer.concat(this.#pieces.splice(this.#large)))
  }
  /** All of them as one; none are left. */
  take(): Uint8Array {
    const [first, ...others] = this.#pieces
    this.#pieces = []
    this.#large = 0
    this.#size = 0
    return first !== undefined && others.length === 0 ? first : Buffer.concat(first === undefined ? [] : [first, ...others])
  }
}
