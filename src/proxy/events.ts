import type { ServerResponse } from 'node:http'
import type { Evaluated, JsonObject } from '../model.ts'
import type { OwnAnswer, ToClient } from './channel.ts'
import { isEvaluated } from './evaluate.ts'
import type { Said, StreamLog } from './outbox.ts'
import type { ClientResponse } from './client-response.ts'

/** What was said before, as it is now; undefined where it is not said again. */
export type Again = (said: Said) => Promise<Evaluated<ToClient> | OwnAnswer | undefined>

export interface EventsOptions {
  readonly to: ClientResponse
  readonly log: () => StreamLog | undefined
  readonly print: (envelope: JsonObject) => string
  readonly writeEvent: (event: { id?: string; data?: string; retry?: number }) => string
  readonly released: ((bytes: number) => void) | undefined
  readonly unjudged: () => void
}

/** The events of a stream, kept for a client that comes back for them where it can. */
export class Events {
  readonly #options: EventsOptions
  #log: StreamLog | undefined
  #areNamed = false
  #areRetold = false
  /** Counts the responses: what is still being said to an earlier one is not. */
  #turn = 0

  constructor(options: EventsOptions) {
    this.#options = options
  }

  get areKept(): boolean {
    return this.#log !== undefined
  }
  /** Whether the client was given the id of any. */
  get areNamed(): boolean {
    return this.#areNamed
  }
  /** Whether a client that came back is being told what it missed; what is new is told in its turn. */
  get areRetold(): boolean {
    return this.#areRetold
  }

  open(): void {
    this.#log = this.#options.log()
  }
  /** All was said. */
  end(): void {
    this.#log?.end()
  }

  /** An event that says nothing, whose id the client can come back with. */
  async prime(): Promise<void> {
    if (this.#log === undefined || this.#areNamed) return
    this.#areNamed = true
    await this.#write({ id: this.#log.mark(), data: '' })
  }

  async say(said: Said, text: string): Promise<void> {
    const id = this.#log?.add(said, text)
    this.#areNamed ||= id !== undefined && this.#options.to.isOpen
    if (!this.#areRetold) await this.#write({ data: text, ...(id === undefined ? {} : { id }) })
  }

  retry(after: number): Promise<void> {
    return this.#write({ retry: after })
  }

  /** Tells on another response what was said after that event. False where it came back once more meanwhile. */
  async resume(next: ServerResponse, seq: number, again: Again): Promise<boolean> {
    const mine = (this.#turn += 1)
    this.#options.to.replace(next)
    this.#areRetold = true
    this.#log ??= this.#options.log()
    this.#areNamed = true
    await this.#retell(seq, again, () => this.#turn === mine)
    if (this.#turn !== mine) return false
    this.#areRetold = false
    return true
  }

  async #retell(seq: number, again: Again, isCurrent: () => boolean): Promise<void> {
    const { to, print, released, unjudged } = this.#options
    for (let kept = this.#log?.after(seq); kept !== undefined && to.isOpen; kept = this.#log?.after(kept.seq)) {
      const said = await again(kept.said).catch((cause: unknown) => {
        if (!isCurrent()) return undefined
        this.#areRetold = false
        to.destroy() // it comes back, or not
        throw cause
      })
      if (!isCurrent()) return
      if (said === undefined || this.#log === undefined) continue
      if (!('envelope' in said) && !isEvaluated(said)) {
        unjudged()
        continue
      }
      const text = print('envelope' in said ? said.envelope : said.message.envelope)
      released?.(text.length)
      await this.#write({ id: this.#log.idOf(kept.seq), data: text })
      if (!isCurrent()) return
    }
  }

  #write(event: { id?: string; data?: string; retry?: number }): Promise<void> {
    return this.#options.to.write(this.#options.writeEvent(event))
  }
}
