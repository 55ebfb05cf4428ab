import type { Json, JsonObject } from '../model.ts'

interface Members {
  readonly named: Map<string, Wanted>
  /** Of elements of an array; of an object with other than named members everything is kept. */
  every: Wanted | undefined
}
type Wanted = true | Members

/**
 * Prints of an input only what rules read: most of a judgement of a large message is the parsing of its body. A step `*` of a pointer is
 * every element of an array.
 */
export function createPrinter(pointers: readonly string[]): (input: JsonObject) => string {
  const wanted = treeOf(pointers)
  return (input) => print(input, wanted)
}

function treeOf(pointers: readonly string[]): Wanted {
  const root: Members = { named: new Map(), every: undefined }
  for (const pointer of pointers) {
    const steps = pointer.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = steps.pop()
    if (last === undefined) return true
    const parent = steps.reduce<Wanted>((node, step) => below(node, step), root)
    if (parent !== true) put(parent, last, true)
  }
  return root
}

function below(node: Wanted, step: string): Wanted {
  if (node === true) return true
  const known = step === '*' ? node.every : node.named.get(step)
  return known ?? put(node, step, { named: new Map(), every: undefined })
}

function put(node: Members, step: string, wanted: Wanted): Wanted {
  if (step === '*') node.every = wanted
  else node.named.set(step, wanted)
  return wanted
}

function print(value: Json, wanted: Wanted): string {
  if (wanted === true || typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) {
    const { every } = wanted
    return every === undefined ? JSON.stringify(value) : `[${value.map((element: Json) => print(element, every)).join(',')}]`
  }
  if (wanted.every !== undefined || JSON.isRawJSON(value)) return JSON.stringify(value)
  let printed = ''
  for (const [name, inner] of wanted.named) {
    const member = Object.hasOwn(value, name) ? (value as JsonObject)[name] : undefined
    if (member !== undefined) printed += `${printed === '' ? '' : ','}${JSON.stringify(name)}:${print(member, inner)}`
  }
  return `{${printed}}`
}
