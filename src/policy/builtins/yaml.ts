/** YAML as OPA's library reads and writes it: plain scalars mean what they mean to Go. What it does with the rest is a fault here. */
import { createRequire } from 'node:module'
import type * as Yaml from 'yaml'
import { asText, builtin, noAnswer, orElse, type Charge, type HostBuiltin } from './builtin.ts'
import { printYaml } from './yaml-print.ts'
import { plainOf } from './yaml-scalar.ts'
import { asJson, isArray, RegoNumber, RegoObject, type Pair, type Value } from './value.ts'

const require = createRequire(import.meta.url)
const library = (): typeof Yaml => require('yaml') as typeof Yaml

/** The library's work grows with the square of the depth. */
const maxBytes = 8 * 1024
const maxNodes = 10_000
const maxAliases = 100
const maxDepth = 200

interface Reading {
  readonly document: Yaml.Document.Parsed
  readonly charge: Charge
  readonly text: string
  nodes: number
  aliases: number
}

/** The first document, or null; none where anything in the text is not YAML. */
function read(text: string, charge: Charge): Value {
  charge(10_000 + 400 * text.length)
  if (isDeep(text)) throw new Error('a YAML document that is too deep')
  const documents = library().parseAllDocuments(text, { schema: 'failsafe', merge: false, uniqueKeys: false, logLevel: 'silent' })
  if (!Array.isArray(documents)) return noAnswer()
  const [error] = documents.flatMap(({ errors }) => errors)
  if (rare.test(text) || (error === undefined ? /^ *\t/m.test(text) : isRead(error, text))) throw new Error('YAML in a rare notation')
  if (error !== undefined) return noAnswer()
  const [document] = documents
  if (document === undefined) return null
  return valueOf(document.contents, { document, charge, text, nodes: 0, aliases: 0 }, 0)
}

/** Signs, directives, ends of documents, tabs and colons that Go's reader takes otherwise. */
const rare = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|\r(?!\n)|^(?:%|\.\.\.(?:\s|$))|^\s*[|>]|[[{,]\s*:|:[\]},]|:\s+:\S|^[?-]\t|["']\s*\n\s*:/m

/** Whether Go's reader may well read what the library does not. */
function isRead({ code, message }: Yaml.YAMLError, text: string): boolean {
  if (code === 'BAD_INDENT') return /[[{][^]*[\]}]/.test(text)
  if (code === 'MISSING_CHAR') return message.startsWith('Comments') || /(["'])[^"']*\n[^]*\1/.test(text)
  return code === 'BAD_DQ_ESCAPE' || code === 'BLOCK_IN_FLOW' || /(?:^|[\s[{,])[!&]/m.test(text)
}

/** Nesting by brackets, or by marks on one line; by indentation it takes a text as long as the square of its depth. */
function isDeep(text: string): boolean {
  let depth = 0
  for (const char of text) {
    if (char === '[' || char === '{') depth += 1
    else if ((char === ']' || char === '}') && depth > 0) depth -= 1
    if (depth > maxDepth) return true
  }
  return /(?:[-?:][ \t]+){100}/.test(text)
}

function valueOf(node: unknown, from: Reading, depth: number): Value {
  const { isAlias, isMap, isScalar, isSeq } = library()
  from.nodes += 1
  if (from.nodes > maxNodes || depth > maxDepth) throw new Error('a YAML document that is too large')
  from.charge(50)
  if (node === null || node === undefined) return null
  if (isAlias(node) && (from.aliases += 1) > maxAliases) throw new Error(`more than ${maxAliases} aliases`)
  if (isAlias(node)) return valueOf(node.resolve(from.document) ?? noAnswer(), from, depth + 1)
  if ((isScalar(node) || isSeq(node) || isMap(node)) && node.anchor !== undefined && !/^[\w-]+$/.test(node.anchor)) throw new Error('a YAML anchor with a rare name')
  if (isScalar(node)) return scalarOf(node, from.text)
  if (isSeq(node)) return node.items.map((item) => valueOf(item, from, depth + 1))
  if (!isMap(node)) return noAnswer()
  const members = new Map<string, Value>()
  const merged: Value[] = []
  for (const { key, value } of node.items) {
    if (isMerge(key)) merged.push(valueOf(value, from, depth + 1))
    else members.set(keyOf(valueOf(key, from, depth + 1)), valueOf(value, from, depth + 1))
  }
  // What stands here goes before what is merged in, and of the latter the first.
  for (const source of merged.flatMap((one) => (isArray(one) ? one : [one]))) {
    for (const [key, value] of source instanceof RegoObject ? source.pairs : noAnswer()) if (!members.has(String(key))) members.set(String(key), value)
  }
  return new RegoObject([...members] as Pair[])
}

function isMerge(key: unknown): boolean {
  const { isScalar } = library()
  return isScalar(key) && key.type === 'PLAIN' && key.value === '<<' && key.tag === undefined
}

/** The library takes one that ends in an escaped quote for closed. */
const quoted = /^(?:'(?:[^']|'')*'|"(?:[^"\\]|\\[^])*")$/

function scalarOf(node: Yaml.Scalar, all: string): Value {
  const text = String(node.source ?? node.value ?? '')
  if (node.tag !== undefined && node.tag !== 'tag:yaml.org,2002:str') throw new Error('a YAML value with a tag')
  if (node.type?.startsWith('QUOTE') === true && !quoted.test(all.slice(node.range?.[0], node.range?.[1]))) return noAnswer()
  // A block that the text ends in has no end of line there.
  if (node.type?.startsWith('BLOCK') === true && !all.endsWith('\n') && (node.range?.[1] ?? 0) >= all.length) return String(node.value ?? '').replace(/\n$/, '')
  if (node.type !== 'PLAIN' || node.tag !== undefined) return String(node.value ?? '')
  return plainOf(text)
}

/** Keys of an object are texts; numbers and booleans are printed. */
function keyOf(key: Value): string {
  if (typeof key === 'string') return key
  if (typeof key === 'boolean') return String(key)
  if (key instanceof RegoNumber && /^-?\d{1,15}(?:\.\d{1,6})?$/.test(key.text)) return String(Number(key.text))
  if (key instanceof RegoNumber) throw new Error('a number as key that Go prints otherwise')
  return noAnswer()
}

export const yamlBuiltins = {
  'yaml.is_valid': builtin(([text], charge) => orElse(false, () => read(asText(text), charge) !== undefined), maxBytes),
  'yaml.marshal': builtin(([value], charge) => printYaml(asJson(value ?? null), charge), maxBytes),
  'yaml.unmarshal': builtin(([text], charge) => read(asText(text), charge), maxBytes),
} satisfies Record<string, HostBuiltin>
