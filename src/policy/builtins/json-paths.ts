/** `json.filter` and `json.remove` as OPA's own evaluator has them, for paths on which the module's fail. */
import { asElements, asObject, builtin, type Charge, type HostBuiltin } from './builtin.ts'
import { pathOf } from './json-patch.ts'
import { isArray, print, readValue, RegoObject, RegoSet, type Value } from './value.ts'

/** What the paths name: whole below `null`, or what the steps of it name. */
type Named = Map<string, Named> | null
const limit = 256 * 1024

function named(paths: Value | undefined, charge: Charge): Map<string, Named> {
  const root = new Map<string, Named>()
  for (const path of asElements(paths).map(pathOf)) {
    charge(20 * path.length)
    let at: Named = root
    for (const [index, step] of path.entries()) {
      if (at === null) break
      const key = print(step)
      const below: Named | undefined = at.get(key)
      if (index === path.length - 1) at.set(key, null)
      else if (below === undefined) at.set(key, new Map())
      at = at.get(key) ?? null
    }
  }
  return root
}

/** Each value with what names it below; undefined leaves it out. */
type Keep = (value: Value, below: Named | undefined) => Value | undefined

function each(value: Value, named: Map<string, Named>, keep: Keep, charge: Charge): Value {
  if (isArray(value)) return value.flatMap((one, index) => optional(keep(one, named.get(JSON.stringify(String(index))))))
  if (value instanceof RegoSet) return new RegoSet(value.elements.flatMap((one) => optional(keep(one, named.get(print(one))))))
  if (!(value instanceof RegoObject)) return value
  charge(20 * value.pairs.length)
  return new RegoObject(
    value.pairs.flatMap(([key, one]) => optional(keep(one, named.get(print(key)))).map((kept) => [key, kept] as const)),
  )
}

const optional = (value: Value | undefined): readonly Value[] => (value === undefined ? [] : [value])

const filtered = (charge: Charge): Keep => {
  const keep: Keep = (value, below) => (below === undefined ? undefined : below === null ? value : each(value, below, keep, charge))
  return keep
}
const without = (charge: Charge): Keep => {
  const keep: Keep = (value, below) => (below === undefined ? value : below === null ? undefined : each(value, below, keep, charge))
  return keep
}

const by = (how: (charge: Charge) => Keep): HostBuiltin => builtin(([object, paths], charge) => how(charge)(asObject(object), named(paths, charge)), limit)

/** Paths of no step are what the module does not expect, nor what is none. */
export function hasOddPath(paths: string): boolean {
  const all = readValue(paths)
  const elements = isArray(all) ? all : all instanceof RegoSet ? all.elements : []
  return elements.some((path) => (isArray(path) ? path.length === 0 : typeof path !== 'string' || /^\/*$/.test(path)))
}

export const pathBuiltins = { 'json.filter': by(filtered), 'json.remove': by(without) } satisfies Record<string, HostBuiltin>
