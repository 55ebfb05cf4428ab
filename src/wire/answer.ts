import type { Json, JsonObject, RequestId } from '../model.ts'

/** An error of the gateway's own; `id` is null only where none could be read. */
export function rpcError(id: RequestId | null, code: number, message: string, data?: Json): JsonObject {
  return { jsonrpc: '2.0', id, error: data === undefined ? { code, message } : { code, message, data } }
}
