import { isUtf8 } from 'node:buffer'
import type { Finding, Hit, Json, JsonObject, Sighting } from '../model.ts'
import { anything, cluesOf, type Clues, type Within } from './clues.ts'
import type { Detectors, Found, NameFacts } from './index.ts'

/** The clues of the long texts that a scan saw: what is made of them later holds no others. */
export const longTexts = new WeakMap<Sighting, Map<string, Clues | undefined>>()
const long = 1024
/** How long the longest text is at most in what a scan was of. */
export const longestOf = (sighting: Sighting): number => (sighting as Partial<Sized>).longest ?? Infinity
export interface Sized extends Sighting {
  longest: number
}
/** As deep as any body. */
const all = 2 ** 30
/** Characters of a path: one long name may stand above very many hits. */
const longestPath = 512
/** Those that rules spell out are always told, however many others stand before them: else whoever sends both hides one by the others. */
const alwaysTold = 128
/** Of all paths, until which longer ones are told: each record keeps them. */
const mostOfPaths = 4 * 1024 * 1024

/** What a policy is told of the hits. */
export class Findings {
  readonly all: Finding[] = []
  readonly #detectors: Detectors
  /** Those that more than one hit can belong to, by detector and path. */
  #shared: Map<string, number> | undefined = undefined
  #room = mostOfPaths

  constructor(detectors: Detectors) {
    this.#detectors = detectors
  }

  /** How long the next path may be. */
  get longest(): number {
    return this.#room > 0 ? longestPath : alwaysTold
  }

  /** `alone`: no other hit can belong to it. */
  add(detector: string, path: string, count: number, alone: boolean): void {
    if (!alone) {
      const id = `${detector} ${path}`
      const shared = (this.#shared ??= new Map())
      const known = shared.get(id)
      if (known !== undefined) {
        this.all[known] = { ...this.all[known]!, count: this.all[known]!.count + count } // an index it was given
        return
      }
      shared.set(id, this.all.length)
    }
    this.#room -= path.length
    this.all.push({ detector, path, count, confidence: this.#detectors.confidence(detector) })
  }
}

/** Looks at every value, every member name and every encoded text. A class for its cost: there are several for every message. */
export class Walk {
  readonly hits: Hit[] = []
  readonly sighting: Sized
  readonly #detectors: Detectors
  readonly #findings: Findings | undefined
  /** What the strings of the value can hold. */
  readonly #inStrings: Within
  #within: Within
  /** The way from the body down, up to `depth`. */
  readonly #keys = fewTexts()
  /** Each of `keys` as a step of a pointer. */
  readonly #steps = fewTexts()
  /** The pointer to each of `keys`, once it was needed. */
  readonly #paths = fewTexts()
  #depth = 0
  /** How many of `keys` may be shown: those before the first name that holds a secret. */
  #shown = all
  /** Of the last object's members, by how many stand before them. */
  readonly #facts: NameFacts[] = []

  constructor(detectors: Detectors, inStrings: Within, findings?: Findings) {
    this.#detectors = detectors
    this.#inStrings = inStrings
    this.#within = inStrings
    this.#findings = findings
    this.sighting = { hits: this.hits, detectors: detectors.names, longest: 0 }
  }

  visit(value: Json, label: string | undefined): void {
    if (typeof value === 'string') this.#visitText(value, label, this.#within)
    else if (typeof value === 'number') this.#visitNumber(value, label)
    else if (typeof value !== 'object' || value === null) return
    else if (isArray(value)) {
      for (let index = 0; index < value.length; index++) {
        const key = String(index)
        this.#visitBelow(value[index] as Json, label, key, `/${key}`) // inside the array's length
      }
    }
    else if (JSON.isRawJSON(value)) this.#visitText(written((value as { rawJSON: string }).rawJSON), label, anything)
    else this.#visitObject(value as JsonObject)
  }

  /** `inStrings`: what the strings at the place can hold. */
  visitAt(body: Json, place: readonly string[], inPlace: Within): void {
    this.#within = inPlace
    let value: Json | undefined = body
    let label: string | undefined
    this.#shown = all
    for (const key of place) {
      const holder: Json | undefined = value
      if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, key)) break
      value = (holder as JsonObject)[key] // own, or an element
      let step = `/${key}`
      if (!isArray(holder)) {
        const facts = this.#detectors.factsOf(key)
        if (facts.found.length > 0) this.#shown = Math.min(this.#shown, this.#depth)
        label = facts.telling ? key : undefined
        step = facts.step
      }
      this.#enter(key, step)
      if (this.#depth < place.length || value === undefined) continue
      this.visit(value, label)
      this.#depth--
      if ((key === 'data' || key === 'blob') && typeof value === 'string') this.#visitEncoded(holder as JsonObject, key, value)
    }
    if (place.length === 0) this.visit(body, undefined)
    this.#depth = 0
    this.#shown = all
    this.#within = this.#inStrings
  }

  #visitObject(value: JsonObject): void {
    const facts = this.#facts
    let index = 0
    for (const name in value) {
      const member = value[name] as Json // own: a JSON value
      // objects like the last one have the same names in the same order
      let said = facts[index]
      if (said === undefined || said.name !== name) said = facts[index] = this.#detectors.factsOf(name)
      index++
      if (said.found.length > 0 || name === 'data' || name === 'blob') this.#visitMember(value, name, member, said)
      else this.#visitBelow(member, said.telling ? name : undefined, name, said.step)
    }
  }

  #visitMember(holder: JsonObject, name: string, member: Json, { found, telling, step }: NameFacts): void {
    const before = this.#shown
    if (found.length > 0) {
      this.#shown = Math.min(this.#shown, this.#depth)
      this.#enter(name, step)
      this.#note(found, 'name')
      this.#depth--
    }
    this.#visitBelow(member, telling ? name : undefined, name, step)
    if ((name === 'data' || name === 'blob') && typeof member === 'string') this.#visitEncoded(holder, name, member)
    this.#shown = before
  }

  #visitBelow(value: Json, label: string | undefined, key: string, step: string): void {
    if (typeof value === 'string') this.#visitText(value, label, this.#within, key, step)
    else if (typeof value === 'number') this.#visitNumber(value, label, key, step)
    else if (typeof value === 'object' && value !== null) {
      this.#enter(key, step)
      this.visit(value, label)
      this.#depth--
    }
  }

  #visitNumber(value: number, label: string | undefined, key?: string, step?: string): void {
    if (this.#detectors.anyNumber || value >= 1e8 || value <= -1e8) this.#visitText(String(value), label, anything, key, step)
  }

  /** `key` is entered only where something is found. */
  #visitText(text: string, label: string | undefined, inText: Within, key?: string, step?: string): void {
    const clues = cluesOf(text, inText)
    if (text.length > this.sighting.longest) this.sighting.longest = text.length
    if (text.length >= long) this.#keepClues(text, clues)
    const found = this.#detectors.findBy(clues, text, label)
    if (found.length === 0) return
    if (key !== undefined) this.#enter(key, step ?? `/${key}`)
    this.#note(found, 'value')
    if (key !== undefined) this.#depth--
  }

  #visitEncoded(holder: JsonObject, name: string, member: string): void {
    const text = encodedText(holder, name, member)
    const inside = text === undefined ? [] : this.#detectors.find(text)
    if (inside.length === 0) return
    this.#enter(name, `/${name}`)
    this.#note(inside, 'value', 'base64')
    this.#depth--
  }

  #enter(key: string, step: string): void {
    this.#keys[this.#depth] = key
    this.#steps[this.#depth] = step
    this.#paths[this.#depth] = ''
    this.#depth++
  }

  #note(found: readonly Found[], where: Hit['where'], encoding?: 'base64'): void {
    let told = this.#shown < this.#depth ? this.#shown : this.#depth
    let path = this.#findings === undefined ? '' : this.#pathTo(told)
    const longest = this.#findings?.longest ?? 0
    while (path.length > longest) path = this.#pathTo(--told)
    const place = this.#keys.slice(0, this.#depth)
    const alone = where === 'value' && this.#shown === all && told === this.#depth && encoding === undefined
    for (const { detector, spans } of found) {
      this.hits.push(encoding ? { detector, keys: place, where, encoding, spans } : { detector, keys: place, where, spans })
      this.#findings?.add(detector, path, spans.length, alone)
    }
  }

  #pathTo(at: number): string {
    if (at === 0) return ''
    const known = this.#paths[at - 1]! // depth counts existing keys
    if (known !== '') return known
    return (this.#paths[at - 1] = this.#pathTo(at - 1) + this.#steps[at - 1]!) // … and steps
  }

  #keepClues(text: string, clues: Clues | undefined): void {
    const known = longTexts.get(this.sighting)
    if (known === undefined) longTexts.set(this.sighting, new Map([[text, clues]]))
    else known.set(text, clues)
  }
}

/** Most bodies are as flat; an array that grows from nothing takes room for seventeen. */
const fewTexts = (): string[] => ['', '', '', '']

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
