import { RE2JS } from 're2js'
import { asInt, asText, builtin, noAnswer, textOf, type Charge, type HostBuiltin } from './builtin.ts'
import { classFuel, compileAsGo, type Pattern } from './pattern.ts'
import type { Value } from './value.ts'

const maxPattern = 1024
const maxProgram = 2000
const maxBytes = 64 * 1024
const maxCached = 200
const compiled = new Map<string, Pattern | undefined>()

type Match = ReturnType<RE2JS['matcher']>

/** The engine is linear (RE2) as is the one inside the modules: a pattern can be slow by its size, but never explode. */
export function compilePattern(pattern: string, charge: Charge): RE2JS | undefined {
  return patternFor(pattern, charge)?.regex
}

function patternFor(pattern: string, charge: Charge): Pattern | undefined {
  if (pattern.length > maxPattern) throw new Error(`a pattern of more than ${maxPattern} characters`)
  // Charged whether or not it is remembered: the count must depend on the input alone.
  charge(100 + 20 * pattern.length)
  charge.once(`pattern ${pattern}`, classFuel(pattern))
  if (!compiled.has(pattern)) {
    if (compiled.size >= maxCached) compiled.clear()
    compiled.set(pattern, compileAsGo(pattern))
  }
  const known = compiled.get(pattern)
  if (known === undefined) return undefined
  const size = known.regex.programSize()
  if (size > maxProgram) throw new Error(`a pattern of more than ${maxProgram} steps`)
  charge(size * 10)
  return known
}

/**
 * Each match as Go's regexp finds them: an empty one right behind another does not count. Every search is charged as if it
 * stepped through the whole program at each character that is left, which is the worst that a linear engine does.
 */
function eachMatch(regex: RE2JS, text: string, limit: number, charge: Charge, visit: (match: Match) => void): void {
  const matcher = regex.matcher(text)
  const size = regex.programSize()
  let at = 0
  let lastEnd = -1
  let found = 0
  while (at <= text.length && found < limit) {
    charge(size * (text.length - at + 1))
    if (!matcher.find(at)) return
    const start = matcher.start()
    const end = matcher.end()
    const counts = end !== start || start !== lastEnd
    at = end > at ? end : at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1)
    lastEnd = end
    if (counts) {
      found += 1
      visit(matcher)
    }
  }
}

const split: HostBuiltin = {
  reads: 'json',
  maxBytes,
  run(operands, charge) {
    const pattern = textOf(operands[0])
    const text = textOf(operands[1])
    if (pattern === undefined || text === undefined) return undefined
    const regex = compilePattern(pattern, charge)
    if (regex === undefined) return undefined
    if (pattern !== '' && text === '') return '[""]'
    const parts: string[] = []
    let from = 0
    let end = 0
    eachMatch(regex, text, Infinity, charge, (match) => {
      end = match.start()
      if (match.end() !== 0) parts.push(text.slice(from, end))
      from = match.end()
    })
    if (end !== text.length) parts.push(text.slice(from))
    return JSON.stringify(parts)
  },
}

/** Each match as `take` has it. */
const findAll = (take: (match: Match) => Value): HostBuiltin => builtin(([pattern, text, limit], charge) => {
  const [source, most] = [asText(text), asInt(limit)]
  const regex = compilePattern(asText(pattern), charge) ?? noAnswer()
  const found: Value[] = []
  eachMatch(regex, source, most < 0 ? Infinity : most, charge, (match) => found.push(take(match)))
  return found
}, maxBytes)

const find = findAll((match) => match.group() ?? '')
/** With what each group holds; one that took no part is empty. */
const findGroups = findAll((match) => Array.from({ length: match.groupCount() + 1 }, (_, group) => match.group(group) ?? ''))

const replace: HostBuiltin = {
  reads: 'json',
  maxBytes,
  run(operands, charge) {
    const text = textOf(operands[0])
    const pattern = textOf(operands[1])
    const template = textOf(operands[2])
    if (pattern === undefined || text === undefined || template === undefined) return undefined
    const known = patternFor(pattern, charge)
    if (known === undefined) return undefined
    let replaced = ''
    let from = 0
    eachMatch(known.regex, text, Infinity, charge, (match) => {
      const piece = expand(template, match, known.names)
      charge(piece.length)
      replaced += text.slice(from, match.start()) + piece
      if (replaced.length > maxBytes) throw new Error('a replacement that is too long')
      from = match.end()
    })
    return JSON.stringify(replaced + text.slice(from))
  },
}

/** `$1`, `$name`, `${name}` and `$$` as Go's Regexp.Expand reads them: the longest name counts, an unknown one is empty. */
function expand(template: string, match: Match, names: Pattern['names']): string {
  return template.replace(/\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu, (whole, bare: string | undefined, braced: string | undefined) => {
    const name = bare ?? braced
    if (name === undefined) return whole === '$$' ? '$' : whole
    return groupOf(match, name, names)
  })
}

/** Of several groups of one name the first that took part. */
function groupOf(match: Match, name: string, names: Pattern['names']): string {
  const numbered = /^(0|[1-9]\d*)$/.test(name) ? [Number(name)] : names.flatMap((own, group) => (own === name ? [group] : []))
  for (const group of numbered) {
    const text = group > match.groupCount() ? null : match.group(group)
    if (text !== null) return text
  }
  return ''
}

const templateMatch: HostBuiltin = builtin(([template, text, start, end], charge) => {
  const [open, close] = [asText(start), asText(end)]
  if (asText(template).length > maxPattern) throw new Error(`a template of more than ${maxPattern} characters`)
  if (Buffer.byteLength(open) !== 1 || Buffer.byteLength(close) !== 1) return undefined
  const pattern = patternOf(asText(template), open, close, charge)
  const regex = pattern === undefined ? undefined : compilePattern(pattern, charge)
  if (regex === undefined) return undefined
  return isFound(regex, asText(text), charge)
})

/** Between the delimiters stand patterns, each sound by itself; all else is literal. */
function patternOf(template: string, open: string, close: string, charge: Charge): string | undefined {
  let level = 0
  let literal = ''
  let inner = ''
  let pattern = '^'
  for (const char of template) {
    // A delimiter that is both opens, as in OPA.
    if (char === open) level += 1
    else if (char === close) level -= 1
    if (level < 0) return undefined
    if (char === open && level === 1) {
      pattern += RE2JS.quote(literal)
      literal = inner = ''
    } else if (char === close && level === 0) {
      if (compilePattern(`^${inner}$`, charge) === undefined) return undefined
      pattern += `(${inner})`
    } else if (level > 0) inner += char
    else literal += char
  }
  return level === 0 ? `${pattern}${RE2JS.quote(literal)}$` : undefined
}

/** What the module has too, for what it does not read as Go does. */
const matches: HostBuiltin = builtin(([pattern, text], charge) => isFound(compilePattern(asText(pattern), charge) ?? noAnswer(), asText(text), charge), 4 * maxBytes)
const isPattern: HostBuiltin = builtin(([pattern], charge) => compilePattern(asText(pattern), charge) !== undefined, maxBytes)

export const regexBuiltins = {
  'regex.split': split,
  'regex.find_n': find,
  'regex.replace': replace,
  'regex.template_match': templateMatch,
  'regex.match': matches,
  'regex.is_valid': isPattern,
  'regex.find_all_string_submatch_n': findGroups,
} satisfies Record<string, HostBuiltin>

/** Charged as the worst that a linear engine does. */
export function isFound(regex: RE2JS, text: string, charge: Charge): boolean {
  charge(regex.programSize() * (text.length + 1))
  return regex.test(text)
}
