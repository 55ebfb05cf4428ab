import type { Json, JsonObject } from '../model.ts'

type Wanted = true | Map<string, Wanted>

/** Leaves out of an input what no rule reads: most of a judgement of a large message is the parsing of its body. */
export function createPruner(pointers: readonly string[]): (input: JsonObject) => Json {
  const wanted = treeOf(pointers)
  return (input) => prune(input, wanted)
}

function treeOf(pointers: readonly string[]): Wanted {
  const root = new Map<string, Wanted>()
  for (const pointer of pointers) {
    const steps = pointer.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = steps.pop()
    if (last === undefined) return true
    const parent = steps.reduce<Wanted>((node, step) => below(node, step), root)
    if (parent !== true) parent.set(last, true)
  }
  return root
}

function below(node: Wanted, step: string): Wanted {
  if (node === true) return true
  const known = node.get(step)
  if (known !== undefined) return known
  const made: Wanted = new Map()
  node.set(step, made)
  return made
}

function prune(value: Json, wanted: Wanted): Json {
  if (wanted === true || !isObject(value)) return value
  const kept: Record<string, Json> = Object.create(null)
  for (const [name, inner] of wanted) {
    const member = Object.hasOwn(value, name) ? value[name] : undefined
    if (member !== undefined) kept[name] = prune(member, inner)
  }
  return kept
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value)
}
