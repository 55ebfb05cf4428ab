/** `regex.globs_match`: whether two patterns of characters, `.`, `[sets]`, `+` and `*` have a text in common, as OPA decides it. */
import { asText, builtin, noAnswer, type Charge, type HostBuiltin } from './builtin.ts'

type Flag = '' | '+' | '*'
/** What fits here: undefined for any character. */
interface Token {
  readonly chars: ReadonlySet<number> | undefined
  readonly isSet: boolean
  readonly flag: Flag
}
interface Chars {
  readonly all: readonly string[]
  at: number
}

const maxSet = 1024

/** The next character and whether a backslash stood before it. */
function next(from: Chars): { readonly char: string; readonly escaped: boolean } | undefined {
  const char = from.all[from.at]
  if (char === undefined) return undefined
  from.at += 1
  if (char !== '\\') return { char, escaped: false }
  const escaped = from.all[from.at] ?? noAnswer()
  from.at += 1
  return { char: escaped, escaped: true }
}

function tokens(text: string, charge: Charge): readonly Token[] {
  const from: Chars = { all: [...text], at: 0 }
  charge(200 * text.length)
  const found: Token[] = []
  for (let one = next(from); one !== undefined; one = next(from)) {
    const special = one.escaped ? '' : one.char
    if (special === ']' || special === '+' || special === '*') noAnswer()
    const chars = special === '.' ? undefined : special === '[' ? setOf(from, charge) : new Set([codeOf(one.char)])
    const mark = from.all[from.at]
    const flag: Flag = mark === '+' || mark === '*' ? mark : ''
    if (flag !== '') from.at += 1
    else if (mark === '\\' && from.at === from.all.length - 1) noAnswer()
    found.push({ chars, isSet: special === '[', flag })
  }
  return simplified(found)
}

const codeOf = (char: string): number => char.codePointAt(0) ?? 0

function setOf(from: Chars, charge: Charge): ReadonlySet<number> {
  const chars = new Set<number>()
  let before: string | undefined
  for (let one = next(from); one !== undefined; one = next(from)) {
    if (one.escaped || (one.char !== '-' && one.char !== ']')) {
      chars.add(codeOf(one.char))
      before = one.char
      continue
    }
    if (one.char === ']') return chars
    if (before === undefined || from.at >= from.all.length - 1) return noAnswer()
    const end = next(from) ?? noAnswer()
    if (!end.escaped && (end.char === ']' || end.char === '-')) noAnswer()
    const [low, high] = [codeOf(before), codeOf(end.char)]
    if (high < low) noAnswer()
    if (high - low > maxSet) throw new Error(`a range of more than ${maxSet} characters`)
    charge(20 * (high - low))
    for (let code = low; code <= high; code += 1) chars.add(code)
    before = undefined
  }
  return noAnswer()
}

/** Of equal neighbours with flags one is enough. */
function simplified(all: readonly Token[]): readonly Token[] {
  const kept: Token[] = []
  for (const token of all) {
    const last = kept.at(-1)
    if (last !== undefined && token.flag !== '' && last.flag !== '' && sameToken(token, last)) {
      kept[kept.length - 1] = { ...last, flag: token.flag === '+' || last.flag === '+' ? '+' : '*' }
    } else kept.push(token)
  }
  return kept
}

function sameToken(a: Token, b: Token): boolean {
  if (a.flag !== b.flag || a.isSet !== b.isSet || (a.chars === undefined) !== (b.chars === undefined)) return false
  return a.chars === undefined || (a.chars.size === b.chars?.size && [...a.chars].every((char) => b.chars?.has(char)))
}

function fits(a: Token | undefined, b: Token | undefined): boolean {
  if (a === undefined || b === undefined) return false
  const [one, other] = [a.chars, b.chars]
  return one === undefined || other === undefined || [...one].some((char) => other.has(char))
}

function overlap(a: readonly Token[], b: readonly Token[], charge: Charge): boolean {
  charge(50 + 1000 * (a.length + b.length))
  for (let at = 0; at < a.length && at < b.length; at += 1) {
    if (a[at]?.flag === '' && b[at]?.flag === '') {
      if (!fits(a[at], b[at])) return false
    } else {
      const [one, other] = a[at]?.flag === '' ? [b.slice(at), a.slice(at)] : [a.slice(at), b.slice(at)]
      return one[0]?.flag === '+' ? plus(one, other, charge) : star(one, other, charge)
    }
  }
  return a.length === b.length
}

function plus(flagged: readonly Token[], other: readonly Token[], charge: Charge): boolean {
  if (!fits(flagged[0], other[0])) return false
  return star(flagged, other.slice(1), charge) || (other[0]?.flag !== '' && overlap(flagged.slice(1), other, charge))
}

function star(flagged: readonly Token[], other: readonly Token[], charge: Charge): boolean {
  const [own, following] = flagged
  for (const [at, token] of other.entries()) {
    if (fits(token, following) && overlap(flagged.slice(1), other.slice(at), charge)) return true
    if (!fits(token, own)) return false
  }
  return following === undefined
}

/** OPA first compares what has no flag at both ends, and leaves one of it for the search. */
function trimmed(a: readonly Token[], b: readonly Token[]): readonly (readonly Token[])[] | undefined {
  const flat = (one: Token | undefined, other: Token | undefined): boolean => one?.flag === '' && other?.flag === ''
  let left = 0
  for (; flat(a[left], b[left]); left += 1) if (!fits(a[left], b[left])) return undefined
  if (left > 0) left -= 1
  let [endA, endB] = [a.length - 1, b.length - 1]
  for (; endA >= left && endB >= left && flat(a[endA], b[endB]); endA -= 1, endB -= 1) if (!fits(a[endA], b[endB])) return undefined
  if (endA < a.length - 1) {
    endA += 1
    endB += 1
  }
  return [a.slice(left, endA + 1), b.slice(left, endB + 1)]
}

const globsMatch = builtin(([a, b], charge) => {
  const [one, other] = trimmed(tokens(asText(a), charge), tokens(asText(b), charge)) ?? []
  return one !== undefined && other !== undefined && overlap(one, other, charge)
}, 4096)

/** glob.QuoteMeta of OPA's library. */
const quoteMeta = builtin(([text]) => asText(text).replace(/[*?\\[\]{}]/g, '\\$&'))

export const globBuiltins = { 'glob.quote_meta': quoteMeta, 'regex.globs_match': globsMatch } satisfies Record<string, HostBuiltin>
