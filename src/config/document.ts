import { isMap, isNode, LineCounter, parseDocument, type Pair } from 'yaml'
import { showPath, type Problem, type Steps } from './problem.ts'

export interface ConfigDocument {
  /** The content as plain JSON values; undefined where the text is not YAML. */
  readonly content: unknown
  readonly problems: readonly Problem[]
  /** Where a value stands, or the nearest thing around it; `key` asks for the name in front of it. */
  locate(steps: Steps, part?: 'key' | 'value'): { readonly line?: number; readonly column?: number }
}

export const valueAt = (content: unknown, steps: Steps): unknown =>
  steps.reduce<unknown>((value, step) => (typeof value === 'object' && value !== null && Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined), content)

const keysNamed = (name: string, content: unknown, steps: Steps = []): readonly Steps[] =>
  typeof content !== 'object' || content === null
    ? []
    : Object.entries(content).flatMap(([key, value]) => (key === name ? [[...steps, key]] : keysNamed(name, value, [...steps, key])))

/** Reads YAML 1.2 (and so JSON) and remembers where everything stood. */
export const readDocument = (source: string): ConfigDocument => {
  const counter = new LineCounter()
  const document = parseDocument(source, { lineCounter: counter, uniqueKeys: true, strict: true, prettyErrors: false })
  const at = (offset: number) => {
    const { line, col } = counter.linePos(offset)
    return { line, column: col }
  }
  const broken = [...document.errors, ...document.warnings].map(({ message, pos }): Problem => ({ path: '', ...at(pos[0]), found: `a mistake (${message})`, expected: 'YAML' }))
  let content: unknown
  if (broken.length === 0) {
    try {
      content = document.toJS({ maxAliasCount: 100 })
    } catch {
      broken.push({ path: '', found: 'aliases that grow without end', expected: 'YAML' })
    }
  }
  const pairAt = (steps: Steps): Pair | undefined => {
    const parent = steps.length === 1 ? document.contents : document.getIn(steps.slice(0, -1), true)
    return isMap(parent) ? parent.items.find(item => isNode(item.key) && String(item.key) === String(steps.at(-1))) : undefined
  }
  const locate = (steps: Steps, part: 'key' | 'value' = 'value'): { line?: number; column?: number } => {
    if (steps.length === 0) return isNode(document.contents) && document.contents.range ? at(document.contents.range[0]) : {}
    const key = pairAt(steps)?.key
    const value = document.getIn(steps, true)
    const node = part === 'value' && isNode(value) && value.range ? value : key
    return isNode(node) && node.range ? at(node.range[0]) : locate(steps.slice(0, -1), 'key')
  }
  // The schemas pass over this one name in silence.
  for (const steps of keysNamed('__proto__', content)) broken.push({ path: showPath(steps), ...locate(steps, 'key'), found: 'this name', expected: 'another name' })
  return { content, problems: broken, locate }
}
