import type { Account, Callers, Names } from './compiled.ts'
import type { Caller } from './schema.ts'

export const list = <T>(value: T | readonly T[] | undefined): readonly T[] => (value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T])
export const flags = (names: readonly string[]): Readonly<Record<string, true>> => Object.fromEntries([...new Set(names)].sort().map((name) => [name, true as const]))

const literal = (text: string): string => text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&')

/** `*` is any run of characters (in URIs: but slashes), `**` any run. */
const patternOf = (glob: string, star: string): string =>
  `^${glob.split(/(\*+)/).map((part) => (part === '' ? '' : part.startsWith('*') ? (part === '*' ? star : '(?s:.*)') : literal(part))).join('')}$`

const namesOf = (globs: readonly string[], star: string): Names => {
  const all = globs.some((glob) => /^\*+$/.test(glob))
  const wild = globs.filter((glob) => glob.includes('*') && !/^\*+$/.test(glob))
  const isPrefix = (glob: string): boolean => /^[^*]+\*+$/.test(glob) && (star === '(?s:.*)' || glob.endsWith('**'))
  return {
    all,
    exact: flags(globs.filter((glob) => !glob.includes('*'))),
    prefixes: wild.filter(isPrefix).map((glob) => glob.replace(/\*+$/, '')),
    patterns: wild.filter((glob) => !isPrefix(glob)).map((glob) => patternOf(glob, star)),
  }
}
export const plainNames = (globs: readonly string[]): Names => namesOf(globs, '(?s:.*)')
/** Servers take a backward slash for a slash in some URIs (WHATWG URL, "special scheme"): what is allowed stops at it, what is refused or masked does not. */
export const uriNames = (globs: readonly string[], allows: boolean): Names => namesOf(globs, allows ? String.raw`[^/\\]*` : '[^/]*')
/** Capitals make no difference in an address. */
const addressNames = (globs: readonly string[]): Names => {
  const { all } = plainNames(globs)
  return { all, exact: {}, prefixes: [], patterns: all ? [] : globs.map((glob) => `(?i)${patternOf(glob, '(?s:.*)')}`) }
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
