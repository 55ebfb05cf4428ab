import type { Signal } from '../abort.ts'
import { GatewayError } from '../errors.ts'

/** Gives a turn back; a second time does nothing. */
export type EndTurn = () => void

/**
 * How many calls of one caller run at once, so that nobody's flood makes everybody wait. What is more waits its turn, in order;
 * what is more than may wait is refused.
 */
export interface Turns {
  /** At once where there is room. Undefined where the signal came first. Throws, or rejects with, `GatewayError('busy')`. `bytes` is asked where it has to wait. */
  take(who: string, bytes: () => number, signal: Signal): EndTurn | undefined | Promise<EndTurn | undefined>
}

interface Caller {
  running: number
  /** Each begins the call that waits. */
  readonly waiting: Set<() => void>
}

/** A burst of five times what may run is nothing unusual. */
const waitingPerRunning = 4
/** What waits in memory, of all callers. */
const mostWaitingBytes = 64 * 1024 * 1024
const patience = 30_000

export function createTurns(atOnce: number): Turns {
  const callers = new Map<string, Caller>()
  let waitingBytes = 0

  const begin = (who: string, caller: Caller): EndTurn => {
    caller.running += 1
    let ended = false
    return () => {
      if (ended) return
      ended = true
      caller.running -= 1
      const [next] = caller.waiting
      next?.()
      if (caller.running === 0) callers.delete(who)
    }
  }

  const wait = (who: string, caller: Caller, size: number, signal: Signal): Promise<EndTurn | undefined> =>
    new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', giveUp)
        caller.waiting.delete(start)
        waitingBytes -= size
      }
      const start = () => {
        leave()
        resolve(begin(who, caller))
      }
      const giveUp = () => {
        leave()
        resolve(undefined)
      }
      const timer = setTimeout(() => {
        leave()
        reject(new GatewayError('busy', { detail: `no turn within ${patience / 1000} s` }))
      }, patience).unref()
      signal.addEventListener('abort', giveUp, { once: true })
      caller.waiting.add(start)
      waitingBytes += size
    })

  return {
    take(who, bytes, signal) {
      if (signal.aborted) return undefined
      const caller = callers.get(who) ?? { running: 0, waiting: new Set() }
      callers.set(who, caller)
      if (caller.running < atOnce) return begin(who, caller)
      const size = bytes()
      if (caller.waiting.size >= atOnce * waitingPerRunning || waitingBytes + size > mostWaitingBytes) {
        throw new GatewayError('busy', { detail: `${caller.running} calls of one caller are running and ${caller.waiting.size} wait` })
      }
      return wait(who, caller, size, signal)
    },
  }
}
