import type { Account, Callers, Names } from './compiled.ts'
import type { Caller } from './schema.ts'

export const list = <T>(value: T | readonly T[] | undefined): readonly T[] => (value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T])
export const flags = (names: readonly string[]): Readonly<Record<string, true>> => Object.fromEntries([...new Set(names)].sort().map((name) => [name, true as const]))

const literal = (text: string): string => text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&')

/** What `*` and `**` stand for, at the end of a glob and before something else. */
interface Stars {
  readonly last: readonly [one: string, any: string]
  readonly inner: readonly [one: string, any: string]
}
const anyRun = '(?s:.*)'
const plainStars: Stars = { last: [anyRun, anyRun], inner: [anyRun, anyRun] }
const uriStars: Stars = { last: ['[^/]*', anyRun], inner: ['[^/]*', anyRun] }
/**
 * Servers take a backward slash for a slash in some URIs (WHATWG URL, "special scheme"), and to all of them `?` and `#` end what stands before
 * (RFC 3986 section 3): what is allowed stops at these, what is refused or masked does not.
 */
const allowedUriStars: Stars = { last: [String.raw`[^/\\]*`, anyRun], inner: [String.raw`[^/\\?#]*`, '[^?#]*'] }

const patternOf = (glob: string, { last, inner }: Stars): string => {
  const parts = glob.split(/(\*+)/)
  const starAt = (index: number): string => (index === parts.length - 2 && parts.at(-1) === '' ? last : inner)[parts[index] === '*' ? 0 : 1]
  return `^${parts.map((part, index) => (part.startsWith('*') ? starAt(index) : literal(part))).join('')}$`
}

const namesOf = (globs: readonly string[], stars: Stars): Names => {
  const all = globs.some((glob) => /^\*+$/.test(glob))
  const wild = globs.filter((glob) => glob.includes('*') && !/^\*+$/.test(glob))
  const isPrefix = (glob: string): boolean => /^[^*]+\*+$/.test(glob) && (stars === plainStars || glob.endsWith('**'))
  return {
    all,
    exact: flags(globs.filter((glob) => !glob.includes('*'))),
    prefixes: wild.filter(isPrefix).map((glob) => glob.replace(/\*+$/, '')),
    patterns: wild.filter((glob) => !isPrefix(glob)).map((glob) => patternOf(glob, stars)),
  }
}
export const plainNames = (globs: readonly string[]): Names => namesOf(globs, plainStars)
export const uriNames = (globs: readonly string[], allows: boolean): Names => namesOf(globs, allows ? allowedUriStars : uriStars)
/** Capitals make no difference in an address. */
const addressNames = (globs: readonly string[]): Names => {
  const { all } = plainNames(globs)
  return { all, exact: {}, prefixes: [], patterns: all ? [] : globs.map((glob) => `(?i)${patternOf(glob, plainStars)}`) }
}
/** A word anywhere in a text, in capitals or not. */
export const wordPattern = (word: string): string => `(?i)${literal(word)}`
const anyName = plainNames(['*'])

/** `provider/subject`: a subject means something only at its issuer. */
const account = (kind: Account['kind'], text: string): Account => {
  const slash = text.indexOf('/')
  return { kind, provider: plainNames([text.slice(0, slash)]), subject: plainNames([text.slice(slash + 1)]) }
}

export const callersOf = (caller: Caller | undefined, standard: 'everyone' | 'nobody'): Callers => {
  const { groups, people, services, agents } = caller === undefined || caller === 'everyone' ? {} : caller
  const addresses = list(people).filter((one) => !one.includes('/'))
  return {
    everyone: caller === 'everyone' || (caller === undefined && standard === 'everyone'),
    groups: flags(list(groups)),
    people: addressNames(addresses),
    by_address: addresses.length > 0,
    accounts: [
      ...list(people).filter((one) => one.includes('/')).map((one) => account('person', one)),
      ...list(services).map((one) => account('service', one)),
      ...list(agents).map((one) => account('agent', one)),
    ],
  }
}
export const upstreamsOf = (globs: string | readonly string[] | undefined): Names => (globs === undefined ? anyName : plainNames(list(globs)))
