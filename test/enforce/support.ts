import { createDetectors } from '../../src/detect/index.ts'
import { findIn, isPlainBeside, placesIn, scan, scanReplaced, scanText } from '../../src/detect/scan.ts'
import { longestOf } from '../../src/detect/walk.ts'
import { applyMasks, type Masked, type MaskInput, type MaskTools } from '../../src/enforce/mask.ts'
import type { Quick } from '../../src/enforce/redact.ts'
import type { Look } from '../../src/enforce/splice.ts'
import type { Call, ErrorAnswer, Json, JsonObject, Mask, Message, Notification, Request, Result, Revision } from '../../src/model.ts'
import { readText } from '../../src/wire/json.ts'

export const detectors = createDetectors({})
export const rescan = (body: Json) => scan(body, detectors)
export const print = (value: Json): string => JSON.stringify(value)
export const parse = readText

export const ssn = '123-45-6789'
export const card = '4111 1111 1111 1111'
export const mail = 'ada@example.com'

export function request(method: string, params: JsonObject, more: { revision?: Revision; direction?: Message['direction']; call?: Call; id?: Request['id'] } = {}): Request {
  const { revision = '2025-11-25', direction = 'to_server', call, id = 7 } = more
  return { kind: 'request', direction, revision, method, id, body: params, envelope: { jsonrpc: '2.0', id, method, params }, ...(call && { call }) }
}
export const toolCall = (name: string, args: JsonObject, revision: Revision = '2025-11-25'): Request =>
  request('tools/call', { name, arguments: args }, { revision, call: { kind: 'tool', name, arguments: args, annotations: {}, template: false } })

export function result(body: JsonObject, more: { method?: string; revision?: Revision; request?: Request } = {}): Result {
  const { revision = '2025-11-25', method = 'tools/call' } = more
  const answered = more.request ?? (method === 'tools/call' ? toolCall('query', {}, revision) : request(method, {}, { revision }))
  return { kind: 'result', direction: 'to_client', revision, method, id: 7, request: answered, body, envelope: { jsonrpc: '2.0', id: 7, result: body } }
}
export const errorAnswer = (error: JsonObject): ErrorAnswer => ({
  kind: 'error',
  direction: 'to_client',
  revision: '2025-11-25',
  method: 'tools/call',
  id: 7,
  request: toolCall('query', {}),
  body: error,
  envelope: { jsonrpc: '2.0', id: 7, error },
})
export const notification = (method: string, params: JsonObject): Notification => ({
  kind: 'notification',
  direction: 'to_client',
  revision: '2025-11-25',
  method,
  body: params,
  envelope: { jsonrpc: '2.0', method, params },
})

export const byPath = (path: string, more: Partial<Mask> = {}): Mask => ({ path, with: '[MASKED]', must: false, rule: 'test/mask/path', ...more }) as Mask
export const byDetector = (detector: string, more: Partial<Mask> & { path?: string } = {}): Mask =>
  ({ detector, with: '[MASKED]', must: false, rule: `test/mask/${detector}`, ...more }) as Mask

const look: Look = {
  places: (before, text) => placesIn(before, text, detectors),
  find: (text, name) => findIn(text, name, detectors),
  isPlain: (text) => isPlainBeside(text, detectors),
}
export const quick: Quick = { look, rescanReplaced: (before, body, replaced) => scanReplaced(before, body, replaced, detectors), longestOf }

export const inputFor = (message: Message, masks: readonly Mask[], outputSchema?: Json): MaskInput => ({ message, masks, scan: rescan(message.body), ...(outputSchema !== undefined && { outputSchema }) })
export const tools: MaskTools = { rescanText: (before, text, value) => scanText(before, text, value, detectors), ...quick, parse, print }
export const mask = (message: Message, masks: readonly Mask[], outputSchema?: Json): Masked => applyMasks(inputFor(message, masks, outputSchema), tools)

/** The long way: every text that is JSON is parsed, searched and printed. */
export const maskSlowly = (message: Message, masks: readonly Mask[], outputSchema?: Json): Masked => {
  const { look: _look, ...slow } = tools
  return applyMasks(inputFor(message, masks, outputSchema), slow)
}

/** The masked body; fails the test where the message was refused. */
export function maskedBody(message: Message, masks: readonly Mask[], outputSchema?: Json): JsonObject {
  const done = mask(message, masks, outputSchema)
  if (!done.ok) throw new Error(`${done.code}: ${done.detail}`)
  return done.message.body
}
export const codeOf = (done: Masked): string => (done.ok ? 'ok' : done.code)
