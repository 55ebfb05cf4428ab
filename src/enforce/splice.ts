// A text that is JSON is mostly masked by cutting into it: nothing else of it is parsed, searched or printed again. Whatever
// has escapes or other oddities, or needs more than replacing values, is left to those who do it the long way.
import type { Scalar, Sighting, Span } from '../model.ts'
import { isWide, TextBytes } from '../text-bytes.ts'
import { patchText } from './apply-edits.ts'
import { spansIn, type Cut, type Patches, type Splice } from './edits.ts'
import { isCovered, type MaskRule, type TargetAround } from './mask-rules.ts'
import type { Position } from './position.ts'

/** What detectors say of a text without reading all of it again. */
export interface Look {
  /** Where in a text that was part of what was scanned something may be found, in order; undefined where that may be anywhere. */
  readonly places: (before: Sighting, text: string) => readonly number[] | undefined
  /** What is found in a value; `name` is that of the member that holds it. */
  readonly find: (text: string, name: string | undefined) => readonly { readonly detector: string; readonly spans: readonly Span[] }[]
  /** True only of a text in which nothing is found, nor in any part of it, nor by it in what stands beside it. */
  readonly isPlain: (text: string) => boolean
}
export interface Spliced {
  readonly text: string
  readonly cut: Cut
  readonly masked: number
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN = 0x7b
const CLOSE = 0x7d
const SPACE = 0x20
/** So many characters are looked at one by one. */
const NEAR = 48
const DEEPEST = 64
/** Each name is compared with those before it in its object: one with more members is parsed. */
const WIDEST = 200
/** Each rule is followed through the text: with more of them it is parsed. */
const MOST_RULES = 32
/** Controls that are no white space, in two classes: one class for both is looked for ten times as slowly. */
const lowControl = /[\u0000-\u0008\u000b\u000c\u000e\u000f]/
const highControl = /[\u0010-\u001f]/
/** What no text may hold that is cut into: those, and escapes. */
const isOdd = (text: string): boolean => text.includes('\\') || lowControl.test(text) || highControl.test(text)
const breaks = /[\t\n\r]/g

/** With one of these something may be found in the value of a JSON text that does not stand in the text: base64, and numbers with exponents. */
export const mayHide = /"(?:data|blob)"|\d[eE][+-]?\d/

/** Undefined where the text must be parsed. */
export function spliceText(text: string, places: readonly number[], target: TargetAround, rules: readonly MaskRule[], look: Look): Spliced | undefined {
  const first = text.charCodeAt(0)
  if ((first !== OPEN && first !== OPEN_LIST) || rules.length > MOST_RULES || rules.some(({ must }) => must) || isOdd(text) || !text.isWellFormed()) return undefined
  const reader = new Splicer(text, places, target, rules, look)
  return reader.read() ? reader.spliced() : undefined
}

interface Member {
  readonly name: string
  /** Where it stood in the text. */
  readonly start: number
  /** What it leads to. */
  readonly positions: readonly Position[]
  /** Whether a text there may be base64. */
  readonly mayBeEncoded: boolean
}

/** The members of the last object at some depth, none of them twice. */
class Shape {
  readonly members: Member[] = []
  readonly from: readonly Position[]
  readonly aside: readonly Position[]

  constructor(from: readonly Position[]) {
    this.from = from
    this.aside = stepAside(from)
  }

  /** In the place of all from there on; undefined where it comes twice. */
  put(name: string, start: number, at: number): Member | undefined {
    const { members } = this
    if (at < members.length) members.length = at
    for (let index = 0; index < at; index++) if (members[index]!.name === name) return undefined // in range
    const member = { name, start, positions: stepped(this.from, name, this.aside), mayBeEncoded: name === 'data' || name === 'blob' }
    members.push(member)
    return member
  }
}

const textBytes = new TextBytes()

class Splicer {
  readonly #text: string
  readonly #bytes: Uint8Array
  /** Whether characters may have the same byte. */
  readonly #isWide: boolean
  readonly #places: readonly number[]
  readonly #target: TargetAround
  readonly #rules: readonly MaskRule[]
  readonly #placing: readonly MaskRule[]
  readonly #look: Look
  readonly #splices: Splice[] = []
  readonly #shapes: Shape[] = []
  readonly #keys: (string | number)[] = []
  /** What was put in, which is often the same. */
  readonly #printed = new Map<Scalar, string>()
  #at = 0
  #escapes = 0
  /** Where the next tab or line end stands: in a string it would be no JSON. */
  #break: number
  #index = 0
  #next: number
  #masked = 0
  #clean = true

  constructor(text: string, places: readonly number[], target: TargetAround, rules: readonly MaskRule[], look: Look) {
    this.#text = text
    this.#isWide = isWide(text)
    this.#bytes = textBytes.of(text, !this.#isWide)
    this.#places = places
    this.#next = places[0] ?? Infinity
    this.#target = target
    this.#rules = rules
    this.#placing = rules.filter(({ detector, segments }) => detector === undefined && segments !== undefined && target.position(segments) !== undefined)
    this.#look = look
    this.#break = breakFrom(text, 0)
  }

  read(): boolean {
    const positions = this.#placing.map(({ segments }) => this.#target.position(segments!)!) // both were asked for
    if (positions.some(({ isMatch }) => isMatch)) return false
    return this.#container(0, positions, undefined, false) && this.#mark() === 0 && this.#at === this.#text.length
  }

  spliced(): Spliced {
    const text = spliced(this.#text, this.#splices)
    return { text, cut: { splices: this.#splices, escapes: this.#escapes, clean: this.#clean }, masked: this.#masked }
  }

  #container(depth: number, positions: readonly Position[], name: string | undefined, isReplaced: boolean): boolean {
    if (depth === DEEPEST) return false
    return this.#bytes[this.#at] === OPEN ? this.#object(depth, positions, isReplaced) : this.#list(depth, positions, name, isReplaced)
  }

  #list(depth: number, positions: readonly Position[], name: string | undefined, isReplaced: boolean): boolean {
    this.#at++
    if (this.#mark() === CLOSE_LIST) return (this.#at++, true)
    const aside = stepAside(positions)
    const isAside = positions.every(({ names }) => names.length === 0)
    for (let index = 0; ; index++) {
      this.#keys[depth] = index
      if (!this.#value(depth, isAside ? aside : stepped(positions, String(index), aside), name, isReplaced)) return false
      const c = this.#mark()
      this.#at++
      if (c === CLOSE_LIST) return true
      if (c !== COMMA) return false
      this.#mark()
    }
  }

  #object(depth: number, positions: readonly Position[], isReplaced: boolean): boolean {
    this.#at++
    if (this.#mark() === CLOSE) return (this.#at++, true)
    let shape = this.#shapes[depth]
    if (shape?.from !== positions) this.#shapes[depth] = shape = new Shape(positions)
    for (let members = 0; ; members++) {
      const member = this.#name(shape, members)
      if (member === undefined || this.#mark() !== COLON) return false
      this.#at++
      // whether it is base64 depends on the members beside it
      if (this.#mark() === QUOTE && member.mayBeEncoded) return false
      this.#keys[depth] = member.name
      if (!this.#value(depth, member.positions, member.name, isReplaced)) return false
      const c = this.#mark()
      this.#at++
      if (c === CLOSE) return true
      if (c !== COMMA) return false
      this.#mark()
    }
  }

  /** The next character that is no white space; zero at the end. */
  #mark(): number {
    const c = this.#bytes[this.#at]!
    return c > SPACE ? c : this.#behindSpace()
  }

  #behindSpace(): number {
    const bytes = this.#bytes
    for (let c = bytes[this.#at]!; ; c = bytes[++this.#at]!) {
      if (c !== SPACE && this.#at !== this.#break) return c
      if (c === SPACE) continue
      this.#escapes++
      this.#break = breakFrom(this.#text, this.#at + 1)
    }
  }

  /** Undefined where it is none, comes twice, holds something or would be printed elsewhere. */
  #name(shape: Shape, members: number): Member | undefined {
    const bytes = this.#bytes
    if (bytes[this.#at] !== QUOTE) return undefined
    const start = this.#at + 1
    const known = members < shape.members.length ? shape.members[members] : undefined
    const isKnown = known !== undefined && isSame(bytes, start, known.start, known.name.length + 1) && (!this.#isWide || this.#text.startsWith(known.name, start))
    const member = isKnown ? known : this.#newName(shape, members, start)
    if (member === undefined) return undefined
    this.#at = start + member.name.length + 1
    this.#escapes += 2
    return this.#next < this.#at || this.#break < this.#at ? undefined : member
  }

  #newName(shape: Shape, members: number, start: number): Member | undefined {
    const end = this.#text.indexOf('"', start)
    const first = this.#bytes[start]!
    return end < 0 || members === WIDEST || (first >= 0x30 && first <= 0x39) ? undefined : shape.put(this.#text.slice(start, end), start, members)
  }

  #value(depth: number, positions: readonly Position[], name: string | undefined, isReplaced: boolean): boolean {
    const start = this.#at
    const before = this.#escapes
    const c = this.#bytes[start]!
    let rule: MaskRule | undefined
    if (!isReplaced) for (let index = 0; index < positions.length; index++) if (positions[index]!.isMatch) { rule = this.#placing[index]; break } // in range
    const replaced = isReplaced || rule !== undefined
    if (c === OPEN || c === OPEN_LIST) {
      if (!this.#container(depth + 1, positions, name, replaced)) return false
    } else if (!(c === QUOTE ? this.#string() : c === 0x2d || (c >= 0x30 && c <= 0x39) ? this.#number() : this.#word())) return false
    else if (this.#next < this.#at) {
      while (this.#next < this.#at) this.#next = this.#places[++this.#index] ?? Infinity
      if (!replaced && !this.#leaf(start, before, c, depth, name)) return false
    }
    if (rule !== undefined) this.#put(start, before, rule.with, 1)
    return true
  }

  /** A value in which something may be found. */
  #leaf(start: number, before: number, first: number, depth: number, name: string | undefined): boolean {
    const isText = first === QUOTE
    const text = isText ? this.#text.slice(start + 1, this.#at - 1) : this.#text.slice(start, this.#at)
    const found = isText || isLooked(text) ? this.#look.find(text, name) : []
    const patches: Patches[] = []
    let value: Scalar = null
    for (const { detector, spans } of found) {
      const rule = this.#ruleOf(detector, depth)
      if (rule === undefined) continue
      if (patches.length === 0) value = rule.with
      patches.push({ spans, text: rule.text, value: rule.with })
    }
    if (patches.length === 0) {
      this.#clean = false
      return true
    }
    this.#put(start, before, isText ? patchText(text, patches) : value, spansIn(patches))
    return true
  }

  #ruleOf(detector: string, depth: number): MaskRule | undefined {
    return this.#rules.find((rule) => rule.detector === detector && (rule.segments === undefined || isCovered(this.#target, rule, this.#keys.slice(0, depth + 1).map(String))))
  }

  #put(start: number, before: number, value: Scalar, masked: number): void {
    let text = this.#printed.get(value)
    if (text === undefined) {
      this.#printed.set(value, (text = JSON.stringify(value)))
      this.#clean &&= this.#look.isPlain(text)
    }
    this.#splices.push({ start, end: this.#at, text, value, before, inside: this.#escapes - before })
    this.#masked += masked
  }

  #string(): boolean {
    const bytes = this.#bytes
    let at = this.#at + 1
    for (const near = at + NEAR; at < near && bytes[at] !== QUOTE; ) at++
    if (bytes[at] !== QUOTE || at >= this.#text.length) at = this.#text.indexOf('"', this.#at + 1)
    if (at < 0 || this.#break < at) return false
    this.#at = at + 1
    this.#escapes += 2
    return true
  }

  /** RFC 8259 section 6, without exponents: what those stand for has other digits. */
  #number(): boolean {
    const bytes = this.#bytes
    let at = this.#at
    let c = bytes[at]!
    if (c === 0x2d) c = bytes[++at]!
    const whole = at
    const isZero = c === 0x30
    while (c >= 0x30 && c <= 0x39) c = bytes[++at]!
    if (at === whole || (isZero && at > whole + 1)) return false
    if (c === 0x2e) {
      const point = at
      do c = bytes[++at]!
      while (c >= 0x30 && c <= 0x39)
      if (at === point + 1) return false
    }
    this.#at = at
    return true
  }

  #word(): boolean {
    const text = this.#text
    const word = text.startsWith('true', this.#at) ? 4 : text.startsWith('false', this.#at) ? 5 : text.startsWith('null', this.#at) ? 4 : 0
    this.#at += word
    return word > 0
  }
}

/** Numbers below nine digits are looked at only where they are kept as they are written. */
function isLooked(source: string): boolean {
  const value = Number(source)
  return value >= 1e8 || value <= -1e8 || String(value) !== source
}

function breakFrom(text: string, at: number): number {
  breaks.lastIndex = at
  return breaks.test(text) ? breaks.lastIndex - 1 : Infinity
}

/** Whether as many bytes are the same at two places. */
function isSame(bytes: Uint8Array, one: number, other: number, length: number): boolean {
  for (let at = 0; at < length; at++) if (bytes[one + at] !== bytes[other + at]) return false
  return true
}

const none: readonly Position[] = []
const stepAside = (positions: readonly Position[]): readonly Position[] => (positions.length === 0 ? none : positions.map((position) => position.stepAside()))
const step = (positions: readonly Position[], key: string): readonly Position[] => positions.map((position) => position.step(key))
/** `aside` itself where the key is none of those that lead elsewhere. */
const stepped = (positions: readonly Position[], key: string, aside: readonly Position[]): readonly Position[] => {
  for (let index = 0; index < positions.length; index++) if (positions[index]!.names.includes(key)) return step(positions, key) // in range
  return aside
}

export function spliced(text: string, splices: readonly Splice[]): string {
  let result = ''
  let done = 0
  for (const { start, end, text: instead } of splices) {
    result += text.slice(done, start) + instead
    done = end
  }
  return result + text.slice(done)
}
