import { isObject, parseExactJson } from '../../exact-json.ts'
import type { Json, JsonObject } from '../../model.ts'
import { encodeHeader, mirrorParams } from '../../wire/mirror.ts'

/** As much of a JSON-RPC message as one must know to carry it. The message itself stays as it is. */
export interface Peeked {
  readonly kind: 'request' | 'notification' | 'answer'
  /** The id as it is written; of an error about nothing `null`. */
  readonly key: string
  readonly method: string
  readonly params: JsonObject
  readonly value: JsonObject
}
/** A line of the client. */
export interface Heard {
  readonly bytes: Buffer
  readonly messages: readonly Peeked[]
}

const nothing: JsonObject = {}
const versionName = 'io.modelcontextprotocol/protocolVersion'
const nameIn: Readonly<Record<string, string>> = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri', 'tasks/get': 'taskId', 'tasks/update': 'taskId', 'tasks/cancel': 'taskId' }

const peek = (value: Json): Peeked | undefined => {
  if (!isObject(value)) return undefined
  const { id, method, params } = value
  const key = id === undefined ? 'null' : JSON.stringify(id)
  return { kind: typeof method !== 'string' ? 'answer' : id === undefined ? 'notification' : 'request', key, method: typeof method === 'string' ? method : '', params: isObject(params) ? params : nothing, value }
}

/** One message or a batch of them; undefined where it is neither. */
export function readMessages(text: string): readonly Peeked[] | undefined {
  try {
    const value = parseExactJson(text) as Json
    const all = (Array.isArray(value) ? value : [value]).map(peek)
    return all.every((one) => one !== undefined) ? all : undefined
  } catch {
    return undefined
  }
}

/** The revision that a message itself claims, as those of 2026-07-28 and later do. */
export function claimOf({ params }: Peeked): string | undefined {
  const meta = params['_meta']
  const claim = isObject(meta) ? meta[versionName] : undefined
  return typeof claim === 'string' ? claim : undefined
}

/** 2026-07-28 basic/transports, "Request Metadata": what a client without HTTP leaves to whoever carries its message. */
export function mirrorHeaders(message: Peeked, claim: string, schemas: ReadonlyMap<string, Json>): Readonly<Record<string, string>> {
  const { method, params } = message
  const member = Object.hasOwn(nameIn, method) ? nameIn[method] : undefined
  const name = member === undefined ? undefined : params[member]
  const args = params['arguments']
  return {
    'mcp-protocol-version': claim,
    'mcp-method': method,
    ...(typeof name === 'string' ? { 'mcp-name': encodeHeader(name) } : {}),
    ...(method === 'tools/call' && typeof name === 'string' ? mirrorParams(schemas.get(name), isObject(args) ? args : nothing) : {}),
  }
}

/** What lists of tools say of arguments that are mirrored. */
export function learnSchemas({ value }: Peeked, schemas: Map<string, Json>): void {
  const tools = isObject(value['result']) ? value['result']['tools'] : undefined
  if (!Array.isArray(tools)) return
  for (const tool of tools as readonly Json[]) {
    if (isObject(tool) && typeof tool['name'] === 'string' && tool['inputSchema'] !== undefined) schemas.set(tool['name'], tool['inputSchema'])
  }
}
