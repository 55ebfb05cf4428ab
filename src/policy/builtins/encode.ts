import { asObject, asText, builtin, noAnswer, type HostBuiltin } from './builtin.ts'
import { isJson } from './repaired.ts'
import { asJson, isArray, print, RegoNumber, RegoObject, type Value } from './value.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Go's texts may be any bytes; here they are Unicode, and what is not is a fault rather than another text. */
export function textOfBytes(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new Error('bytes that are no text')
  }
}

/** url.QueryEscape. */
function queryEscape(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('%20', '+').replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** url.QueryUnescape. */
function queryUnescape(text: string): string {
  return percentDecode(text.replaceAll('+', ' '))
}

export function percentDecode(text: string): string {
  if (!text.includes('%')) return text
  if (/%(?![0-9a-fA-F]{2})/.test(text)) noAnswer()
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('bytes that are no text')
  }
}

function encodeQuery(value: Value): string {
  return asObject(asJson(value))
    .pairs.flatMap(([name, inner]) => {
      const values = isArray(inner) ? inner : typeof inner === 'string' ? [inner] : noAnswer()
      return values.map((one) => `${queryEscape(asText(name))}=${queryEscape(asText(one))}`)
    })
    .join('&')
}

function decodeQuery(text: string): Value {
  const found = new Map<string, string[]>()
  for (const part of text.split('&').filter((one) => one !== '')) {
    if (part.includes(';')) noAnswer()
    const at = part.indexOf('=')
    const name = queryUnescape(at < 0 ? part : part.slice(0, at))
    const value = at < 0 ? '' : queryUnescape(part.slice(at + 1))
    const values = found.get(name)
    if (values === undefined) found.set(name, [value])
    else values.push(value)
  }
  return new RegoObject([...found])
}

/** encoding/json escapes what HTML would read. */
export function goJson(value: Value, indent?: string, prefix = '', depth = 0): string {
  if (typeof value === 'string') return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  if (value === null || typeof value === 'boolean' || value instanceof RegoNumber) return print(value)
  const members = isArray(value)
    ? value.map((element) => goJson(element, indent, prefix, depth + 1))
    : asObject(value).pairs.map(([key, inner]) => `${goJson(key)}:${indent === undefined ? '' : ' '}${goJson(inner, indent, prefix, depth + 1)}`)
  const [open, close] = isArray(value) ? '[]' : '{}'
  if (members.length === 0 || indent === undefined) return `${open}${members.join(',')}${close}`
  const line = (level: number): string => `\n${prefix}${indent.repeat(level)}`
  return `${open}${line(depth + 1)}${members.join(`,${line(depth + 1)}`)}${line(depth)}${close}`
}

const mostAdded = 1024 * 1024

/** How many there are once printed, and how many levels deep they stand all together. */
function linesOf(value: Value, depth: number): { readonly lines: number; readonly levels: number } {
  const inner = isArray(value) ? value : value instanceof RegoObject ? value.pairs.map(([, member]) => member) : []
  let [lines, levels] = inner.length === 0 ? [0, 0] : [inner.length + 1, inner.length * (depth + 1) + depth]
  for (const one of inner) {
    const below = linesOf(one, depth + 1)
    lines += below.lines
    levels += below.levels
  }
  return { lines, levels }
}

const marshalWithOptions = builtin(([value, options], charge) => {
  const known = new Map(asObject(options).pairs)
  for (const [name, inner] of known) {
    if (name === 'pretty' ? typeof inner !== 'boolean' : name !== 'indent' && name !== 'prefix') noAnswer()
    if (name !== 'pretty') asText(inner)
  }
  const prefix = asText(known.get('prefix') ?? '')
  const indent = asText(known.get('indent') ?? '\t')
  const pretty = known.get('pretty') ?? (known.has('prefix') || known.has('indent'))
  const json = asJson(value ?? null)
  if (pretty !== true) return goJson(json)
  // Each line begins with the prefix and an indent for each level.
  const { lines, levels } = linesOf(json, 0)
  const added = lines * (prefix.length + 1) + levels * indent.length
  if (added > mostAdded) throw new Error('an answer that is too long')
  charge(print(json).length + added)
  return prefix + goJson(json, indent, prefix)
})

const hexDecode = builtin(([operand]) => {
  const text = asText(operand)
  return /^(?:[0-9a-fA-F]{2})*$/.test(text) ? textOfBytes(Buffer.from(text, 'hex')) : noAnswer()
})

const large = 8 * 1024 * 1024

export const encodeBuiltins = {
  // The module's own has members in the order of their hashes, does not escape what HTML would read, and takes what stands behind a value.
  'json.marshal': builtin(([value]) => goJson(asJson(value ?? null)), large),
  'json.is_valid': builtin(([text]) => typeof text === 'string' && isJson(text), large),
  'hex.decode': hexDecode,
  'json.marshal_with_options': marshalWithOptions,
  'urlquery.encode': builtin(([text]) => queryEscape(asText(text))),
  'urlquery.decode': builtin(([text]) => queryUnescape(asText(text))),
  'urlquery.encode_object': builtin(([object]) => encodeQuery(object ?? null)),
  'urlquery.decode_object': builtin(([text]) => decodeQuery(asText(text))),
} satisfies Record<string, HostBuiltin>
