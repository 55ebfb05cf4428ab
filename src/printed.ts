import type { Json, JsonObject } from './model.ts'

/** What values print as that were read or printed before: nothing that was read or printed ever changes. */
const texts = new WeakMap<object, string>()
const LONG = 4096
/** What values were parsed from. */
const sources = new WeakMap<object, string>()

export function keepSource(value: object, text: string): void {
  if (text.length >= LONG) sources.set(value, text)
}

/** The text that a value was parsed from, where it is long and was not printed since. */
export const sourceOf = (value: object): string | undefined => sources.get(value)

/** Prints a value on one line; raw numbers print as their source, names that are array indices before all others (ECMA-262). */
export function printJson(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const before = texts.get(value)
  if (before !== undefined) return before
  const text = printAround(value) ?? JSON.stringify(value)
  if (text.length >= LONG) texts.set(value, text)
  return text
}

export const printedOf = (value: object): string | undefined => texts.get(value)

/** `text` is what the value prints as. */
export function keepPrinted(value: object, text: string): void {
  texts.set(value, text)
}

/** An envelope around a body that was printed before, or that is as it was read. */
function printAround(value: Json & object): string | undefined {
  if (Array.isArray(value) || JSON.isRawJSON(value) || !holdsKnown(value as JsonObject)) return undefined
  const known: (string | undefined)[] = []
  for (const name in value) {
    const member = (value as JsonObject)[name] as Json // own: a JSON value
    known.push(typeof member === 'object' && member !== null ? (texts.get(member) ?? asRead(member)) : undefined)
  }
  if (known.every((text) => text === undefined)) return undefined
  let text = ''
  let index = 0
  for (const name in value) text += `${text === '' ? '{' : ','}${JSON.stringify(name)}:${known[index++] ?? JSON.stringify((value as JsonObject)[name])}`
  return `${text}}`
}

function holdsKnown(value: JsonObject): boolean {
  for (const name in value) {
    const member = value[name]
    if (typeof member === 'object' && member !== null && (texts.has(member) || sources.has(member))) return true
  }
  return false
}

function asRead(value: object): string | undefined {
  const source = sources.get(value)
  if (source === undefined) return undefined
  sources.delete(value)
  const steps = new Steps(source)
  return steps.pass(value as Json) && steps.at === source.length ? source : undefined
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const MINUS = 0x2d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN = 0x7b
const CLOSE = 0x7d

/**
 * Goes through a value in step with the text that it was parsed from. What stands where is told by the lengths of what was passed, as
 * long as the text is what the value prints as: without white space, repeated names, names that are array indices or, but for
 * `escapes`, escaped characters. Whatever deviates is found out at the next mark of punctuation; then every step says no.
 */
export class Steps {
  readonly text: string
  at = 0
  #slash: number

  constructor(text: string) {
    this.text = text
    this.#slash = text.indexOf('\\')
  }

  /** Behind a value. */
  pass(value: Json): boolean {
    if (typeof value === 'string') return this.passText(value)
    if (typeof value === 'number') return this.passNumber()
    if (value === null) return this.#word(0x6e, 4)
    if (typeof value === 'boolean') return value ? this.#word(0x74, 4) : this.#word(0x66, 5)
    if (Array.isArray(value)) {
      const list = value as readonly Json[]
      for (let index = 0; index < list.length; index++) if (!this.element(index) || !this.pass(list[index] as Json)) return false // in range
      return this.closeList(list.length)
    }
    if (JSON.isRawJSON(value)) return this.passNumber()
    let index = 0
    for (const name in value) if (!this.member(index++, name) || !this.pass((value as JsonObject)[name] as Json)) return false // own: a JSON value
    return this.close(index)
  }

  /** Before an element of an array. */
  element(index: number): boolean {
    return this.text.charCodeAt(this.at++) === (index === 0 ? OPEN_LIST : COMMA)
  }

  closeList(length: number): boolean {
    if (length === 0 && this.text.charCodeAt(this.at++) !== OPEN_LIST) return false
    return this.text.charCodeAt(this.at++) === CLOSE_LIST
  }

  /** Before the value of a member; array indices come in another order than they were written in, and names with escapes are misread by some (repaired-json.ts). */
  member(index: number, name: string): boolean {
    if (this.text.charCodeAt(this.at++) !== (index === 0 ? OPEN : COMMA)) return false
    const first = name.charCodeAt(0)
    if (first >= 0x30 && first <= 0x39) return false
    const end = this.at + name.length + 2
    return this.passText(name) && this.at === end && this.text.charCodeAt(this.at++) === COLON
  }

  close(members: number): boolean {
    if (members === 0 && this.text.charCodeAt(this.at++) !== OPEN) return false
    return this.text.charCodeAt(this.at++) === CLOSE
  }

  passText(value: string): boolean {
    const { text, at } = this
    const end = at + value.length + 1
    if (text.charCodeAt(at) !== QUOTE) return false
    if (this.#slash >= 0 && this.#slash < end) return this.#passEscaped()
    if (text.charCodeAt(end) !== QUOTE) return false
    this.at = end + 1
    return true
  }

  /** Behind a text without backslashes of its own that takes so many characters, its quotes included. */
  passLong(length: number): boolean {
    const { text, at } = this
    const end = at + length
    if (text.charCodeAt(at) !== QUOTE || text.charCodeAt(end - 1) !== QUOTE || text.charCodeAt(end - 2) === BACKSLASH) return false
    this.at = end
    this.#slash = text.indexOf('\\', end)
    return true
  }

  #passEscaped(): boolean {
    const { text } = this
    let from = this.at + 1
    for (;;) {
      const quote = text.indexOf('"', from)
      if (quote < 0) return false
      let slashes = 0
      while (text.charCodeAt(quote - slashes - 1) === BACKSLASH) slashes++
      from = quote + 1
      if (slashes % 2 === 0) break
    }
    this.at = from
    this.#slash = text.indexOf('\\', from)
    return true
  }

  passNumber(): boolean {
    const { text } = this
    const first = text.charCodeAt(this.at)
    if (first !== MINUS && !(first >= 0x30 && first <= 0x39)) return false
    let at = this.at + 1
    for (let c = text.charCodeAt(at); (c >= 0x30 && c <= 0x39) || c === 0x2e || (c | 0x20) === 0x65 || c === 0x2b || c === MINUS; c = text.charCodeAt(at)) at++
    this.at = at
    return true
  }

  #word(first: number, length: number): boolean {
    if (this.text.charCodeAt(this.at) !== first) return false
    this.at += length
    return true
  }
}
