import { fc } from '../support/property.ts'
import { patchText } from '../../src/enforce/apply-edits.ts'
import { Edits, patched } from '../../src/enforce/edits.ts'
import { isObject } from '../../src/exact-json.ts'
import type { Json, JsonObject } from '../../src/model.ts'

type Place = readonly string[]
type Edit =
  | { readonly kind: 'value'; readonly place: Place; readonly value: Json }
  | { readonly kind: 'drop'; readonly place: Place }
  | { readonly kind: 'patch'; readonly place: Place; readonly at: number }
  | { readonly kind: 'rename'; readonly place: Place; readonly name: string }

// So many members that they are found by a table, in no order, and rows that are gone through one after another.
const wide = Array.from({ length: 24 }, (_, index) => `m${index}`)
const body: JsonObject = {
  wide: Object.fromEntries(wide.map((name) => [name, `text ${name}`])),
  rows: Array.from({ length: 24 }, (_, index) => ({ a: `a ${index}`, b: [`b ${index}`, 'x'], __proto: index })),
}
const row = fc.nat({ max: 23 }).map(String)
const place = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...wide).map((name) => ['wide', name]) },
  { weight: 30, arbitrary: fc.tuple(fc.constant('rows'), row, fc.constantFrom('a', 'a', '__proto')) },
  { weight: 10, arbitrary: fc.tuple(fc.constant('rows'), row, fc.constant('b'), fc.constantFrom('0', '1')) },
  fc.tuple(fc.constant('rows'), row),
  fc.constantFrom(['wide'], ['rows']),
)
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(place, fc.nat({ max: 3 })).map(([at, start]): Edit => ({ kind: 'patch', place: at, at: start })) },
  { weight: 4, arbitrary: place.map((at): Edit => ({ kind: 'value', place: at, value: `new ${at.length}` })) },
  place.map((at): Edit => ({ kind: 'drop', place: at })),
  fc.tuple(fc.constantFrom(...wide.map((name) => ['wide', name]), ['rows', '3', 'a']), fc.constantFrom('m1', 'b', 'other')).map(([at, name]): Edit => ({ kind: 'rename', place: at, name })),
)
const edits = fc.array(edit, { maxLength: 80, size: 'max' }).chain((list) => fc.constantFrom(list, list.toSorted((one, other) => (one.place.join('/') < other.place.join('/') ? -1 : 1))))

const holds = (outer: Place, inner: Place): boolean => outer.every((key, at) => inner[at] === key)

/** By looking through everything that was asked for, for each value anew. */
class Plainly {
  readonly #made: Edit[] = []

  take(one: Edit): boolean {
    const around = one.kind === 'rename' ? one.place.slice(0, -1) : one.place
    if (this.isReplaced(around)) return false
    if (one.kind === 'value' || one.kind === 'drop') this.#made.splice(0, Infinity, ...this.#made.filter((made) => !holds(one.place, made.place) || (made.kind === 'rename' && made.place.length === one.place.length)))
    this.#made.push(one)
    return true
  }

  isReplaced(at: Place): boolean {
    return this.#made.some((made) => (made.kind === 'value' || made.kind === 'drop') && holds(made.place, at))
  }

  apply(value: Json, at: Place = []): Json | undefined {
    const here = this.#made.filter((made) => made.kind !== 'rename' && made.place.length === at.length && holds(made.place, at))
    const whole = here.find(({ kind }) => kind === 'value' || kind === 'drop')
    if (whole !== undefined) return whole.kind === 'value' ? whole.value : undefined
    const patches = here.flatMap((made) => (made.kind === 'patch' ? [{ spans: [{ start: made.at, end: made.at + 1 }], text: '#', value: 'whole' }] : []))
    if (patches.length > 0) return typeof value === 'string' ? patchText(value, patches) : 'whole'
    if (Array.isArray(value)) return value.map((element: Json, index) => this.apply(element, [...at, String(index)]) ?? null)
    if (!isObject(value)) return value
    const taken = new Set(Object.keys(value))
    const members = Object.entries(value).flatMap(([name, member]) => {
      const changed = this.apply(member, [...at, name])
      if (changed === undefined) return []
      const renamed = this.#made.findLast((made) => made.kind === 'rename' && made.place.length === at.length + 1 && holds(made.place, [...at, name]))
      if (renamed?.kind !== 'rename') return [[name, changed] as const]
      let free = renamed.name
      for (let number = 2; taken.has(free); number++) free = `${renamed.name} ${number}`
      taken.add(free)
      return [[free, changed] as const]
    })
    return Object.fromEntries(members)
  }
}

test('edits come out as they do where each value looks through all of them', () => {
  let changed = 0
  fc.assert(
    fc.property(edits, fc.nat({ max: 80 }), (list, half) => {
      const made = new Edits()
      const plainly = new Plainly()
      for (const [index, one] of list.entries()) {
        // what was carried out before does not stay where more is changed
        if (index === half) made.apply(body)
        const taken = plainly.take(one)
        if (one.kind === 'patch') expect(made.patch(one.place, patched([{ start: one.at, end: one.at + 1 }], '#', 'whole'))).toBe(taken)
        else if (one.kind === 'rename') made.rename(one.place, one.name)
        else expect(made.replace(one.place, one.kind === 'drop' ? { kind: 'drop' } : { kind: 'value', value: one.value })).toBe(taken)
      }
      const wanted = plainly.apply(body)
      expect(JSON.stringify(made.apply(body))).toBe(JSON.stringify(wanted))
      for (const { place: at } of list) expect(made.isReplaced(at)).toBe(plainly.isReplaced(at))
      if (JSON.stringify(wanted) !== JSON.stringify(body)) changed++
    }),
    { numRuns: 500 },
  )
  expect(changed).toBeGreaterThan(300)
})
