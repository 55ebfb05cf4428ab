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

const itself: Place = []
const ofTask: Place = ['result']

/** The result of a tool itself, or inside the state of a task. */
export function holdersOf(body: JsonObject): readonly Holder[] {
  const holders: Holder[] = []
  someHolder(body, (value, place) => {
    holders.push({ place, value, texts: textsOf(value, place) })
    return false
  })
  return holders
}

/** Asks the test of one after another, until it is true of one. */
export function someHolder(body: JsonObject, test: (value: JsonObject, place: Place) => boolean): boolean {
  if (test(body, itself)) return true
  const result = Object.hasOwn(body, 'result') ? body['result'] : undefined
  return isObject(result) && test(result, ofTask)
}

function textsOf(holder: JsonObject, place: Place): readonly TextPlace[] {
  const texts: TextPlace[] = []
  someText(holder, (text, index, isOfResource) => {
    texts.push({ place: [...place, 'content', String(index), ...(isOfResource ? ['resource', 'text'] : ['text'])], text })
    return false
  })
  return texts
}

/** Asks the test of one text after another, until it is true of one. */
export function someText(holder: JsonObject, test: (text: string, index: number, isOfResource: boolean) => boolean): boolean {
  const content = Object.hasOwn(holder, 'content') ? holder['content'] : undefined
  if (!isList(content)) return false
  for (let index = 0; index < content.length; index++) {
    const block = content[index] as Json // in range
    if (!isObject(block)) continue
    const { text, resource } = block
    if (typeof text === 'string' && test(text, index, false)) return true
    if (isObject(resource) && typeof resource['text'] === 'string' && test(resource['text'], index, true)) return true
  }
  return false
}

/** Not merely by its first character: to have a text refused by `JSON.parse` is dear. */
const beginsLikeJson = /^[\s\ufeff]*(?:["{[]|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\s*$|(?:true|false|null)\s*$)/
const endsLikeJson = /["}\]\dels]/

export function mayBeJson(text: string): boolean {
  return beginsLikeJson.test(text) && endsLikeJson.test(text.trimEnd().at(-1) ?? '')
}

/**
 * A text as JSON. Some client may read what a strict one refuses, such as doubled names: it is taken as the most lenient reader
 * takes it, and what is printed instead has one meaning only.
 */
export function readText(text: string, parse: (text: string) => Json | undefined): Json | undefined {
  return mayBeJson(text) ? parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text) : undefined
}
