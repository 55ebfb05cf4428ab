import type { Json, JsonObject, RequestId, Revision } from '../model.ts'

/** A result of the gateway's own. From 2026-07-28 on every result says that it is complete (basic/index, "Result"). */
export function rpcResult(id: RequestId, result: JsonObject, revision?: Revision): JsonObject {
  return { jsonrpc: '2.0', id, result: revision === '2026-07-28' ? { resultType: 'complete', ...result } : result }
}

/** An error of the gateway's own; `id` is null only where none could be read. */
export function rpcError(id: RequestId | null, code: number, message: string, data?: Json): JsonObject {
  return { jsonrpc: '2.0', id, error: data === undefined ? { code, message } : { code, message, data } }
}
