/** Values in Rego's notation, as the module prints them (`opa_value_dump`): JSON, and sets as `{1,2}` and `set()`. */
import type { Operand } from './sprintf.ts'

/** The elements of an array, each as OPA's `sprintf` hands it to Go; undefined when the value is not an array. */
export function readRegoArray(text: string): readonly Operand[] | undefined {
  if (!text.startsWith('[')) return undefined
  const operands: Operand[] = []
  let depth = 0
  let start = 1
  for (const { at, end, text: token } of tokens(text)) {
    if (token === '[' || token === '{' || token === '(') depth += 1
    const closes = token === ']' || token === '}' || token === ')'
    if ((token === ',' && depth === 1) || (closes && depth === 1)) {
      if (at > start) operands.push(toOperand(text.slice(start, at).trim()))
      start = end
    }
    if (closes) depth -= 1
  }
  return operands
}

interface Token {
  readonly at: number
  readonly end: number
  readonly text: string
}

/** Strings whole, punctuation one by one, the rest (numbers, words) in runs; spaces are no tokens. */
function* tokens(text: string): Generator<Token> {
  let at = 0
  while (at < text.length) {
    const end = endOfToken(text, at)
    if (text[at] !== ' ') yield { at, end, text: text.slice(at, end) }
    at = end
  }
}

function endOfToken(text: string, at: number): number {
  const first = text[at]
  if (first === '"') {
    let end = at + 1
    while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
    return end + 1
  }
  let end = at
  while (end < text.length && !'[]{}(),:" '.includes(text[end] ?? '')) end += 1
  return Math.max(end, at + 1)
}

function toOperand(text: string): Operand {
  if (text.startsWith('"')) return { kind: 'string', value: String(JSON.parse(text)) }
  if (/^-?\d+$/.test(text)) return { kind: 'int', value: BigInt(text) }
  if (/^-?\d/.test(text)) {
    const value = Number(text)
    return Number.isFinite(value) ? { kind: 'float64', value } : { kind: 'string', value: text }
  }
  return { kind: 'string', value: spaced(text) }
}

/** As OPA's evaluator prints a value: a space behind each comma and colon, strings quoted as in Go. */
function spaced(text: string): string {
  let printed = ''
  for (const token of tokens(text)) {
    if (token.text === ',' || token.text === ':') printed += `${token.text} `
    else printed += token.text.startsWith('"') ? goQuote(String(JSON.parse(token.text))) : token.text
  }
  return printed
}

const escapes: Readonly<Record<string, string>> = {
  '\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\', '"': '\\"',
}

/** strconv.Quote. */
export function goQuote(text: string): string {
  const body = text.replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    const known = escapes[char]
    if (known !== undefined) return known
    const code = char.codePointAt(0) ?? 0
    if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
  return `"${body}"`
}
