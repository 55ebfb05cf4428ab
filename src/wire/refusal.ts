import type { JsonObject, RequestId } from '../model.ts'

/** A message turned away before anybody judged it. */
export interface WireRefusal {
  readonly status: number
  readonly headers?: { readonly [name: string]: string }
  /** The JSON-RPC error to print; none for a bare status. */
  readonly rpc?: { readonly id: RequestId | null; readonly code: number; readonly message: string; readonly data?: JsonObject }
}

export const PARSE_ERROR = -32700
export const INVALID_REQUEST = -32600
export const INVALID_PARAMS = -32602
/** 2026-07-28 basic/index, "Error Codes". */
export const HEADER_MISMATCH = -32020
export const UNSUPPORTED_VERSION = -32022
/** What servers of the legacy era answer for faults of the transport. */
export const TRANSPORT = -32000

interface RefusalOptions {
  readonly id?: RequestId | null
  readonly data?: JsonObject
  readonly headers?: { readonly [name: string]: string }
}

export function refuse(status: number, code: number, message: string, options: RefusalOptions = {}): WireRefusal {
  const { id = null, data, headers } = options
  return {
    status,
    ...(headers === undefined ? {} : { headers }),
    rpc: { id, code, message, ...(data === undefined ? {} : { data }) },
  }
}
