/**
 * V8 misreads names of members that are written with escapes (https://github.com/nodejs/node/issues/63785; at least 13.6 to 14.6). Where an
 * object begins like one that was read before, it compares the name that came next there with the text itself, of which it takes as many
 * letters as the name has once its escapes are resolved: after `{"q":1,"p\\u0":2}` the second name of `{"q":1,"p\u0061th":3}` is `p\u0`. Who
 * may send one message could so rename members in everybody's, and rules would not see them.
 *
 * Every process and thread that reads what others wrote loads this first: libraries call `JSON.parse` too.
 */
const native = JSON.parse

type Reviver = (this: unknown, key: string, value: unknown, context?: unknown) => unknown

/** What was misread holds the backslash of its first escape: where no name has one, all were read right. */
export function parseRight(text: string, reviver?: Reviver): unknown {
  const source = String(text)
  if (!source.includes('\\')) return native(source, reviver)
  const value: unknown = native(source)
  if (hasBackslash(value)) return readAgain(source, reviver)
  return reviver === undefined ? value : native(source, reviver)
}

function hasBackslash(value: unknown): boolean {
  const left: object[] = []
  const later = (one: unknown): void => {
    if (typeof one === 'object' && one !== null) left.push(one)
  }
  later(value)
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (Array.isArray(next)) next.forEach(later)
    else {
      for (const name in next) {
        if (name.includes('\\')) return true
        later((next as Record<string, unknown>)[name]) // own: the prototype has nothing to enumerate
      }
    }
  }
  return false
}

/** What no name holds unless it is written with an escape (RFC 8259 section 7). */
const mustBeEscaped = /["\\\u0000-\u001f]/

/** With names that are written without escapes; those that cannot be get others, which are put back afterwards. */
function readAgain(source: string, reviver: Reviver | undefined): unknown {
  const mark = markFor(source)
  const names: string[] = []
  const known = new Map<string, string>()
  // However a name is written it gets the same: of a name that comes twice in an object the last one counts.
  const plain = withoutEscapedNames(source, (written) => {
    const name = native(written) as string // a string by itself is read right
    if (!mustBeEscaped.test(name) && !name.startsWith(mark)) return `"${name}"`
    const before = known.get(name)
    if (before !== undefined) return before
    const made = `"${mark}${names.push(name) - 1}"`
    known.set(name, made)
    return made
  })
  const nameOf = (key: string): string => (key.startsWith(mark) ? names[Number(key.slice(mark.length))]! : key) // one of those just made
  if (reviver === undefined) return renamed(native(plain), nameOf)
  // What is in an object has been given before it is.
  const own: Reviver = function revive(key, value, context) {
    return reviver.call(this, nameOf(key), isObject(value) ? withNames(value, nameOf) : value, context)
  }
  return native(plain, own)
}

/** What the text does not hold; short, since it may have to stand there very many times. */
function markFor(text: string): string {
  const held = new Set(Array.from(text.matchAll(/\u{e000}(\d{1,9})(?=\u{e000})/gu), ([, number]) => Number(number)))
  let free = 0
  while (held.has(free)) free += 1
  return `\u{e000}${free}\u{e000}`
}

/** `text` is JSON. */
function withoutEscapedNames(text: string, standIn: (written: string) => string): string {
  let made = ''
  let from = 0
  let slash = text.indexOf('\\')
  for (let at = text.indexOf('"'); at >= 0 && slash >= 0; ) {
    const end = endOf(text, at)
    if (slash < end) {
      if (isName(text, end)) {
        made += text.slice(from, at) + standIn(text.slice(at, end))
        from = end
      }
      slash = text.indexOf('\\', end)
    }
    at = text.indexOf('"', end)
  }
  return made + text.slice(from)
}

/** Behind the string that begins there. */
function endOf(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - slashes - 1) === 0x5c) slashes += 1
    if (slashes % 2 === 0) return end + 1
  }
}

function isName(text: string, end: number): boolean {
  let at = end
  while (text.charCodeAt(at) <= 0x20) at += 1
  return text.charCodeAt(at) === 0x3a
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

function renamed(value: unknown, nameOf: (key: string) => string): unknown {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) value[index] = renamed(value[index], nameOf)
    return value
  }
  if (!isObject(value)) return value
  for (const key in value) value[key] = renamed(value[key], nameOf)
  return withNames(value, nameOf)
}

function withNames(members: Record<string, unknown>, nameOf: (key: string) => string): Record<string, unknown> {
  const made: Record<string, unknown> = {}
  let isOther = false
  for (const key in members) {
    const name = nameOf(key)
    isOther ||= name !== key
    if (name === '__proto__') Object.defineProperty(made, name, { value: members[key], writable: true, enumerable: true, configurable: true })
    else made[name] = members[key]
  }
  return isOther ? made : members
}

native('{"q":1,"\\\\":2}')
const isFaulty = (native('{"q":1,"\\"":2}') as Record<string, unknown>)['"'] !== 2

if (isFaulty) JSON.parse = parseRight as typeof JSON.parse
