import { isObject } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'

export interface Member {
  readonly name: string
  /** The name as it is printed, with its colon; and with the comma before it, where it is not the first. */
  readonly label: string
  readonly nextLabel: string
  /** Whether objects have a member of that name that is not their own. */
  readonly isInherited: boolean
  wanted: Wanted
}
export interface Members {
  readonly named: Member[]
  /** Of elements of an array; of an object with other than named members everything is kept. */
  every: Wanted | undefined
  /** Elements of which the same is wanted are printed once. */
  once: boolean
}
export type Wanted = true | Members

/**
 * Prints of an input only what rules read: most of a judgement of a large message is the parsing of its body. A step `*` of a pointer is
 * every element of an array. Who reads members of `/findings/*` asks for any finding: findings that are alike there are printed as one.
 */
export function createPrinter(pointers: readonly string[]): (input: JsonObject) => string {
  const wanted = wantedOf(pointers)
  return (input) => print(input, wanted)
}

export function wantedOf(pointers: readonly string[]): Wanted {
  const wanted = treeOf(pointers)
  const findings = wanted === true ? wanted : wanted.named.find(({ name }) => name === 'findings')?.wanted
  if (findings !== undefined && findings !== true) findings.once = true
  return wanted
}

function treeOf(pointers: readonly string[]): Wanted {
  const root = newMembers()
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
  const known = step === '*' ? node.every : node.named.find(({ name }) => name === step)?.wanted
  return known ?? put(node, step, newMembers())
}

const newMembers = (): Members => ({ named: [], every: undefined, once: false })

function put(node: Members, step: string, wanted: Wanted): Wanted {
  const known = node.named.find(({ name }) => name === step)
  if (step === '*') node.every = wanted
  else if (known !== undefined) known.wanted = wanted
  else node.named.push({ name: step, label: `${JSON.stringify(step)}:`, nextLabel: `,${JSON.stringify(step)}:`, isInherited: step in Object.prototype, wanted })
  return wanted
}

export function print(value: Json, wanted: Wanted): string {
  switch (typeof value) {
    case 'string':
      return printText(value)
    case 'object':
      if (value === null) return 'null'
      return wanted === true ? printWhole(value) : printPart(value, wanted)
    default:
      return JSON.stringify(value)
  }
}

/** Most lists are empty or of a few words. */
const mostWords = 8

function printWhole(value: Json & object): string {
  if (!Array.isArray(value) || value.length > mostWords) return JSON.stringify(value)
  let printed = '['
  for (const element of value as readonly Json[]) {
    if (typeof element !== 'string') return JSON.stringify(value)
    printed = printed + (printed.length > 1 ? ',' : '') + printText(element)
  }
  return printed + ']'
}

function printPart(value: Json & object, { named, every, once }: Members): string {
  if (Array.isArray(value)) {
    if (every === undefined) return JSON.stringify(value)
    const elements: readonly Json[] = once && every !== true ? differing(value, every) : value
    return `[${elements.map((element) => print(element, every)).join(',')}]`
  }
  if (every !== undefined || JSON.isRawJSON(value)) return JSON.stringify(value)
  let printed = '{'
  for (const member of named) {
    const inner = memberOf(value as JsonObject, member)
    if (inner !== undefined) printed = printed + (printed.length > 1 ? member.nextLabel : member.label) + print(inner, member.wanted)
  }
  return printed + '}'
}

export function memberOf(value: JsonObject, { name, isInherited }: Pick<Member, 'name' | 'isInherited'>): Json | undefined {
  return isInherited && !Object.hasOwn(value, name) ? undefined : value[name]
}

/** Where more of them differ, all are printed. */
const mostDiffering = 8

/** Of elements with the same in all that is wanted, the first. */
function differing(elements: readonly Json[], { named }: Members): readonly Json[] {
  const kept: Json[] = []
  for (const element of elements) {
    if (kept.some((one) => areAlike(one, element, named))) continue
    if (kept.length === mostDiffering) return elements
    kept.push(element)
  }
  return kept
}

function areAlike(one: Json, other: Json, named: readonly Member[]): boolean {
  if (!isObject(one) || !isObject(other)) return false
  return named.every(({ name }) => one[name] === other[name] && typeof one[name] !== 'object')
}

/** For a short text the test is several times cheaper than printing it. */
const longestTested = 64
const plain = /^[ !#-[\]-~]*$/

function printText(text: string): string {
  return text.length <= longestTested && plain.test(text) ? `"${text}"` : JSON.stringify(text)
}
