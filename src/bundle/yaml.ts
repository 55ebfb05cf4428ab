import { isAlias, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import type { Document } from 'yaml'
import { messageOf } from '../errors.ts'

/** A gateway reads policies by the loop that judges calls: what takes longer to read than this much is better written as JSON. */
const largest = 1024 * 1024
const largestInAll = 4 * 1024 * 1024
const mostAliases = 100
const mostFaults = 20
const mostNodes = 1_000_000
const deepest = 100

export interface YamlFault {
  readonly offset: number
  readonly message: string
  readonly remedy?: string
}
export interface Yaml {
  /** Undefined where there is a fault. */
  readonly value: unknown
  readonly faults: readonly YamlFault[]
  /** Undefined where it could not even be looked at. */
  readonly document: Document.Parsed | undefined
  at(offset: number): { readonly row: number; readonly col: number }
}

/** Files that are read as YAML, taken together: the one by which they are more than a gateway reads, and why. */
export const tooMuchYaml = (files: Iterable<readonly [string, string]>): (Pick<YamlFault, 'message' | 'remedy'> & { readonly file: string }) | undefined => {
  let sum = 0
  for (const [file, text] of files) {
    sum += text.length
    if (sum > largestInAll) return { file, message: `the YAML files are larger than ${largestInAll / 1024} KiB together`, remedy: 'write large data as JSON' }
  }
  return undefined
}

/** Whether walking through a value is a risk, because it is nested so deep, or because aliases made it so large. */
export const isBoundless = (value: unknown, most = Number.POSITIVE_INFINITY): boolean => {
  let nodes = 0
  const grows = (inner: unknown, depth: number): boolean => {
    nodes += 1
    if (nodes > most) return true
    if (typeof inner !== 'object' || inner === null) return false
    return depth > deepest || Object.values(inner).some((each) => grows(each, depth + 1))
  }
  return grows(value, 1)
}
export const tooDeep = `it is nested more than ${deepest} deep`

/** In one walk: the library compares each name with all before it, and looks for each alias in all of the text. */
const faultsOf = (document: Document.Parsed): readonly YamlFault[] => {
  const faults: YamlFault[] = []
  const anchors = new Set<string>()
  let aliases = 0
  const say = (node: unknown, message: string, remedy?: string): symbol | undefined => {
    faults.push({ offset: (isNode(node) ? node.range?.[0] : undefined) ?? 0, message, ...(remedy === undefined ? {} : { remedy }) })
    return faults.length < mostFaults ? undefined : visit.BREAK
  }
  const remember = (_: unknown, { anchor }: { anchor?: string }): undefined => {
    if (anchor !== undefined) anchors.add(anchor)
  }
  visit(document, {
    Scalar: remember,
    Seq: remember,
    Alias(_, alias, path) {
      aliases += 1
      if (aliases > mostAliases) return say(alias, `there are more than ${mostAliases} aliases`, 'write out what they stand for') ?? visit.BREAK
      if (!anchors.has(alias.source)) return say(alias, `nothing is named *${alias.source}`, 'put a name with `*` in quotes')
      const isPart = path.some((above) => isNode(above) && !isAlias(above) && above.anchor === alias.source)
      return isPart ? say(alias, `*${alias.source} is a part of itself`) : undefined
    },
    Map(_, map) {
      remember(_, map)
      const names = new Set<string>()
      for (const { key } of map.items as readonly { readonly key: unknown }[]) {
        if (isNode(key) && !isScalar(key)) return say(key, 'this cannot be a name', 'put it in quotes')
        const name = isScalar(key) ? String(key.value) : ''
        if (names.has(name)) return say(key, 'Map keys must be unique')
        names.add(name)
      }
      return undefined
    },
  })
  return faults
}

/** YAML that somebody else wrote. It takes a time that grows with its size and no faster, and never throws. */
export const readYaml = (text: string, { intAsBigInt = false }: { readonly intAsBigInt?: boolean } = {}): Yaml => {
  const counter = new LineCounter()
  const at: Yaml['at'] = (offset) => {
    const { line, col } = counter.linePos(offset)
    return { row: Math.max(1, line), col: Math.max(1, col) }
  }
  const refuse = (faults: readonly YamlFault[], document?: Document.Parsed): Yaml => ({ value: undefined, faults: faults.slice(0, mostFaults), document, at })
  if (text.length > largest) return refuse([{ offset: 0, message: `it is larger than ${largest / 1024} KiB`, remedy: 'split it, or write it as JSON where that is read' }])
  try {
    const document = parseDocument(text, { lineCounter: counter, uniqueKeys: false, strict: true, prettyErrors: false, intAsBigInt })
    const broken = [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({ offset: pos[0], message, ...(code === 'BAD_ALIAS' ? { remedy: "put `*` in quotes: '*'" } : {}) }))
    const faults = broken.length > 0 ? broken : faultsOf(document)
    if (faults.length > 0) return refuse(faults, document)
    const value: unknown = document.toJS({ maxAliasCount: mostAliases })
    return isBoundless(value, mostNodes) ? refuse([{ offset: 0, message: `${tooDeep}, or has more than ${mostNodes} values` }]) : { value, faults, document, at }
  } catch (fault) {
    return refuse([{ offset: 0, message: messageOf(fault) }])
  }
}
