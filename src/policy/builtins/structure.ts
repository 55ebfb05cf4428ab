import { asElements, asInt, asObject, asText, asWhole, builtin, noAnswer, type Charge, type HostBuiltin } from './builtin.ts'
import { readTemplate } from './rego-text.ts'
import { equal, isArray, number, RegoObject, RegoSet, type Value } from './value.ts'

const mostNumbers = 100_000
const mostPaths = 20_000
const large = 8 * 1024 * 1024

/** Whether every element is in a set; the sets are in one order. */
function hasAll(superset: RegoSet, set: RegoSet): boolean {
  return set.elements.every((element) => superset.elements.some((other) => equal(element, other)))
}

/** What a comparison of all with all costs. */
function weigh(one: Value, other: Value, charge: Charge): void {
  const size = (value: Value): number => (isArray(value) ? value.length : value instanceof RegoSet ? value.elements.length : value instanceof RegoObject ? value.pairs.length : 1)
  charge(10 * size(one) * size(other))
}

function isSubset(superset: Value, part: Value, charge: Charge): boolean | undefined {
  weigh(superset, part, charge)
  if (superset instanceof RegoObject && part instanceof RegoObject) {
    return part.pairs.every(([key, value]) => {
      const other = superset.get(key)
      if (other === undefined) return false
      return equal(other, value) || (!(isArray(other) && value instanceof RegoSet) && isSubset(other, value, charge) === true)
    })
  }
  if (superset instanceof RegoSet && part instanceof RegoSet) return hasAll(superset, part)
  if (isArray(superset) && isArray(part)) return part.length === 0 || isRun(superset, part)
  if (isArray(superset) && part instanceof RegoSet) return hasEnough(superset, part)
  return undefined
}

function isRun(array: readonly Value[], run: readonly Value[]): boolean {
  return array.some((_, start) => start + run.length <= array.length && run.every((value, index) => equal(value, array[start + index] ?? null)))
}

/** OPA counts hits in the array, so an element that stands there twice counts twice; and it says no for an empty array. */
function hasEnough(array: readonly Value[], set: RegoSet): boolean {
  let missing = set.elements.length
  return array.some((value) => {
    if (set.elements.some((element) => equal(element, value))) missing -= 1
    return missing === 0
  })
}

const rangeStep = builtin(([from, to, by], charge) => {
  const [first, last, step] = [asWhole(from), asWhole(to), asWhole(by)]
  if (step <= 0n) return undefined
  const count = (first < last ? last - first : first - last) / step + 1n
  if (count > BigInt(mostNumbers)) throw new Error(`a range of more than ${mostNumbers} numbers`)
  // Digits are found in time that grows with their square.
  const digits = Math.max(...[first, last].map((value) => value.toString(16).length))
  charge(Number(count) * (20 + (digits * digits) / 700))
  const signed = first <= last ? step : -step
  return Array.from({ length: Number(count) }, (_, index) => number(first + BigInt(index) * signed))
})

const reachablePaths = builtin(([operand, start], charge) => {
  const graph = asObject(operand)
  const found: Value[] = []
  const keep = (path: readonly Value[]): void => {
    found.push(path)
    if (found.length > mostPaths) throw new Error(`more than ${mostPaths} paths`)
  }
  const follow = (node: Value, path: readonly Value[]): void => {
    charge(50 * (path.length + 1))
    const edges = graph.get(node)
    if (edges === undefined) return keep(path)
    const longer = [...path, node]
    const next = neighbours(edges)
    if (next.length === 0) keep(longer)
    for (const neighbour of next) {
      if (longer.some((before) => equal(before, neighbour))) keep(longer)
      else follow(neighbour, longer)
    }
  }
  for (const node of asElements(start)) {
    const edges = graph.get(node)
    if (edges === undefined) continue
    const next = neighbours(edges)
    if (next.length === 0) keep([node])
    for (const neighbour of next) {
      follow(neighbour, [node])
    }
  }
  return new RegoSet(found)
})

function neighbours(edges: Value): readonly Value[] {
  return edges instanceof RegoSet ? edges.elements : isArray(edges) ? edges : []
}

const splitN = builtin(([operand, by, limit], charge) => {
  const text = asText(operand)
  const delimiter = asText(by)
  const count = asInt(limit)
  charge(text.length)
  if (count < 0) return pieces(text, delimiter, Infinity).slice(count)
  return pieces(text, delimiter, count + 1).slice(0, count)
})

/** strings.SplitN: the last piece is the rest. */
function pieces(text: string, delimiter: string, most: number): readonly string[] {
  const all = delimiter === '' ? [...text] : text.split(delimiter)
  if (all.length <= most) return all
  return [...all.slice(0, most - 1), all.slice(most - 1).join(delimiter)]
}

const indexOfN = builtin(([operand, part], charge) => {
  const text = [...asText(operand)]
  const wanted = [...asText(part)]
  if (wanted.length === 0) return undefined
  charge(text.length * wanted.length)
  return text.flatMap((_, at) => (wanted.every((char, index) => text[at + index] === char) ? [number(at)] : []))
})

/** The module's own takes the elements of a set in the order of their hashes. */
const concat = builtin(([delimiter, texts]) => asElements(texts).map(asText).join(asText(delimiter)), large)

/** OPA's own evaluator joins none to the empty object, and no set. */
const unionOfNone = builtin(([objects]) => (isArray(objects) && objects.length === 0 ? new RegoObject([]) : noAnswer()))

/** The parts of a text: each in a set that is empty where it is undefined. */
const templateString: HostBuiltin = {
  reads: 'rego',
  maxBytes: 64 * 1024,
  run: ([parts = '']) => JSON.stringify(readTemplate(parts)),
}

export const structureBuiltins = {
  concat,
  'graph.reachable_paths': reachablePaths,
  indexof_n: indexOfN,
  'internal.template_string': templateString,
  'numbers.range_step': rangeStep,
  'object.union_n': unionOfNone,
  'object.subset': builtin(([superset, part], charge) => isSubset(superset ?? null, part ?? null, charge) ?? noAnswer()),
  'strings.split_n': splitN,
  /** It says nothing where nothing is traced. */
  trace: builtin(([note]) => asText(note) !== undefined),
} satisfies Record<string, HostBuiltin>
