import { isObject } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'
import type { Node } from './edit-node.ts'
import type { Patched, Patches } from './edits.ts'
import { isList } from './pointer.ts'

/** A value with what was changed in it, of which everything else is shared; undefined where nothing is left. */
export function applied(value: Json, node: Node): Json | undefined {
  const { change } = node
  if (change?.kind === 'value') return change.value
  if (change?.kind === 'drop') return undefined
  if (node.from === value) return node.to
  const to = change?.kind === 'patches' ? patched(value, change) : node.first === undefined ? value : rebuilt(value, node)
  node.from = value
  node.to = to
  return to
}

function rebuilt(value: Json, node: Node): Json {
  if (!isList(value)) return isObject(value) ? rebuiltObject(value, node) : value
  const elements: Json[] = value.slice()
  for (let member = node.first; member !== undefined; member = member.next) {
    const at = Number(member.key)
    elements[at] = applied(elements[at] as Json, member) ?? null // a place that was found
  }
  return elements
}

function rebuiltObject(value: JsonObject, node: Node): JsonObject {
  // A spread copies own members as data, `__proto__` among them, so these assignments meet own members only.
  const copy: Record<string, Json> = { ...value }
  for (let member = node.first; member !== undefined; member = member.next) {
    const { key } = member
    if (!Object.hasOwn(value, key)) continue
    const changed = applied(value[key] as Json, member) // own
    if (changed === undefined || member.name !== undefined) return rebuiltMembers(value, node)
    copy[key] = changed
  }
  return copy
}

/** Where some get other names or are dropped. */
function rebuiltMembers(value: JsonObject, node: Node): JsonObject {
  const taken = new Set(Object.keys(value))
  const tried = new Map<string, number>()
  const all: [string, Json][] = []
  for (const key of Object.keys(value)) {
    const member = node.member(key)
    const changed = member === undefined ? value[key] : applied(value[key] as Json, member) // own, here and below
    if (changed === undefined) continue
    const name = member?.name === undefined ? key : free(member.name, taken, tried)
    taken.add(name)
    all.push([name, changed])
  }
  return Object.fromEntries(all)
}

/** `tried`: where the search ended for the last one of that name; hundreds of thousands may get the same. */
function free(name: string, taken: ReadonlySet<string>, tried: Map<string, number>): string {
  if (!taken.has(name)) return name
  let number = tried.get(name) ?? 2
  while (taken.has(`${name} ${number}`)) number++
  tried.set(name, number)
  return `${name} ${number}`
}

function patched(value: Json, change: Patched): Json {
  if (typeof value !== 'string') return change.patches[0] === undefined ? value : change.patches[0].value
  if (change.encoding === undefined) return patchText(value, change.patches)
  return Buffer.from(patchText(Buffer.from(value, 'base64').toString('utf8'), change.patches)).toString('base64')
}

/** Spans that overlap become one, with the text of the first patch given. */
export function patchText(text: string, patches: readonly Patches[]): string {
  const [first] = patches
  if (first !== undefined && patches.length === 1 && first.spans.length === 1) {
    const { start, end } = first.spans[0]! // there is one
    return text.slice(0, start) + first.text + text.slice(end)
  }
  const all: { start: number; end: number; text: string; order: number }[] = []
  for (const { spans, text: instead } of patches) for (const { start, end } of spans) all.push({ start, end, text: instead, order: all.length })
  const sorted = all.sort((a, b) => a.start - b.start || a.order - b.order)
  let result = ''
  let done = 0
  for (let at = 0; at < sorted.length; ) {
    let best = sorted[at]! // in range
    const { start } = best
    let { end } = best
    for (at++; at < sorted.length && sorted[at]!.start < end; at++) {
      const next = sorted[at]! // in range
      end = Math.max(end, next.end)
      if (next.order < best.order) best = next
    }
    result += text.slice(done, start) + best.text
    done = end
  }
  return result + text.slice(done)
}
