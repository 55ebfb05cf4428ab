import type { Json, JsonObject } from '../model.ts'
import { keepPrinted, printedOf, sourceOf, Steps } from '../printed.ts'
import type { Node } from './edit-node.ts'
import type { Change, Cut, Edits } from './edits.ts'

/** Saves printing what a text that was cut into stands in: it is cut likewise. */
export function printCut(edits: Edits, body: JsonObject, edited: JsonObject): void {
  const text = sourceOf(body) ?? printedOf(body)
  const printed = text === undefined ? undefined : edits.print(body, text)
  if (printed !== undefined) keepPrinted(edited, printed)
}

/** Cuts what was changed into the text that a body was parsed from. Undefined where the text is not what the body prints as, or more changed than values. */
export function printEdited(body: Json, text: string, root: Node): string | undefined {
  const steps = new Steps(text)
  const escaped = new Map<string, string>()
  let printed = ''
  let done = 0
  const put = (start: number, end: number, instead: string): void => {
    printed += text.slice(done, start) + instead
    done = end
  }
  /** A JSON text within the text: its quotes and line ends are escaped. */
  const putCut = (value: string, { splices, escapes }: Cut): boolean => {
    const first = steps.at + 1
    if (!steps.passLong(value.length + escapes + 2)) return false
    for (const splice of splices) {
      let instead = escaped.get(splice.text)
      if (instead === undefined) escaped.set(splice.text, (instead = JSON.stringify(splice.text).slice(1, -1)))
      put(first + splice.start + splice.before, first + splice.end + splice.before + splice.inside, instead)
    }
    return true
  }
  const change = (value: Json, node: Node, made: Change): boolean => {
    if (made.kind === 'drop') return false
    if (made.kind === 'value' && made.like?.cut !== undefined) return typeof value === 'string' && putCut(value, made.like.cut)
    const to = made.kind === 'value' ? made.value : node.from === value ? node.to : undefined
    const start = steps.at
    if (to === undefined || !steps.pass(value)) return false
    put(start, steps.at, JSON.stringify(to))
    return true
  }
  const visit = (value: Json, node: Node | undefined): boolean => {
    if (node?.name !== undefined) return false
    if (node?.change !== undefined) return change(value, node, node.change)
    if (node?.first === undefined || typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return steps.pass(value)
    if (Array.isArray(value)) {
      const list = value as readonly Json[]
      for (let index = 0; index < list.length; index++) if (!steps.element(index) || !visit(list[index] as Json, node.member(String(index)))) return false // in range
      return steps.closeList(list.length)
    }
    let index = 0
    for (const name in value) if (!steps.member(index++, name) || !visit((value as JsonObject)[name] as Json, node.member(name))) return false // own: a JSON value
    return steps.close(index)
  }
  return visit(body, root) && steps.at === text.length ? printed + text.slice(done) : undefined
}
