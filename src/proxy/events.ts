import type { ServerResponse } from 'node:http'
import type { Evaluated, JsonObject } from '../model.ts'
import type { OwnAnswer, ToClient } from './channel.ts'
import { isEvaluated } from './evaluate.ts'
import type { Said, StreamLog } from './outbox.ts'
import type { ClientResponse } from './client-response.ts'

/** What was said before, as it is now; undefined where it is not said again. */
export type Again = (said: Said) => Promise<Evaluated<ToClient> | OwnAnswer | undefined>

/** The events of a stream, kept for a client that comes back for them where it can. */
export interface Events {
  /** Whether they are kept. */
  readonly areKept: boolean
  /** Whether the client was given the id of any. */
  readonly areNamed: boolean
  /** Whether a client that came back is being told what it missed; what is new is told in its turn. */
  readonly areRetold: boolean
  open(): void
  /** An event that says nothing, whose id the client can come back with. */
  prime(): Promise<void>
  say(said: Said, text: string): Promise<void>
  retry(after: number): Promise<void>
  /** Tells on another response what was said after that event. False where it came back once more meanwhile. */
  resume(next: ServerResponse, seq: number, again: Again): Promise<boolean>
}

export interface EventsOptions {
  readonly to: ClientResponse
  readonly log: () => StreamLog | undefined
  readonly print: (envelope: JsonObject) => string
  readonly writeEvent: (event: { id?: string; data?: string; retry?: number }) => string
  readonly released: ((bytes: number) => void) | undefined
  readonly unjudged: () => void
}

export function createEvents({ to, print, writeEvent, released, unjudged, ...options }: EventsOptions): Events {
  let log: StreamLog | undefined
  let areNamed = false
  let areRetold = false
  /** Counts the responses: what is still being said to an earlier one is not. */
  let turn = 0

  const retell = async (seq: number, again: Again, isCurrent: () => boolean): Promise<void> => {
    for (let kept = log?.after(seq); kept !== undefined && to.isOpen; kept = log?.after(kept.seq)) {
      const said = await again(kept.said).catch((cause: unknown) => {
        if (!isCurrent()) return undefined
        areRetold = false
        to.destroy() // it comes back, or not
        throw cause
      })
      if (!isCurrent()) return
      if (said === undefined || log === undefined) continue
      if (!('envelope' in said) && !isEvaluated(said)) {
        unjudged()
        continue
      }
      const text = print('envelope' in said ? said.envelope : said.message.envelope)
      released?.(text.length)
      await to.write(writeEvent({ id: log.idOf(kept.seq), data: text }))
      if (!isCurrent()) return
    }
  }

  return {
    get areKept() {
      return log !== undefined
    },
    get areNamed() {
      return areNamed
    },
    get areRetold() {
      return areRetold
    },
    open: () => void (log = options.log()),
    async prime() {
      if (log === undefined || areNamed) return
      areNamed = true
      await to.write(writeEvent({ id: log.mark(), data: '' }))
    },
    async say(said, text) {
      const id = log?.add(said, text.length)
      areNamed ||= id !== undefined && to.isOpen
      if (!areRetold) await to.write(writeEvent({ data: text, ...(id === undefined ? {} : { id }) }))
    },
    retry: (after) => to.write(writeEvent({ retry: after })),
    async resume(next, seq, again) {
      const mine = (turn += 1)
      to.replace(next)
      areRetold = true
      log ??= options.log()
      areNamed = true
      await retell(seq, again, () => turn === mine)
      if (turn !== mine) return false
      areRetold = false
      return true
    },
  }
}
