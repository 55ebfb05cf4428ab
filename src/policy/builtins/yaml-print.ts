/** YAML as Go prints it, two spaces to a level. What it would print in a form that is rare is a fault. */
import type { Charge } from './builtin.ts'
import { isArray, RegoNumber, RegoObject, type Value } from './value.ts'
import { plainOf } from './yaml-scalar.ts'

const maxKey = 100

export function printYaml(value: Value, charge: Charge): string {
  return isBlock(value) ? `${lines(value, charge).join('\n')}\n` : `${scalar(value, '  ', charge)}\n`
}

function isBlock(value: Value): value is readonly Value[] | RegoObject {
  return isArray(value) ? value.length > 0 : value instanceof RegoObject && value.pairs.length > 0
}

function lines(value: readonly Value[] | RegoObject, charge: Charge): string[] {
  charge(200)
  if (isArray(value)) {
    return value.flatMap((element) => {
      if (!isBlock(element)) return `- ${scalar(element, '  ', charge)}`.split('\n')
      const [first = '', ...rest] = lines(element, charge)
      return [`- ${first}`, ...rest.map((line) => (line === '' ? line : `  ${line}`))]
    })
  }
  const members = (value as RegoObject).pairs.toSorted(([a], [b]) => compareKeys(String(a), String(b)))
  return members.flatMap(([key, inner]) => {
    const name = scalar(key, '', charge)
    if (name.length > maxKey || name.includes('\n')) throw new Error('a key that is too long for YAML')
    // Go sorts by numbers of 64 bits within the names.
    if (/\d{19}/.test(name)) throw new Error('a key with a number that is too large for YAML')
    if (!isBlock(inner)) return `${name}: ${scalar(inner, '  ', charge)}`.split('\n')
    return [`${name}:`, ...lines(inner, charge).map((line) => (line === '' ? line : `  ${line}`))]
  })
}

function scalar(value: Value, indent: string, charge: Charge): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (value instanceof RegoNumber) return printNumber(value.text)
  if (isArray(value)) return '[]'
  if (typeof value !== 'string') return '{}'
  charge(value.length * 5)
  return printText(value, indent)
}

/** Whole ones as they are while they fit 64 bits; others as strconv's 'g' writes them, whose exponents have two digits. */
function printNumber(text: string): string {
  const whole = /^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined
  if (whole !== undefined && whole < 2n ** 64n && whole >= -(2n ** 63n)) return String(whole)
  const value = Number(text)
  if (!Number.isFinite(value)) throw new Error('a number that is too large for YAML')
  if (value === 0) return text.startsWith('-') ? '-0' : '0'
  const [, power = '0'] = value.toExponential().split('e')
  return Number(power) >= -4 && Number(power) < 6 ? String(value) : value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
}

const oldBooleans = /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/
const base60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/
const timestamp = /^\d{4}-\d{1,2}-\d{1,2}(?:$|[Tt ])/

function meansOther(text: string): boolean {
  if (/^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/.test(text)) return true
  return typeof plainOf(text) !== 'string' || oldBooleans.test(text) || base60.test(text) || timestamp.test(text)
}

function printText(text: string, indent: string): string {
  if (/[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]/.test(text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ''))) throw new Error('characters that are rare in YAML')
  if (text.includes('\n')) return printLines(text, indent)
  if (/[\t\ud800-\udfff]/.test(text) || meansOther(text)) return quoted(text)
  const needsQuotes = /^[,[\]{}#&*!|>'"%@`]|^[-?:](?: |$)|^ | $|: |:$| #|^(?:---|\.\.\.)/.test(text)
  return needsQuotes ? `'${text.replaceAll("'", "''")}'` : text
}

function quoted(text: string): string {
  const escaped = JSON.stringify(text).replace(/[\ud800-\udbff][\udc00-\udfff]/g, (char) => `\\U${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(8, '0')}`)
  return escaped
}

/** A block that keeps its lines; its mark says what becomes of the last line's end. */
function printLines(text: string, indent: string): string {
  let end = text.length
  while (text[end - 1] === '\n') end -= 1
  const body = text.slice(0, end)
  const ends = text.length - body.length
  if (body === '' || /^[ \t\n]|[ \t]$|[ \t]\n|\t|[\ud800-\udfff]/.test(text)) throw new Error('lines that are rare in YAML')
  const mark = ends === 0 ? '|-' : ends === 1 ? '|' : '|+'
  return [mark, ...body.split('\n').map((line) => (line === '' ? '' : `${indent}${line}`)), ...Array.from({ length: Math.max(0, ends - 1) }, () => '')].join('\n')
}

/** Go's YAML sorts keys as people do: numbers within them by their value, and letters after all else. */
function compareKeys(a: string, b: string): number {
  const [one, other] = [[...a], [...b]]
  let digits = false
  for (let at = 0; at < one.length && at < other.length; at += 1) {
    const [x = '', y = ''] = [one[at], other[at]]
    if (x === y) {
      digits = /\p{Nd}/u.test(x)
      continue
    }
    const [isX, isY] = [/\p{L}/u.test(x), /\p{L}/u.test(y)]
    if (isX && isY) return (x.codePointAt(0) ?? 0) - (y.codePointAt(0) ?? 0)
    if (isX || isY) return (digits ? isX : isY) ? -1 : 1
    return compareNumbersAt(one, other, at) || (x.codePointAt(0) ?? 0) - (y.codePointAt(0) ?? 0)
  }
  return one.length - other.length
}

function compareNumbersAt(one: readonly string[], other: readonly string[], at: number): number {
  // A number that began before is told apart by its length.
  let begun = ''
  if (one[at] === '0' || other[at] === '0') {
    for (let before = at - 1; before >= 0 && /\d/.test(one[before] ?? ''); before -= 1) if (one[before] !== '0') begun = '1'
  }
  const digitsOf = (chars: readonly string[]): string => /^\d*/.exec(chars.slice(at).join(''))?.[0] ?? ''
  const [x, y] = [digitsOf(one), digitsOf(other)]
  const difference = BigInt(`${begun}${x}` || 0) - BigInt(`${begun}${y}` || 0)
  return difference === 0n ? x.length - y.length : difference < 0n ? -1 : 1
}
