import { isObject } from '../exact-json.ts'
import type { Json, JsonObject, RequestId } from '../model.ts'
import { knownNames, lookAlike } from './fold.ts'
import { isId, isInteger } from './id.ts'
import { inputRequestsFault, inputResponsesFault } from './inputs.ts'
import { listFault, subscriptionFault } from './list.ts'

export type RpcMessage =
  | { readonly kind: 'request'; readonly id: RequestId; readonly method: string; readonly envelope: JsonObject; readonly body: JsonObject }
  | { readonly kind: 'notification'; readonly method: string; readonly envelope: JsonObject; readonly body: JsonObject }
  | { readonly kind: 'result'; readonly id: RequestId; readonly envelope: JsonObject; readonly body: JsonObject }
  /** The id is null where the sender of the error could not read the request's. */
  | { readonly kind: 'error'; readonly id: RequestId | null; readonly envelope: JsonObject; readonly body: JsonObject }

export interface RpcProblem {
  readonly kind: 'problem'
  /** The id to answer under, where one can be read. */
  readonly id: RequestId | null
  readonly code: -32600 | -32602
  readonly message: string
}

const topNames = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])
const paramNames = knownNames([
  ...['name', 'arguments', 'uri', '_meta', 'cursor', 'ref', 'argument', 'context', 'requestState', 'inputResponses', 'task', 'taskId'],
  ...['level', 'requestId', 'progressToken', 'notifications', 'protocolVersion', 'capabilities', 'clientInfo', 'data', 'message', 'mode'],
])
const resultNames = knownNames([
  ...['_meta', 'content', 'structuredContent', 'isError', 'tools', 'prompts', 'resources', 'resourceTemplates', 'contents', 'messages'],
  ...['completion', 'nextCursor', 'resultType', 'inputRequests', 'requestState', 'task', 'taskId', 'cacheScope', 'ttlMs', 'action'],
])
const errorNames = knownNames(['code', 'message', 'data'])
const metaNames = knownNames([
  'progressToken',
  ...['protocolVersion', 'clientCapabilities', 'clientInfo', 'logLevel', 'related-task', 'subscriptionId'].map(
    (name) => `io.modelcontextprotocol/${name}`,
  ),
])
const EMPTY: JsonObject = {}
const INVALID_REQUEST = -32600
const INVALID_PARAMS = -32602

/**
 * Exactly the messages of JSON-RPC 2.0 that MCP allows. Names are compared as they are written, and a name that only looks like
 * one of the protocol's is refused: a reader that ignores case would otherwise act on what no policy has seen.
 */
export function readRpc(value: Json): RpcMessage | RpcProblem {
  if (!isObject(value)) return problem(null, INVALID_REQUEST, 'expected a JSON-RPC message, an object')
  const id = value['id']
  const known = isId(id) ? id : null
  for (const name in value) {
    if (!topNames.has(name)) return problem(known, INVALID_REQUEST, 'expected no members but jsonrpc, id, method, params, result, error')
  }
  if (value['jsonrpc'] !== '2.0') return problem(known, INVALID_REQUEST, 'expected jsonrpc to be "2.0"')
  return 'method' in value ? readCaller(value, known) : readAnswer(value, known)
}

function readCaller(envelope: JsonObject, id: RequestId | null): RpcMessage | RpcProblem {
  const { method, params } = envelope
  if ('result' in envelope || 'error' in envelope) return problem(id, INVALID_REQUEST, 'expected either method or a result or error')
  if (typeof method !== 'string') return problem(id, INVALID_REQUEST, 'expected method to be a string')
  if ('id' in envelope && id === null) return problem(null, INVALID_REQUEST, 'expected id to be a string or an integer')
  if (params !== undefined && !isObject(params)) return problem(id, INVALID_PARAMS, 'expected params to be an object')
  const body = params ?? EMPTY
  const fault = bodyFault('params', body, paramNames) ?? subscriptionFault(body) ?? inputResponsesFault(body)
  if (fault !== undefined) return problem(id, INVALID_PARAMS, fault)
  return id === null ? { kind: 'notification', method, envelope, body } : { kind: 'request', id, method, envelope, body }
}

function readAnswer(envelope: JsonObject, id: RequestId | null): RpcMessage | RpcProblem {
  const { result, error } = envelope
  if ('params' in envelope || 'result' in envelope === 'error' in envelope) {
    return problem(id, INVALID_REQUEST, 'expected exactly one of method, result and error')
  }
  if (error !== undefined) {
    const unreadable = id === null && envelope['id'] !== undefined && envelope['id'] !== null
    if (unreadable) return problem(id, INVALID_REQUEST, 'expected id to be a string or an integer')
    if (!isObject(error) || !isInteger(error['code']) || typeof error['message'] !== 'string') {
      return problem(id, INVALID_REQUEST, 'expected error to be an object with an integer code and a message')
    }
    const alike = lookAlike(error, errorNames)
    if (alike !== undefined) return problem(id, INVALID_REQUEST, misspelt('error', alike))
    return { kind: 'error', id, envelope, body: error }
  }
  if (id === null) return problem(null, INVALID_REQUEST, 'expected id to be a string or an integer')
  if (!isObject(result)) return problem(id, INVALID_REQUEST, 'expected result to be an object')
  const fault = bodyFault('result', result, resultNames) ?? listFault(result) ?? inputRequestsFault(result)
  if (fault !== undefined) return problem(id, INVALID_REQUEST, fault)
  return { kind: 'result', id, envelope, body: result }
}

function bodyFault(where: string, body: JsonObject, known: typeof paramNames): string | undefined {
  const alike = lookAlike(body, known)
  if (alike !== undefined) return misspelt(where, alike)
  const meta = body['_meta']
  if (meta === undefined) return undefined
  if (!isObject(meta)) return `expected ${where}._meta to be an object`
  const metaAlike = lookAlike(meta, metaNames)
  if (metaAlike !== undefined) return misspelt(`${where}._meta`, metaAlike)
  return 'progressToken' in meta && !isId(meta['progressToken']) ? 'expected progressToken to be a string or an integer' : undefined
}

function misspelt(where: string, name: string): string {
  return `expected ${name} in ${where} to be spelt exactly so`
}

function problem(id: RequestId | null, code: -32600 | -32602, message: string): RpcProblem {
  return { kind: 'problem', id, code, message }
}
