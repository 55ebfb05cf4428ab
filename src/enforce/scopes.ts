import type { MaskRule } from './mask-rules.ts'
import type { Place, Segments } from './pointer.ts'

/** Where pointers that begin alike have come to together. */
interface Stop {
  readonly keys: Map<string, Stop>
  any: Stop | undefined
  /** Behind `**`, which also stands for no step at all. */
  deep: Stop | undefined
  readonly isDeep: boolean
  /** Those whose pointers end here, in their order. */
  readonly rules: { readonly rule: MaskRule; readonly order: number }[]
}
const stop = (isDeep: boolean): Stop => ({ keys: new Map(), any: undefined, deep: undefined, isDeep, rules: [] })

const none: readonly MaskRule[] = []

/** Finds the rules that cover a hit without asking each: a policy may have one for each of very many places. */
export class Scopes {
  readonly #byDetector = new Map<string, Stop>()
  readonly #told = new Set<Stop>()

  /** `isInside` is true of a rule that covers every place. */
  constructor(rules: readonly MaskRule[], isInside: (rule: MaskRule) => boolean) {
    for (const [order, rule] of rules.entries()) {
      const { detector, segments } = rule
      if (detector === undefined) continue
      const start = this.#byDetector.get(detector) ?? stop(false)
      this.#byDetector.set(detector, start)
      endOf(start, segments === undefined || isInside(rule) ? [] : segments).rules.push({ rule, order })
    }
  }

  /** The first that covers the place; all that do are told, once. */
  first(detector: string, place: Place, tell: (rule: MaskRule) => void): MaskRule | undefined {
    let found: Stop['rules'][number] | undefined
    eachStop(this.#byDetector.get(detector), place, (at) => {
      const [here] = at.rules
      if (here === undefined) return
      if (found === undefined || here.order < found.order) found = here
      if (this.#told.has(at)) return
      this.#told.add(at)
      for (const { rule } of at.rules) tell(rule)
    })
    return found?.rule
  }

  /** All that cover the place, whatever they detect, in their order. */
  covering(place: Place): readonly MaskRule[] {
    if (this.#byDetector.size === 0) return none
    const found = new Map<MaskRule, number>()
    for (const start of this.#byDetector.values()) eachStop(start, place, (at) => at.rules.forEach(({ rule, order }) => found.set(rule, order)))
    return [...found].sort(([, a], [, b]) => a - b).map(([rule]) => rule)
  }
}

function eachStop(start: Stop | undefined, place: Place, visit: (at: Stop) => void): void {
  const arrive = (at: Stop | undefined, among: Set<Stop>): void => {
    if (at === undefined) return
    among.add(at)
    visit(at)
    arrive(at.deep, among)
  }
  let reached = new Set<Stop>()
  arrive(start, reached)
  for (const key of place) {
    const next = new Set<Stop>()
    for (const at of reached) {
      if (at.isDeep) next.add(at)
      arrive(at.any, next)
      arrive(at.keys.get(key), next)
    }
    if (next.size === 0) return
    reached = next
  }
}

function endOf(start: Stop, segments: Segments): Stop {
  let at = start
  for (const segment of segments) {
    if (segment.kind === 'any') at = at.any ??= stop(false)
    else if (segment.kind === 'deep') at = at.deep ??= stop(true)
    else {
      const next = at.keys.get(segment.key) ?? stop(false)
      at.keys.set(segment.key, next)
      at = next
    }
  }
  return at
}
