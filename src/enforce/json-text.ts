import { isObject } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'
import { isList, type Place } from './pointer.ts'

/** A text inside a message, and where it stands. */
export interface TextPlace {
  readonly place: Place
  readonly text: string
}
/** An object with `content` blocks, and perhaps the same once more as `structuredContent`. */
export interface Holder {
  readonly place: Place
  readonly value: JsonObject
  /** The texts of its blocks and of the resources embedded in them. */
  readonly texts: readonly TextPlace[]
}

/** The result of a tool itself, or inside the state of a task. */
export function holdersOf(body: JsonObject): readonly Holder[] {
  const holders: Holder[] = []
  for (const place of [[], ['result']] as const) {
    const value = place.length === 0 ? body : Object.hasOwn(body, 'result') ? body['result'] : undefined
    if (isObject(value)) holders.push({ place, value, texts: textsOf(value, place) })
  }
  return holders
}

function textsOf(holder: JsonObject, place: Place): readonly TextPlace[] {
  const content = Object.hasOwn(holder, 'content') ? holder['content'] : undefined
  if (!isList(content)) return []
  return content.flatMap((block, index) => {
    if (!isObject(block)) return []
    const at = [...place, 'content', String(index)]
    const texts: TextPlace[] = []
    if (typeof block['text'] === 'string') texts.push({ place: [...at, 'text'], text: block['text'] })
    const resource = block['resource']
    if (isObject(resource) && typeof resource['text'] === 'string') texts.push({ place: [...at, 'resource', 'text'], text: resource['text'] })
    return texts
  })
}

/** Not merely by its first character: to have a text refused by `JSON.parse` is dear. */
const beginsLikeJson = /^[\s\ufeff]*(?:["{[]|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\s*$|(?:true|false|null)\s*$)/
const endsLikeJson = /["}\]\dels]/

function mayBeJson(text: string): boolean {
  return beginsLikeJson.test(text) && endsLikeJson.test(text.trimEnd().at(-1) ?? '')
}

/**
 * A text as JSON. Some client may read what a strict one refuses, such as doubled names: it is taken as the most lenient reader
 * takes it, and what is printed instead has one meaning only.
 */
export function readText(text: string, parse: (text: string) => Json | undefined): Json | undefined {
  return mayBeJson(text) ? parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text) : undefined
}
