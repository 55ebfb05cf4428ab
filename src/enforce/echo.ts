// A server, or an error page in front of it, may repeat the credential that the gateway sent. It must not reach the caller.
import { isObject } from '../exact-json.ts'
import type { Json, JsonObject, RawNumber } from '../model.ts'
import { createProbe } from './probe.ts'
import { isList } from './pointer.ts'

const credential = '[CREDENTIAL]'

export interface EchoGuard {
  /** An object stays an object, an array an array. Undefined where it stands there more often than anybody tells in earnest: such a message is nobody's. */
  clean<T extends Json>(body: T): { readonly body: T; readonly removed: number } | undefined
  cleanText(text: string): string
}

/** Shorter ones would be found everywhere; a credential of three characters protects nothing. */
const shortest = 4
/** To replace names by the hundred thousand takes a second in which nobody else is heard. */
export const mostEchoes = 10_000

/** `secrets`: tokens, passwords and whole header values, such as `Basic …`. */
export function createEchoGuard(secrets: readonly string[]): EchoGuard {
  const whole = new Set(secrets.flatMap(partsOf).filter((secret) => secret.length >= shortest))
  const spellings = [...new Set([...whole].flatMap(spellingsOf))].sort((a, b) => b.length - a.length)
  const encoded = [...new Set([...whole].flatMap(alignmentsOf))].sort((a, b) => b.length - a.length)
  const alternatives = [
    ...spellings.map(literal),
    // the characters at the edges share bits with what stands beside the secret
    ...encoded.map((text) => `[A-Za-z0-9+/_-]?${literal(text)}[A-Za-z0-9+/_-]?={0,2}`),
  ]
  if (alternatives.length === 0) return { clean: (body) => ({ body, removed: 0 }), cleanText: (text) => text }
  const pattern = new RegExp(alternatives.join('|'), 'g')
  const needles = [...spellings, ...encoded]
  const find: Finder = { inText: createProbe(needles), inNumber: needles.some(fitsNumber) }

  const cleanText = (text: string): string => text.replace(pattern, credential)
  const clean = <T extends Json>(body: T): { body: T; removed: number } | undefined => {
    if (!holdsSome(body, find)) return { body, removed: 0 }
    let removed = 0
    const count = (text: string): string =>
      text.replace(pattern, () => {
        removed++
        return credential
      })
    const walk = (value: Json): Json => {
      if (removed > mostEchoes) return null
      if (typeof value === 'string') return count(value)
      if (isList(value)) return value.map(walk)
      if (isObject(value)) {
        const taken = new Set<string>()
        let number = 2
        const members: [string, Json][] = []
        for (const name in value) {
          if (removed > mostEchoes) return null
          let free = count(name)
          for (; taken.has(free); number++) free = `${credential} ${number}`
          taken.add(free)
          members.push([free, walk(value[name] as Json)]) // own: parsed from JSON
        }
        return Object.fromEntries(members)
      }
      if (value === null || typeof value === 'boolean') return value
      const text = JSON.stringify(value)
      return count(text) === text ? value : credential
    }
    // the walk keeps what kind of value it is, but for a bare number that is the credential
    const cleaned = walk(body) as T
    if (removed > mostEchoes) return undefined
    return { body: removed === 0 ? body : cleaned, removed }
  }
  return { clean, cleanText }
}

/** The guard of a list of secrets, made once for each list; undefined where there is nothing to guard. */
export function createEchoGuards(): (secrets: readonly string[]) => EchoGuard | undefined {
  const made = new WeakMap<readonly string[], EchoGuard>()
  return (secrets) => {
    if (secrets.length === 0) return undefined
    const guard = made.get(secrets) ?? createEchoGuard(secrets)
    made.set(secrets, guard)
    return guard
  }
}

interface Finder {
  inText(text: string): boolean
  /** Whether a number can hold what is looked for. */
  readonly inNumber: boolean
}
/** A double prints in at most this many characters. */
const longestNumber = 25
const fitsNumber = (needle: string): boolean => needle.length <= longestNumber && /^[-+.\de]+$/.test(needle)

function holdsSome(value: Json, find: Finder): boolean {
  if (typeof value === 'string') return find.inText(value)
  if (typeof value === 'number') return find.inNumber && find.inText(String(value))
  if (typeof value !== 'object' || value === null) return false
  if (isList(value)) {
    for (let index = 0; index < value.length; index++) if (holdsSome(value[index] as Json, find)) return true // in range
    return false
  }
  if (JSON.isRawJSON(value)) return find.inText((value as RawNumber).rawJSON)
  const object = value as JsonObject
  for (const name in object) if (find.inText(name) || holdsSome(object[name] as Json, find)) return true // own: parsed from JSON
  return false
}

/** A header's value and what it carries: the token, or the pair that `Basic` encodes (RFC 7617) and its password. */
function partsOf(secret: string): string[] {
  const trimmed = secret.trim()
  const [, scheme, carried] = /^(Basic|Bearer) +(\S+)$/i.exec(trimmed) ?? []
  if (scheme === undefined || carried === undefined) return [trimmed]
  if (scheme.toLowerCase() === 'bearer') return [trimmed, carried]
  const pair = Buffer.from(carried, 'base64').toString('utf8')
  const password = pair.slice(pair.indexOf(':') + 1)
  return [trimmed, carried, pair, password]
}

function spellingsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8')
  const url = encodeURIComponent(secret.toWellFormed())
  const strict = url.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  const lower = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())
  const form = strict.replaceAll('%20', '+')
  const hex = bytes.length >= 6 ? [bytes.toString('hex'), bytes.toString('hex').toUpperCase()] : []
  return [secret, ...escapedOf(secret), url, strict, form, lower(url), lower(strict), lower(form), ...hex]
}

/** The characters of base64 that only the secret decides, in each of its three alignments and both alphabets. */
function alignmentsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8')
  const texts = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').replace(/=+$/, '')
    const from = shift === 0 ? 0 : shift + 1
    const to = (bytes.length + shift) % 3 === 0 ? text.length : text.length - 1
    return text.slice(from, to)
  })
  return texts.filter((text) => text.length >= 6).flatMap((text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')])
}

const hexOf = (sign: string): string => sign.charCodeAt(0).toString(16).padStart(4, '0')
const withHex = (text: string, signs: RegExp): string => text.replace(signs, (sign) => `\\u${hexOf(sign)}`)

/** In a JSON text: with what must be escaped (RFC 8259 section 7), and with what common writers escape beside it, as PHP, Python, Go, Gson and .NET do. */
function escapedOf(text: string): string[] {
  const least = JSON.stringify(text).slice(1, -1)
  const dotNet = least.replaceAll('\\"', '\\u0022').replace(/[&<>'+`\u0080-\uffff]/g, (sign) => `\\u${hexOf(sign).toUpperCase()}`)
  return [least, withHex(least.replaceAll('/', '\\/'), /[\u0080-\uffff]/g), withHex(least, /[\u0080-\uffff]/g), withHex(least, /[&<>]/g), withHex(least, /[&<>=']/g), dotNet]
}
const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
