import { positionAfter, type MaskRule } from './mask-rules.ts'
import { covers, type Place } from './pointer.ts'
import { Scopes } from './scopes.ts'

/** So many rules are followed through a text whatever else there is; of those beyond, so many through all texts together. */
const few = 32
const mostBeyond = 2_000_000

/** Finds the rules that have to do with a text: there may be very many of both. */
export class TextRules {
  readonly #all: readonly MaskRule[]
  readonly #order: ReadonlyMap<MaskRule, number>
  /** Of detectors, for some places. */
  readonly #placed: Scopes
  /** Of detectors, for every place. */
  readonly #everywhere: readonly MaskRule[]
  #beyond = 0

  constructor(rules: readonly MaskRule[]) {
    this.#all = rules
    this.#order = new Map(rules.map((rule, order) => [rule, order]))
    const detecting = rules.filter(({ detector }) => detector !== undefined)
    this.#placed = new Scopes(detecting.filter(({ segments }) => segments !== undefined), () => false)
    this.#everywhere = detecting.filter(({ segments }) => segments === undefined)
  }

  /** Those for some places whose detectors look at all that is at the place. */
  around(place: Place): readonly MaskRule[] {
    return this.#placed.covering(place)
  }

  /** All whose detectors look at all that is at the place. */
  at(place: Place): readonly MaskRule[] {
    return this.joined(this.#everywhere, this.around(place))
  }

  /** Those that reach what is at a place or below it. */
  reaching(place: Place): readonly MaskRule[] {
    return this.#all.filter(({ detector, segments }) => segments === undefined ? detector !== undefined : positionAfter(segments, place) !== undefined || covers(segments, place))
  }

  /** In their order. */
  joined(some: readonly MaskRule[], others: readonly MaskRule[]): readonly MaskRule[] {
    if (others.length === 0) return some
    if (some.length === 0) return others
    this.spend(some.length + others.length)
    const orderOf = (rule: MaskRule): number => this.#order.get(rule) ?? 0
    return [...new Set([...some, ...others])].sort((a, b) => orderOf(a) - orderOf(b))
  }

  /** Tells of so many rules that they are followed through a text. */
  spend(rules: number): void {
    this.#beyond += Math.max(0, rules - few)
    if (this.#beyond > mostBeyond) throw new RangeError('too many JSON texts for so many masks')
  }
}
