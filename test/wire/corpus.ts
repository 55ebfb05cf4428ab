import { readFileSync } from 'node:fs'
import type { Call, Direction, JsonObject, Revision } from '../../src/model.ts'
import { readHead, readPost } from '../../src/wire/door.ts'
import type { Door } from '../../src/wire/door.ts'
import { served } from '../../src/wire/methods.ts'

/** A message of the corpus with what has to be read from it. */
export interface Sample {
  readonly direction: Direction
  readonly kind: 'request' | 'notification' | 'result' | 'error'
  /** For an answer: the method of the request answered. */
  readonly method: string
  readonly call?: Pick<Call, 'kind' | 'name' | 'arguments' | 'template'>
  readonly entries?: readonly string[]
  readonly message: JsonObject
}

export function samplesOf(revision: Revision): readonly Sample[] {
  return JSON.parse(readFileSync(new URL(`../corpus/${revision}/messages.json`, import.meta.url), 'utf8')) as Sample[]
}

export const legacyRevisions = served.filter((revision) => revision !== '2026-07-28')

/** A POST as it comes: its head, then its body. */
export function enter(rawHeaders: readonly string[], bytes: Uint8Array, limits: { readonly request: number; readonly depth: number }, session?: Revision): Door {
  const reading = readHead(rawHeaders, 'POST')
  return reading.ok ? readPost({ head: reading.head, bytes, limits, ...(session === undefined ? {} : { session: { revision: session } }) }) : reading
}

/** The headers that a client of this revision sends with a message. */
export function headersFor(revision: Revision, message: JsonObject, changed: { readonly [name: string]: string | undefined } = {}): string[] {
  const params = (message['params'] ?? {}) as JsonObject
  const method = String(message['method'])
  const mirrored = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' }[method] ?? (method.startsWith('tasks/') ? 'taskId' : undefined)
  const modern = revision === '2026-07-28' && 'method' in message
  const headers: { [name: string]: string | undefined } = {
    Host: '127.0.0.1:8080',
    Authorization: 'Bearer token',
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    ...(revision >= '2025-06-18' && method !== 'initialize' ? { 'MCP-Protocol-Version': revision } : {}),
    ...(modern ? { 'Mcp-Method': method } : {}),
    ...(modern && mirrored !== undefined ? { 'Mcp-Name': String(params[mirrored]) } : {}),
    ...changed,
  }
  return Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [name, value]))
}
