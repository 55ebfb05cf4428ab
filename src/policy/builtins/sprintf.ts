/**
 * `sprintf` as Go's fmt does it, for what Rego hands to it: integers, floats and strings; every other value comes as its Rego
 * text. A verb that does not fit prints Go's complaint, since the evaluator that runs the tests does so too.
 */
import { textOf, type Charge, type HostBuiltin } from './builtin.ts'
import { goQuote, readRegoArray, type Operand } from './rego-text.ts'

interface Verb {
  readonly letter: string
  readonly minus: boolean
  readonly plus: boolean
  readonly sharp: boolean
  readonly space: boolean
  readonly zero: boolean
  readonly width: number | undefined
  readonly precision: number | undefined
}

const maxBytes = 64 * 1024
const maxWidth = 1000
const plain: Verb = { letter: 'v', minus: false, plus: false, sharp: false, space: false, zero: false, width: undefined, precision: undefined }

export const sprintf: HostBuiltin = {
  reads: 'rego',
  maxBytes,
  run(operands, charge) {
    const format = textOf(operands[0])
    const values = readRegoArray(operands[1] ?? '')
    if (format === undefined || values === undefined) return undefined
    const printed = print(format, values, charge)
    charge(printed.length)
    if (printed.length > 2 * maxBytes) throw new Error('a text that is too long')
    return JSON.stringify(printed)
  },
}

const pattern = /%([-+# 0]*)(?:(\[\d+\])?(\d+|\*))?(?:\.(?:(\[\d+\])?(\d+|\*))?)?(\[\d+\])?(.)?/gsu

/** What printing takes, in fuel: one operand may be printed as often as the format says. */
function weightOf(operand: Operand, letter: string): number {
  if (operand.kind === 'float64') return 200
  if (operand.kind === 'string') return 100 + operand.value.length * ('qxX'.includes(letter) ? 40 : 2)
  // Digits are found in time that grows with their square; a bit is a third of one.
  const digits = isSmall(operand.value) ? 20 : operand.value.toString(16).length
  return 200 + (digits * digits) / 700
}

export function print(format: string, operands: readonly Operand[], charge: Charge): string {
  let used = 0
  let reordered = false
  const jump = (index: string | undefined): void => {
    if (index === undefined) return
    reordered = true
    used = Number(index.slice(1, -1)) - 1
    if (used < 0 || used >= operands.length) throw new Error('an index beyond the arguments')
  }
  /** A number of the format, or taken from the arguments. */
  const size = (index: string | undefined, written: string | undefined): number | undefined => {
    jump(index)
    if (written !== '*') return written === undefined ? undefined : Number(written)
    const operand = operands[used]
    used += 1
    if (operand?.kind !== 'int') throw new Error('a width that is no whole number')
    return Number(operand.value)
  }
  const text = format.replace(pattern, (whole, flags: string, widthIndex?: string, written?: string, pointIndex?: string, digits?: string, index?: string, last?: string) => {
    // A point at the very end is a verb.
    const letter = last ?? (whole.endsWith('.') ? '.' : undefined)
    if (/\][\d.]/.test(whole) || (letter === undefined && whole.includes('*'))) throw new Error('an index or a width that has no verb')
    if (letter === undefined) {
      reordered ||= whole.includes('[')
      return '%!(NOVERB)'
    }
    const width = size(widthIndex, written)
    const dotted = /\.(?:\[\d+\])?[\d*]*(?:\[\d+\])?.$/su.test(whole)
    const precision = size(pointIndex, digits)
    if (Math.abs(width ?? 0) > maxWidth || (precision ?? 0) > maxWidth) throw new Error('a width that is too large')
    jump(index)
    if (letter === '%') return '%'
    if (whole.includes('[') && letter === '[') throw new Error('an index that is none')
    const operand = operands[used]
    if (operand === undefined) return `%!${letter}(MISSING)`
    used += 1
    charge(weightOf(operand, letter))
    const minus = flags.includes('-') || (width ?? 0) < 0
    return printVerb(operand, {
      letter,
      minus,
      plus: flags.includes('+'),
      sharp: flags.includes('#'),
      space: flags.includes(' '),
      zero: flags.includes('0') && !minus,
      width: width === undefined ? undefined : Math.abs(width),
      // A negative one that is taken from the arguments counts as none.
      precision: dotted ? ((precision ?? 0) < 0 ? undefined : (precision ?? 0)) : undefined,
    })
  })
  if (reordered || used >= operands.length) return text
  const extra = operands.slice(used).map((operand) => `${typeOf(operand)}=${printVerb(operand, plain)}`)
  return `${text}%!(EXTRA ${extra.join(', ')})`
}

/** What is larger than 64 bits is a `big.Int` to Go and is named so in its complaints. */
function intType(value: bigint): string {
  return isSmall(value) ? 'int64' : '*big.Int'
}

function isSmall(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value
}

function typeOf(operand: Operand): string {
  return operand.kind === 'int' ? intType(operand.value) : operand.kind
}

/** Go complains with the value as `%v` would print it under the same flags; only of `%#v` itself is a text quoted. */
function bad(operand: Operand, verb: Verb): string {
  const sharp = verb.sharp && operand.kind !== 'string'
  return `%!${verb.letter}(${typeOf(operand)}=${printVerb(operand, { ...verb, sharp, letter: 'v' })})`
}

function printVerb(operand: Operand, verb: Verb): string {
  if (verb.letter === 'T') return pad(typeOf(operand), verb)
  if (operand.kind === 'string') return printString(operand, verb)
  return operand.kind === 'int' ? printInt(operand, verb) : printFloat(operand, verb)
}

function printString(operand: Operand & { kind: 'string' }, verb: Verb): string {
  const cut = verb.precision === undefined ? operand.value : [...operand.value].slice(0, verb.precision).join('')
  switch (verb.letter) {
    case 'v':
      return pad(verb.sharp ? goQuote(operand.value) : cut, verb)
    case 's':
      return pad(cut, verb)
    case 'q':
      return pad(verb.sharp && !/[`\p{Cc}\ufeff]/u.test(cut) ? `\`${cut}\`` : verb.plus ? inAscii(goQuote(cut)) : goQuote(cut), verb)
    case 'x':
    case 'X': {
      const bytes = [...Buffer.from(operand.value)].slice(0, verb.precision).map((byte) => byte.toString(16).padStart(2, '0'))
      const prefix = verb.sharp && bytes.length > 0 ? '0x' : ''
      const hex = prefix + bytes.join(verb.space ? ` ${prefix}` : '')
      return pad(verb.letter === 'X' ? hex.toUpperCase() : hex, verb)
    }
    default:
      return bad(operand, verb)
  }
}

/** Go writes the replacement character for what is no character. */
function runeOf(value: bigint): string {
  const isRune = value >= 0n && value <= 0x10ffffn && !(value >= 0xd800n && value <= 0xdfffn)
  return isRune ? String.fromCodePoint(Number(value)) : '\ufffd'
}

function inAscii(quoted: string): string {
  return quoted.replace(/[^\x00-\x7f]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

const bases: Readonly<Record<string, readonly [base: number, prefix: string]>> = {
  v: [10, ''], d: [10, ''], b: [2, '0b'], o: [8, '0'], O: [8, ''], x: [16, '0x'], X: [16, '0X'],
}

function printInt(operand: Operand & { kind: 'int' }, verb: Verb): string {
  if (!isSmall(operand.value)) {
    if (verb.letter === 's') return printInt(operand, { ...verb, letter: 'd' })
    if (!Object.hasOwn(bases, verb.letter)) return `%!${verb.letter}(big.Int=${operand.value})`
  }
  if (verb.letter === 'c') return pad(runeOf(operand.value), verb)
  if (verb.letter === 'U' && !verb.sharp && verb.precision === undefined && operand.value >= 0n) return pad(`U+${operand.value.toString(16).toUpperCase().padStart(4, '0')}`, { ...verb, zero: false })
  if ('qU'.includes(verb.letter)) throw new Error(`%${verb.letter} of a number`)
  const row = Object.hasOwn(bases, verb.letter) ? bases[verb.letter] : undefined
  if (row === undefined) return bad(operand, verb)
  const [base, prefix] = row
  const negative = operand.value < 0n
  let digits = (negative ? -operand.value : operand.value).toString(base)
  if (verb.letter === 'X') digits = digits.toUpperCase()
  const sign = negative ? '-' : verb.plus ? '+' : verb.space ? ' ' : ''
  if (verb.precision !== undefined) {
    digits = verb.precision === 0 && operand.value === 0n ? '' : digits.padStart(verb.precision, '0')
    if (digits === '' && verb.precision === 0) return ' '.repeat(verb.width ?? 0)
  } else if (verb.zero && verb.width !== undefined) {
    digits = digits.padStart(verb.width - sign.length, '0')
  }
  const head = verb.letter === 'O' ? '0o' : verb.sharp && !(prefix === '0' && digits.startsWith('0')) ? prefix : ''
  return pad(sign + head + digits, { ...verb, zero: false })
}

function printFloat(operand: Operand & { kind: 'float64' }, verb: Verb): string {
  const letter = verb.letter === 'v' ? 'g' : verb.letter === 'F' ? 'f' : verb.letter
  if (!'eEfgG'.includes(letter)) {
    if (letter === 'b' || letter === 'x' || letter === 'X') throw new Error(`%${letter} of a float`)
    return bad(operand, verb)
  }
  if (verb.sharp) throw new Error('%# of a float')
  const precision = verb.precision ?? (letter === 'g' || letter === 'G' ? undefined : 6)
  const digits = formatFloat(Math.abs(operand.value), letter, precision)
  const sign = operand.value < 0 || Object.is(operand.value, -0) ? '-' : verb.plus ? '+' : verb.space ? ' ' : ''
  const padded = verb.zero && verb.width !== undefined ? digits.padStart(verb.width - sign.length, '0') : digits
  return pad(sign + padded, { ...verb, zero: false })
}

/** strconv.FormatFloat of what is not negative: `g` has an exponent below -4 and from the precision on, 6 for the shortest. */
export function formatFloat(value: number, letter: string, precision: number | undefined): string {
  if (letter === 'f') return fixed(value, precision ?? 6)
  if (letter === 'e' || letter === 'E') return goExponent(exponential(value, precision ?? 6), letter)
  const scientific = precision === undefined ? value.toExponential() : exponential(value, Math.max(precision, 1) - 1)
  const at = scientific.indexOf('e')
  const exponent = Number(scientific.slice(at + 1))
  const mantissa = trimZeros(scientific.slice(0, at))
  const digits = mantissa.replace('.', '').length
  let threshold = precision === undefined ? 6 : Math.max(precision, 1)
  if (precision !== undefined && threshold > digits && digits > exponent) threshold = digits
  if (exponent < -4 || exponent >= threshold) return goExponent(`${mantissa}e${exponent}`, letter === 'G' ? 'E' : 'e')
  return fixed(Number(scientific), Math.max(digits - exponent - 1, 0))
}

/** Where JavaScript rounds a tie up, Go rounds to the even digit. */
function fixed(value: number, places: number): string {
  if (places > 60) throw new Error('a precision that is too large')
  if (value >= 1e21) return BigInt(value).toString() + (places > 0 ? `.${'0'.repeat(places)}` : '')
  const exact = value.toFixed(100)
  const kept = exact.slice(0, exact.length - 100 + places).replace(/\.$/, '')
  return isTie(exact.slice(exact.length - 100 + places)) && isEven(kept) ? kept : value.toFixed(places)
}

function exponential(value: number, places: number): string {
  if (places > 60) throw new Error('a precision that is too large')
  const exact = value.toExponential(100)
  const kept = exact.slice(0, 2 + places).replace(/\.$/, '')
  return isTie(exact.slice(2 + places, 102)) && isEven(kept) ? kept + exact.slice(102) : value.toExponential(places)
}

function isTie(rest: string): boolean {
  return /^50*$/.test(rest)
}

function isEven(digits: string): boolean {
  return '02468'.includes(digits.at(-1) ?? '')
}

function trimZeros(mantissa: string): string {
  return mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa
}

function goExponent(text: string, letter: string): string {
  const at = text.indexOf('e')
  const exponent = Number(text.slice(at + 1))
  const digits = String(Math.abs(exponent)).padStart(2, '0')
  return `${text.slice(0, at)}${letter}${exponent < 0 ? '-' : '+'}${digits}`
}

function pad(text: string, verb: Verb): string {
  if (verb.width === undefined) return text
  const missing = verb.width - [...text].length
  if (missing <= 0) return text
  if (verb.minus) return text + ' '.repeat(missing)
  return (verb.zero ? '0' : ' ').repeat(missing) + text
}
