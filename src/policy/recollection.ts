/**
 * Decisions that were made before. Policies know no clock, network or chance: where everything that is read is the
 * same, so is the decision. Little of what is read is the same twice, but the verdict sets that read the rest mostly say nothing:
 * they are asked of each message, and what they say stands for what they read.
 */
import type { JsonObject, Question } from '../model.ts'
import type { Recall } from './bundle.ts'
import { createOutlines } from './outline.ts'
import { print, wantedOf } from './print.ts'
import type { Verdict } from './verdict.ts'

export interface Kept {
  readonly verdict: Verdict
  /** What the whole judgement took. */
  readonly fuel: number
}
/** What messages that are decided alike have in common, and what was decided, by what the varying sets said. */
interface Settled {
  readonly text: string
  readonly decided: Map<string, Kept>
  size: number
  isForgotten: boolean
}
export interface Place {
  readonly settled: Settled
  /** The input of the varying sets. */
  readonly varying: string
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
/** What a place takes by itself, and so does each decision in it. */
const sizeOfOne = 512
/** A longer one is not worth a second copy. */
const longestOutlined = 2048
/** Above this the sets themselves are the work. */
const longestVarying = 64 * 1024
/** After so many more misses than hits nothing is looked for during so many judgements. */
const patience = 64
const rest = 512

export function createRecollection({ varying, settled }: Recall): Recollection {
  const wanted = { settled: wantedOf(settled), varying: wantedOf(varying) }
  const outlines = createOutlines<Settled>(wanted.settled, wanted.varying)
  const kept = new Map<string, Settled>()
  let size = 0
  let luck = 0
  let resting = 0

  const missed = (by: number): void => {
    luck -= by
    if (luck > -patience) return
    luck = 0
    resting = rest
  }
  const forget = (most: number): void => {
    for (const oldest of kept.values()) {
      if (size <= most) break
      kept.delete(oldest.text)
      oldest.decided.clear()
      oldest.isForgotten = true
      size -= oldest.size
    }
  }
  const settledOf = (text: string): Settled => {
    const before = kept.get(text)
    if (before !== undefined) return before
    const made: Settled = { text, decided: new Map(), size: sizeOfOne + text.length, isForgotten: false }
    kept.set(text, made)
    size += made.size
    forget(mostKept)
    return made
  }
  const placeIn = (input: JsonObject): Place | undefined => {
    const before = outlines?.find(input)
    const isKnown = before !== undefined && !before.isForgotten
    const text = isKnown ? before.text : print(input, wanted.settled)
    const varies = isKnown && outlines !== undefined ? outlines.varying() : print(input, wanted.varying)
    if (text.length > longestSettled || varies.length > longestVarying) return undefined
    const place = { settled: isKnown ? before : settledOf(text), varying: varies }
    if (!isKnown && text.length <= longestOutlined) outlines?.keep(input, place.settled)
    return place
  }
  return {
    placeOf(question) {
      if (resting === 0) return placeIn(question as unknown as JsonObject) // a question is plain JSON (model.ts)
      resting -= 1
      return undefined
    },
    find({ settled: { decided } }, said) {
      const found = decided.get(said)
      if (found === undefined) missed(1)
      else if (luck < patience) luck += 1
      return found
    },
    keep({ settled: place }, said, decided) {
      if (said.length > longestSaid || place.isForgotten) return
      const more = place.decided.has(said) ? 0 : sizeOfOne + said.length
      place.size += more
      size += more
      place.decided.set(said, decided)
      forget(mostKept)
    },
    failed: () => missed(patience),
    clear() {
      forget(0)
      outlines?.clear()
    },
  }
}
