import type { Json, RequestId } from '../model.ts'
import { isRawNumber } from './json.ts'

export function isInteger(value: Json | undefined): boolean {
  return Number.isInteger(value) || (isRawNumber(value) && /^-?\d+$/.test(value.rawJSON))
}

/** A JSON-RPC id or a progress token: a string or an integer, of any size. */
export function isId(value: Json | undefined): value is RequestId {
  return typeof value === 'string' || isInteger(value)
}
