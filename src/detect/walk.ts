import { isUtf8 } from 'node:buffer'
import type { Finding, Hit, Json, JsonObject, Sighting } from '../model.ts'
import { anything, cluesOf, type Clues, type Within } from './clues.ts'
import type { Detectors, Found, NameFacts } from './index.ts'

/** The clues of the long texts that a scan saw: what is made of them later holds no others. */
export const longTexts = new WeakMap<Sighting, Map<string, Clues | undefined>>()
const long = 1024
/** As deep as any body. */
const all = 2 ** 30

export interface Walk {
  visit(value: Json, label: string | undefined): void
  /** `inStrings`: what the strings at the place can hold. */
  visitAt(body: Json, place: readonly string[], inStrings: Within): void
  readonly hits: Hit[]
  readonly sighting: Sighting
}

export interface Findings {
  readonly all: Finding[]
  /** `alone`: no other hit can belong to it. */
  add(detector: string, path: string, count: number, alone: boolean): void
}

export function createFindings(detectors: Detectors): Findings {
  const all: Finding[] = []
  /** Those that more than one hit can belong to, by detector and path. */
  const shared = new Map<string, number>()
  return {
    all,
    add(detector, path, count, alone) {
      const id = alone ? '' : `${detector} ${path}`
      const known = alone ? undefined : shared.get(id)
      if (known !== undefined) all[known] = { ...all[known]!, count: all[known]!.count + count } // an index it was given
      else {
        if (!alone) shared.set(id, all.length)
        all.push({ detector, path, count, confidence: detectors.confidence(detector) })
      }
    },
  }
}

/** Looks at every value, every member name and every encoded text. `inStrings`: what the strings of the value can hold. */
export function createWalk(detectors: Detectors, inStrings: Within, findings?: Findings): Walk {
  let within = inStrings
  const hits: Hit[] = []
  /** The way from the body down, up to `depth`. */
  const keys: string[] = []
  /** Each of `keys` as a step of a pointer. */
  const steps: string[] = []
  /** Of the last object's members, by how many stand before them. */
  const names: string[] = []
  const facts: NameFacts[] = []
  /** The pointer to each of `keys`, once it was needed. */
  const paths: string[] = []
  const sighting: Sighting = { hits, detectors: detectors.names }
  const keepClues = (text: string, clues: Clues | undefined): void => {
    const known = longTexts.get(sighting)
    if (known === undefined) longTexts.set(sighting, new Map([[text, clues]]))
    else known.set(text, clues)
  }
  let depth = 0
  /** How many of `keys` may be shown: those before the first name that holds a secret. */
  let shown = all

  const pathTo = (at: number): string => {
    if (at === 0) return ''
    const known = paths[at - 1]! // depth counts existing keys
    if (known !== '') return known
    return (paths[at - 1] = pathTo(at - 1) + steps[at - 1]!) // … and steps
  }
  const enter = (key: string, step: string): void => {
    keys[depth] = key
    steps[depth] = step
    paths[depth] = ''
    depth++
  }
  const note = (found: readonly Found[], where: Hit['where'], encoding?: 'base64'): void => {
    const path = findings === undefined ? '' : pathTo(shown < depth ? shown : depth)
    const place = keys.slice(0, depth)
    const alone = where === 'value' && shown === all && encoding === undefined
    for (const { detector, spans } of found) {
      hits.push(encoding ? { detector, keys: place, where, encoding, spans } : { detector, keys: place, where, spans })
      findings?.add(detector, path, spans.length, alone)
    }
  }
  /** `key` is entered only where something is found. */
  const visitText = (text: string, label: string | undefined, inText: Within, key?: string, step?: string): void => {
    const clues = cluesOf(text, inText)
    if (text.length >= long) keepClues(text, clues)
    const found = detectors.findBy(clues, text, label)
    if (found.length === 0) return
    if (key !== undefined) enter(key, step ?? `/${key}`)
    note(found, 'value')
    if (key !== undefined) depth--
  }
  const visitEncoded = (holder: JsonObject, name: string, member: string): void => {
    const text = encodedText(holder, name, member)
    const inside = text === undefined ? [] : detectors.find(text)
    if (inside.length === 0) return
    enter(name, `/${name}`)
    note(inside, 'value', 'base64')
    depth--
  }
  const visitMember = (holder: JsonObject, name: string, member: Json, { found, telling, step }: NameFacts): void => {
    const before = shown
    if (found.length > 0) {
      shown = Math.min(shown, depth)
      enter(name, step)
      note(found, 'name')
      depth--
    }
    visitBelow(member, telling ? name : undefined, name, step)
    if ((name === 'data' || name === 'blob') && typeof member === 'string') visitEncoded(holder, name, member)
    shown = before
  }
  const visitBelow = (value: Json, label: string | undefined, key: string, step: string): void => {
    if (typeof value === 'string') visitText(value, label, within, key, step)
    else if (typeof value === 'number') visitNumber(value, label, key, step)
    else if (typeof value === 'object' && value !== null) {
      enter(key, step)
      visit(value, label)
      depth--
    }
  }
  const visitNumber = (value: number, label: string | undefined, key?: string, step?: string): void => {
    if (detectors.anyNumber || value >= 1e8 || value <= -1e8) visitText(String(value), label, anything, key, step)
  }
  const visit = (value: Json, label: string | undefined): void => {
    if (typeof value === 'string') visitText(value, label, within)
    else if (typeof value === 'number') visitNumber(value, label)
    else if (typeof value !== 'object' || value === null) return
    else if (isArray(value)) {
      for (let index = 0; index < value.length; index++) {
        const key = String(index)
        visitBelow(value[index] as Json, label, key, `/${key}`) // inside the array's length
      }
    }
    else if (JSON.isRawJSON(value)) visitText(written((value as { rawJSON: string }).rawJSON), label, anything)
    else visitObject(value as JsonObject)
  }
  const visitObject = (value: JsonObject): void => {
    let index = 0
    for (const name in value) {
      const member = value[name] as Json // own: a JSON value
      // objects like the last one have the same names in the same order
      if (names[index] !== name) {
        names[index] = name
        facts[index] = detectors.factsOf(name)
      }
      const said = facts[index++]! // of this name
      if (said.found.length > 0 || name === 'data' || name === 'blob') visitMember(value, name, member, said)
      else visitBelow(member, said.telling ? name : undefined, name, said.step)
    }
  }
  const visitAt = (body: Json, place: readonly string[], inPlace: Within): void => {
    within = inPlace
    let value: Json | undefined = body
    let label: string | undefined
    shown = all
    for (const key of place) {
      const holder: Json | undefined = value
      if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, key)) break
      value = (holder as JsonObject)[key] // own, or an element
      if (!isArray(holder)) {
        const { found, telling } = detectors.factsOf(key)
        if (found.length > 0) shown = Math.min(shown, depth)
        label = telling ? key : undefined
      }
      enter(key, detectors.factsOf(key).step)
      if (depth < place.length || value === undefined) continue
      visit(value, label)
      depth--
      if ((key === 'data' || key === 'blob') && typeof value === 'string') visitEncoded(holder as JsonObject, key, value)
    }
    if (place.length === 0) visit(body, undefined)
    depth = 0
    shown = all
    within = inStrings
  }
  return {
    visit,
    visitAt,
    hits,
    sighting,
  }
}

const isArray = (value: object): value is readonly Json[] => Array.isArray(value)

/** A number in scientific notation is looked at with its digits written out. */
function written(source: string): string {
  if (!/[eE]/.test(source)) return source
  const value = Number(source)
  return Number.isSafeInteger(value) ? String(value) : source
}

/** The text that the base64 of an image, audio or resource block encodes, if it encodes text at all. */
function encodedText(holder: JsonObject, name: string, value: string): string | undefined {
  const isBlob = name === 'blob' || holder['type'] === 'image' || holder['type'] === 'audio' || typeof holder['mimeType'] === 'string'
  if (!isBlob || value.length < 8) return undefined
  const start = Buffer.from(value.slice(0, 256), 'base64')
  if (!isUtf8(start.subarray(0, lastWhole(start)))) return undefined // pictures and sound end here
  const bytes = Buffer.from(value, 'base64')
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

/** Where the last whole UTF-8 character of a cut text ends. */
function lastWhole(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]! // in range
    if (byte < 0x80) break
    if (byte >= 0xc0) return bytes.length - back
  }
  return bytes.length
}
