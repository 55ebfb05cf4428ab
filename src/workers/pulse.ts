import type { Line } from './line.ts'
import type { OfWorker } from './words.ts'

export interface Patience {
  /** Milliseconds between two looks. */
  readonly every: number
  /** So many looks without an answer. */
  readonly looks: number
}
/** A worker's loop is held up for less than a second at a time; a machine that swaps may hold it up for longer. */
export const usualPatience: Patience = { every: 1_000, looks: 30 }

/**
 * Tells of a worker that answers nothing, as one whose loop hangs. Counted are looks, not time: where the whole machine stood still,
 * nobody is late. Returns how to stop looking.
 */
export function watchPulse(line: Pick<Line<OfWorker>, 'ask'>, { every, looks }: Patience, onHung: () => void): () => void {
  let isAsked = false
  let unanswered = 0
  const timer = setInterval(() => {
    if (isAsked) {
      unanswered += 1
      if (unanswered === looks) onHung()
      return
    }
    isAsked = true
    unanswered = 0
    const answered = () => {
      isAsked = false
    }
    line.ask('pulse', undefined, every * looks * 10).then(answered, answered)
  }, every).unref()
  return () => clearInterval(timer)
}
