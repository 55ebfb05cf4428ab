/**
 * Decisions that were made before. Policies know no clock, network or chance: where everything that is read is the
 * same, so is the decision. Little of what is read is the same twice, but the verdict sets that read the rest mostly say nothing:
 * they are asked of each message, and what they say stands for what they read.
 */
import type { JsonObject, Question } from '../model.ts'
import type { Recall } from './bundle.ts'
import { createPrinter } from './print.ts'
import type { Verdict } from './verdict.ts'

/** What two messages that are decided alike have in common, but for what the varying sets say. */
export interface Place {
  readonly settled: string
  /** The input of the varying sets. */
  readonly varying: string
}
export interface Kept {
  readonly verdict: Verdict
  /** What the whole judgement took. */
  readonly fuel: number
}
export interface Recollection {
  /** Undefined where it is not worth looking. */
  placeOf(question: Question): Place | undefined
  find(place: Place, said: string): Kept | undefined
  keep(place: Place, said: string, kept: Kept): void
  /** The varying sets could not be asked. */
  failed(): void
  clear(): void
}

/** Inputs hold what people wrote: no more of them is kept than this, in UTF-16 units, and none for longer than its bundle. */
const mostKept = 1024 * 1024
const longestSettled = 32 * 1024
const longestSaid = 4096
/** Above this the sets themselves are the work. */
const longestVarying = 64 * 1024
/** After so many more misses than hits nothing is looked for during so many judgements. */
const patience = 64
const rest = 512

export function createRecollection({ varying, settled }: Recall): Recollection {
  const printSettled = createPrinter(settled)
  const printVarying = createPrinter(varying)
  const kept = new Map<string, Kept>()
  let size = 0
  let luck = 0
  let resting = 0

  const missed = (by: number): void => {
    luck -= by
    if (luck > -patience) return
    luck = 0
    resting = rest
  }
  const keyOf = (place: Place, said: string): string => `${place.settled}\n${said}`
  return {
    placeOf(question) {
      if (resting > 0) {
        resting -= 1
        return undefined
      }
      const input = question as unknown as JsonObject // a question is plain JSON (model.ts)
      const place = { settled: printSettled(input), varying: printVarying(input) }
      return place.settled.length > longestSettled || place.varying.length > longestVarying ? undefined : place
    },
    find(place, said) {
      const found = kept.get(keyOf(place, said))
      if (found === undefined) missed(1)
      else if (luck < patience) luck += 1
      return found
    },
    keep(place, said, decided) {
      if (said.length > longestSaid) return
      const key = keyOf(place, said)
      size += kept.has(key) ? 0 : key.length
      kept.set(key, decided)
      for (const oldest of kept.keys()) {
        if (size <= mostKept) break
        kept.delete(oldest)
        size -= oldest.length
      }
    },
    failed: () => missed(patience),
    clear() {
      kept.clear()
      size = 0
    },
  }
}
