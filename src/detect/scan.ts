import { isUtf8 } from 'node:buffer'
import type { Finding, Hit, Json, JsonObject, Scan } from '../model.ts'
import type { Detectors, Found } from './index.ts'

export type { Scan }

interface NameFacts {
  readonly found: readonly Found[]
  readonly telling: boolean
}

/** Looks at every value, every member name and every encoded text of a body. Pure; time is linear in the size of the body. */
export function scan(body: Json, detectors: Detectors): Scan {
  const hits: Hit[] = []
  const findings: Finding[] = []
  /** Findings that more than one hit can belong to, by detector and path. */
  const shared = new Map<string, number>()
  const names = new Map<string, NameFacts>()
  const keys: string[] = []
  /** The pointer to each of `keys`, once it was needed. */
  const paths: string[] = []
  /** How many of `keys` may be shown: those before the first name that holds a secret. */
  let shown = Infinity

  const pathTo = (depth: number): string => {
    if (depth === 0) return ''
    const known = paths[depth - 1]
    if (known !== undefined && known !== '') return known
    return (paths[depth - 1] = `${pathTo(depth - 1)}/${escaped(keys[depth - 1]!)}`) // depth counts existing keys
  }
  const enter = (key: string): void => {
    keys.push(key)
    paths.push('')
  }
  const leave = (): void => {
    keys.pop()
    paths.pop()
  }
  const note = (found: readonly Found[], where: Hit['where'], encoding?: 'base64'): void => {
    const path = pathTo(Math.min(keys.length, shown))
    const alone = where === 'value' && shown === Infinity && encoding === undefined
    for (const { detector, spans } of found) {
      hits.push(encoding ? { detector, keys: keys.slice(), path, where, encoding, spans } : { detector, keys: keys.slice(), path, where, spans })
      const finding = { detector, path, count: spans.length, confidence: detectors.confidence(detector) }
      const known = alone ? undefined : shared.get(`${detector} ${path}`)
      if (known !== undefined) findings[known] = { ...finding, count: findings[known]!.count + spans.length } // an index it was given
      else {
        if (!alone) shared.set(`${detector} ${path}`, findings.length)
        findings.push(finding)
      }
    }
  }
  const factsOf = (name: string): NameFacts => {
    let facts = names.get(name)
    if (facts === undefined) {
      facts = { found: detectors.find(name), telling: detectors.isTelling(name) }
      names.set(name, facts)
    }
    return facts
  }
  const visitText = (text: string, label: string | undefined): void => {
    const found = detectors.find(text, label)
    if (found.length > 0) note(found, 'value')
  }
  const visitObject = (value: JsonObject): void => {
    for (const name of Object.keys(value)) {
      const member = value[name] as Json // own and enumerable, so it is there
      const { found, telling } = factsOf(name)
      enter(name)
      const before = shown
      if (found.length > 0) {
        shown = Math.min(shown, keys.length - 1)
        note(found, 'name')
      }
      visit(member, telling ? name : undefined)
      if ((name === 'data' || name === 'blob') && typeof member === 'string') {
        const text = encodedText(value, name, member)
        const inside = text === undefined ? [] : detectors.find(text)
        if (inside.length > 0) note(inside, 'value', 'base64')
      }
      shown = before
      leave()
    }
  }
  const visit = (value: Json, label: string | undefined): void => {
    if (typeof value === 'string') visitText(value, label)
    else if (typeof value === 'number') {
      if (detectors.anyNumber || value >= 1e8 || value <= -1e8) visitText(String(value), label)
    } else if (typeof value !== 'object' || value === null) return
    else if (isArray(value)) {
      for (let index = 0; index < value.length; index++) {
        enter(String(index))
        visit(value[index] as Json, label) // inside the array's length
        leave()
      }
    } else if (JSON.isRawJSON(value)) visitText(written((value as { rawJSON: string }).rawJSON), label)
    else visitObject(value as JsonObject)
  }
  visit(body, undefined)
  return {
    findings,
    hits,
    detectors: detectors.names,
  }
}

const isArray = (value: object): value is readonly Json[] => Array.isArray(value)

/** RFC 6901 section 3. */
const escaped = (key: string): string => (/[~/]/.test(key) ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key)

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
