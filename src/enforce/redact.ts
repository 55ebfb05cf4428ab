// What is stored or logged: everything detected and every masked place is replaced, whatever was decided. Nothing
// here refuses: what cannot be replaced exactly goes as a whole.
import { isObject, parseExactJson } from '../exact-json.ts'
import type { Hit, Json, JsonObject, Mask, Message, Sighting, Span } from '../model.ts'
import { patchText } from './apply-edits.ts'
import { Edits, patched, type Patches, type Replaced } from './edits.ts'
import { bodyTarget, mark, placeMasks, readMasks, type MaskRule } from './mask-rules.ts'
import { mostKept, omitLargeBlobs } from './omit.ts'
import { printCut } from './print-edited.ts'
import { bodyMember } from './rebuild.ts'
import { noRepairs } from './repair.ts'
import type { Look } from './splice.ts'
import { maskTwins, renameHit } from './twins.ts'

const masked = '[MASKED]'
const whole: MaskRule = { with: masked, text: masked, must: false }
const maxRounds = 4

export interface Redacted {
  readonly envelope: JsonObject
  /** The name of the tool, prompt or resource that the message, or the request it answers, is about. */
  readonly call: string | null
  readonly method: string
}

/** Less to look at, for the same result. */
export interface Quick {
  readonly look: Look
  /** Of a body in which only some values were replaced since it was scanned. */
  readonly rescanReplaced: (before: Sighting, body: Json, replaced: Replaced) => Sighting
  /** How long the longest text is at most in what a scan was of. */
  readonly longestOf: (scan: Sighting) => number
}

/** `scan` is that of `message.body`; `rescan` looks at everything else, and once more at what is left. */
export function redact(message: Message, scan: Sighting, masks: readonly Mask[], rescan: (value: Json) => Sighting, quick?: Quick): Redacted {
  const name = callOf(message)
  const [call, method] = cleanPair(name ?? '', message.method, rescan)
  const member = bodyMember(message)
  const envelope = method === message.method && isBare(message, member) ? cleanId(message.envelope, rescan, quick) : cleanEnvelope(message, member, rescan)
  if (!Object.hasOwn(message.envelope, member)) return { envelope, call: name === null ? null : call, method }
  const body = redactBody(message.body, scan, masks, rescan, quick)
  const isAsItWas = envelope === message.envelope && body === message.body
  return { envelope: isAsItWas ? envelope : { ...envelope, [member]: body }, call: name === null ? null : call, method }
}

const callOf = (message: Message): string | null =>
  (message.kind === 'result' || message.kind === 'error' ? message.request.call : message.call)?.name ?? null

/** Pairs in which nothing was found, by who looked: hardly a call names what was not called before. */
const cleanPairs = new WeakMap<(value: Json) => Sighting, Set<string>>()
const mostPairs = 1000
const longestPair = 256

function cleanPair(call: string, method: string, rescan: (value: Json) => Sighting): readonly [string, string] {
  const known = cleanPairs.get(rescan) ?? new Set()
  const key = `${method.length} ${method}${call}` // no two pairs have the same
  if (known.has(key)) return [call, method]
  const pair = [call, method] as const
  const clean = cleanse(pair, rescan(pair), rescan)
  if (clean === pair && key.length <= longestPair) {
    if (known.size === mostPairs) known.clear()
    cleanPairs.set(rescan, known.add(key))
  }
  return Array.isArray(clean) ? [String(clean[0]), String(clean[1])] : [masked, masked]
}

/** Whether nothing but the id and what was looked at already is around the body. */
function isBare({ envelope, method }: Message, member: string): boolean {
  for (const name in envelope) if (name !== 'jsonrpc' && name !== 'id' && name !== member && (name !== 'method' || envelope[name] !== method)) return false
  return envelope['jsonrpc'] === '2.0'
}

function cleanId(envelope: JsonObject, rescan: (value: Json) => Sighting, quick: Quick | undefined): JsonObject {
  const { id } = envelope
  if (id === undefined || (quick !== undefined && isPlain(id, quick.look))) return envelope
  const around = { id }
  const clean = cleanse(around, rescan(around), rescan)
  return clean === around ? envelope : { ...envelope, id: isObject(clean) ? (clean['id'] ?? masked) : masked }
}

const isPlain = (id: Json, look: Look): boolean => (typeof id === 'string' || typeof id === 'number') && look.isPlain(String(id))

/** Everything around the body; the body's place in the order of members is kept. */
function cleanEnvelope(message: Message, member: string, rescan: (value: Json) => Sighting): JsonObject {
  const around: JsonObject = Object.hasOwn(message.envelope, member) ? { ...message.envelope, [member]: null } : message.envelope
  const clean = cleanse(around, rescan(around), rescan)
  if (clean === around) return message.envelope
  return isObject(clean) ? clean : { jsonrpc: '2.0', id: masked }
}

function redactBody(body: JsonObject, scan: Sighting, masks: readonly Mask[], rescan: (value: Json) => Sighting, quick: Quick | undefined): Json {
  const paths = placeMasks(masks)
  const read = readMasks(paths, scan.detectors)
  // a mask that cannot be read covers nobody knows what
  if (!read.ok) return masked
  if (scan.hits.length === 0 && paths.length === 0) return smallEnough(body, scan, quick)
  try {
    const rules = [...read.rules.map((rule) => ({ ...rule, with: masked, text: masked })), ...everyDetector(scan)]
    const first = pass(body, scan, rules, rescan, quick)
    const clean = cleanse(first.body, first.scan, rescan)
    if (!isObject(clean)) return clean
    return clean === first.body ? smallEnough(clean, first.scan, quick) : omitLargeBlobs(clean)
  } catch (error) {
    if (error instanceof RangeError) return masked
    throw error
  }
}

const smallEnough = (body: JsonObject, scan: Sighting, quick: Quick | undefined): JsonObject =>
  quick !== undefined && quick.longestOf(scan) <= mostKept ? body : omitLargeBlobs(body)

const everyDetector = (scan: Sighting): readonly MaskRule[] => scan.detectors.map((detector) => ({ ...whole, detector }))

/** One pass of rules over a body, its member names and its JSON texts. */
function pass(body: JsonObject, scan: Sighting, rules: readonly MaskRule[], rescan: (value: Json) => Sighting, quick: Quick | undefined): { readonly body: Json; readonly scan: Sighting } {
  const { edits, names } = mark(bodyTarget(body, scan), rules)
  for (const { hit, rule } of names) renameHit(edits, hit, rule)
  const { cut } = maskTwins({ body, rules, edits, scan, look: quick?.look, rescan: (_text, value) => rescan(value), detectors: scan.detectors, parse: readLeniently, print: JSON.stringify, names: 'rename', instead: masked, repairs: () => noRepairs })
  const redacted = edits.apply(body) ?? masked
  if (cut && isObject(redacted)) printCut(edits, body, redacted)
  return { body: redacted, scan: quick === undefined || names.length > 0 ? rescan(redacted) : quick.rescanReplaced(scan, redacted, edits.replaced()) }
}

/** Replaces spans, then whole values and names, then everything, until nothing is found any more. */
function cleanse(value: Json, scan: Sighting, rescan: (value: Json) => Sighting): Json {
  let clean = value
  let left = scan
  for (let round = 0; left.hits.length > 0; round++) {
    if (round === maxRounds) return masked
    clean = replaceHits(clean, left.hits, round > 1)
    left = rescan(clean)
  }
  return clean
}

function replaceHits(value: Json, hits: readonly Hit[], entire: boolean): Json {
  const edits = new Edits()
  for (const hit of hits) {
    if (hit.where === 'name') edits.rename(hit.keys, entire ? masked : patchText(hit.keys.at(-1) ?? '', patches(hit.spans)))
    else if (entire) edits.replace(hit.keys, { kind: 'value', value: masked })
    else edits.patch(hit.keys, patched(hit.spans, masked, masked, hit.encoding))
  }
  return edits.apply(value) ?? masked
}

const patches = (spans: readonly Span[]): readonly Patches[] => [{ spans, text: masked, value: masked }]

function readLeniently(text: string): Json | undefined {
  try {
    return parseExactJson(text) as Json // by the grammar of JSON
  } catch (cause) {
    if (cause instanceof RangeError) throw cause // JSON, nested too deeply
    return undefined
  }
}

/** Whatever finds spans in a text, by detector. */
export interface TextFinder {
  find(text: string): readonly { readonly spans: readonly Span[] }[]
}

/** For the messages of reasons and for log lines. */
export function redactText(text: string, detectors: TextFinder): string {
  let clean = text
  for (let round = 0; round < maxRounds; round++) {
    const spans = detectors.find(clean).flatMap((found) => found.spans)
    if (spans.length === 0) return clean
    clean = patchText(clean, patches(spans))
  }
  return masked
}
