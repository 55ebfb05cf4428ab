import { isObject } from '../exact-json.ts'
import type { Json, JsonObject, RequestId } from '../model.ts'
import { own } from './envelope.ts'
import { isRawNumber } from './json.ts'
import { HEADER_MISMATCH, refuse } from './refusal.ts'
import type { WireRefusal } from './refusal.ts'

const PREFIX = 'mcp-param-'
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const SENTINEL = /^=\?base64\?(.*)\?=$/s
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const PLAIN = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/
const DECIMAL = /^-?\d+(?:\.\d+)?$/

interface Mirrored {
  readonly header: string
  readonly path: readonly string[]
}

/** 2026-07-28 basic/transports/streamable-http, "Value Encoding": undefined where the sentinel holds no canonical base64 of UTF-8. */
export function decodeHeader(value: string): string | undefined {
  const encoded = SENTINEL.exec(value)?.[1]
  if (encoded === undefined) return value
  if (!BASE64.test(encoded)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'))
  } catch {
    return undefined
  }
}

export function encodeHeader(value: string): string {
  return PLAIN.test(value) && !SENTINEL.test(value) ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}

/** The `Mcp-Param-*` headers of a request; those that the tool does not know must be passed on too. */
export function paramHeaders(rawHeaders: readonly string[]): { readonly [name: string]: string } {
  const found: { [name: string]: string } = {}
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.toLowerCase().startsWith(PREFIX)) found[name] = rawHeaders[i + 1] as string
  }
  return found
}

/**
 * The headers that go to the server with these arguments: those that the schema wants, and those of the client that say what an
 * argument says. What no policy has seen in the body is not passed on beside it.
 */
export function mirrorParams(inputSchema: Json | undefined, args: JsonObject, sent: { readonly [name: string]: string } = {}): { readonly [name: string]: string } {
  const found: { [name: string]: string } = {}
  const known = new Set(mirroredBy(inputSchema).map(({ header }) => `${PREFIX}${header.toLowerCase()}`))
  const others = Object.entries(sent).filter(([name]) => !known.has(name.toLowerCase()))
  const said: Said = { texts: new Set(), numbers: new Set() }
  if (others.length > 0) gather(args, said)
  for (const [name, text] of others) if (isSaid(text.trim(), said)) found[name] = text
  for (const { header, path } of mirroredBy(inputSchema)) {
    const text = textOf(valueAt(args, path))
    if (text !== undefined) found[`Mcp-Param-${header}`] = encodeHeader(text)
  }
  return found
}

/** Undefined if every argument that the schema wants mirrored agrees with its header. */
export function checkParamHeaders(
  rawHeaders: readonly string[],
  inputSchema: Json | undefined,
  args: JsonObject,
  id: RequestId | null = null,
): WireRefusal | undefined {
  const sent = new Map(Object.entries(paramHeaders(rawHeaders)).map(([name, value]) => [name.toLowerCase(), value.trim()]))
  for (const { header, path } of mirroredBy(inputSchema)) {
    const value = valueAt(args, path)
    const text = sent.get(`${PREFIX}${header.toLowerCase()}`)
    const absent = value === undefined || value === null
    if (absent && text === undefined) continue
    if (text === undefined) {
      if (textOf(value) === undefined) continue // no client can mirror an object; its schema refuses it
      return mismatch(`expected the header Mcp-Param-${header}: its argument is in the body`, id)
    }
    if (absent || !agrees(text, value)) return mismatch(`expected the header Mcp-Param-${header} to equal its argument in the body`, id)
  }
  return undefined
}

/** What arguments say, gathered once: there may be hundreds of headers and hundreds of thousands of arguments. */
interface Said {
  readonly texts: Set<string>
  readonly numbers: Set<number>
}

function gather(value: Json, said: Said): void {
  if (Array.isArray(value)) for (const element of value as readonly Json[]) gather(element, said)
  else if (isObject(value)) for (const member of Object.values(value)) gather(member, said)
  else {
    const written = textOf(value)
    if (written === undefined) return
    said.texts.add(written)
    if (typeof value !== 'string' && typeof value !== 'boolean') said.numbers.add(Number(written))
  }
}

/** "SHOULD compare … numerically": 42.0 and 42 are equal. Beyond 2^53 a double no longer tells numbers apart. */
function isSaid(text: string, { texts, numbers }: Said): boolean {
  const decoded = decodeHeader(text)
  if (decoded === undefined) return false
  return texts.has(decoded) || (DECIMAL.test(decoded) && Number.isSafeInteger(Number(decoded)) && numbers.has(Number(decoded)))
}

function agrees(text: string, value: Json): boolean {
  const said: Said = { texts: new Set(), numbers: new Set() }
  if (!Array.isArray(value) && !isObject(value)) gather(value, said)
  return isSaid(text, said)
}

function textOf(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean' || typeof value === 'number') return String(value)
  return isRawNumber(value) ? value.rawJSON : undefined
}

/** By the schema's identity: a call must not cost what the largest schema does. */
const marks = new WeakMap<JsonObject, readonly Mirrored[]>()

function mirroredBy(inputSchema: Json | undefined): readonly Mirrored[] {
  if (!isObject(inputSchema)) return []
  const known = marks.get(inputSchema) ?? marksOf(inputSchema, [])
  marks.set(inputSchema, known)
  return known
}

/** Properties marked `x-mcp-header`, reached from the root by `properties` only; a mark that breaks the rules marks nothing. */
function marksOf(inputSchema: Json | undefined, path: readonly string[]): readonly Mirrored[] {
  const properties = isObject(inputSchema) ? own(inputSchema, 'properties') : undefined
  if (!isObject(properties)) return []
  return Object.entries(properties).flatMap(([name, property]) => {
    if (!isObject(property)) return []
    const header = own(property, 'x-mcp-header')
    const here = [...path, name]
    const marked = typeof header === 'string' && TOKEN.test(header) ? [{ header, path: here }] : []
    return [...marked, ...marksOf(property, here)]
  })
}

function valueAt(args: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = args
  for (const name of path) value = isObject(value) ? own(value, name) : undefined
  return value
}

function mismatch(message: string, id: RequestId | null): WireRefusal {
  return refuse(400, HEADER_MISMATCH, `Header mismatch: ${message}`, { id })
}
