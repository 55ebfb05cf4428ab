import type { Json, JsonObject, Revision } from '../../src/model.ts'
import type { Door } from '../../src/wire/door.ts'
import { enter, headersFor } from './corpus.ts'

export const limits = { request: 1 << 20, depth: 64 }
export const META = 'io.modelcontextprotocol/'
export const envelope = { [`${META}protocolVersion`]: '2026-07-28', [`${META}clientCapabilities`]: {} }
export type Changes = { readonly [name: string]: string | undefined }

export function messageOf(revision: Revision, method: string, params: JsonObject = {}, id: Json | undefined = 1): JsonObject {
  const meta = revision === '2026-07-28' ? { _meta: { ...envelope, ...((params['_meta'] ?? {}) as JsonObject) } } : {}
  return { jsonrpc: '2.0', ...(id === undefined ? {} : { id }), method, params: { ...params, ...meta } }
}
/** Posts a message, or any text, with the headers that belong to the revision, changed as given. */
export function post(revision: Revision, body: JsonObject | string | Uint8Array, changed: Changes | readonly string[] = {}, session?: Revision): Door {
  const message = typeof body === 'object' && !(body instanceof Uint8Array) ? body : messageOf(revision, 'tools/call', { name: 'query' })
  const rawHeaders = Array.isArray(changed) ? [...headersFor(revision, message), ...(changed as readonly string[])] : headersFor(revision, message, changed as Changes)
  const bytes = typeof body === 'string' || body instanceof Uint8Array ? Buffer.from(body as string) : Buffer.from(JSON.stringify(body))
  return enter(rawHeaders, bytes, limits, session)
}
export function refusal(door: Door): string {
  return door.ok ? `passed as ${door.era} ${door.revision}` : `${door.refusal.status} ${door.refusal.rpc?.code}`
}
export const call = (revision: Revision): JsonObject => messageOf(revision, 'tools/call', { name: 'query', arguments: { sql: 'select 1' } })
export const text = (revision: Revision): string => JSON.stringify(call(revision))
