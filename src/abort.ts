/** What is asked of an `AbortSignal` here; every one of the platform is such a signal too. */
export interface Signal {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once: true }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/**
 * An `AbortController` for what every call has. The platform's makes an event target for its signal and an event when it aborts;
 * this one costs next to nothing where nobody listens, and a call that was answered has nobody left.
 */
export class Abort implements Signal {
  #aborted = false
  #reason: unknown
  #listeners: Set<() => void> | undefined

  get signal(): Signal {
    return this
  }
  get aborted(): boolean {
    return this.#aborted
  }
  get reason(): unknown {
    return this.#reason
  }

  /** A second time does nothing. All who listen are told, then the first fault of one is thrown. */
  abort(reason?: unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    if (this.#listeners === undefined) return
    const faults: unknown[] = []
    for (const listener of this.#listeners) {
      try {
        listener()
      } catch (fault) {
        faults.push(fault)
      }
    }
    this.#listeners = undefined
    if (faults.length > 0) throw faults[0]
  }

  /** Each is called once at most, and not where it was aborted before. */
  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.#aborted) (this.#listeners ??= new Set()).add(listener)
  }
  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners?.delete(listener)
  }
}

/** The same for what takes only the platform's: one for each, whose listeners come and go. */
export function toPlatform(signal: Signal): AbortSignal {
  const known = platforms.get(signal)
  if (known !== undefined) return known
  const controller = new AbortController()
  platforms.set(signal, controller.signal)
  if (signal.aborted) controller.abort(signal.reason)
  else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true })
  return controller.signal
}
const platforms = new WeakMap<Signal, AbortSignal>()
