import type { TestPlace } from './opa-worker.ts'

/** The library gave no answer. */
export class OpaFault extends Error {
  /** Which test it was at, where it tells. */
  readonly at: TestPlace | undefined
  /** Nothing is wrong with what was asked. */
  readonly isClosed: boolean
  constructor(message: string, { at, isClosed = false }: { readonly at?: TestPlace | undefined; readonly isClosed?: boolean } = {}) {
    super(message)
    this.at = at
    this.isClosed = isClosed
  }
}
