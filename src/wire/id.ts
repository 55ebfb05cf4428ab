import type { Json, RequestId } from '../model.ts'
import { isRawNumber } from './json.ts'

export function isInteger(value: Json | undefined): boolean {
  return Number.isInteger(value) || (isRawNumber(value) && /^-?\d+$/.test(value.rawJSON))
}

/** A JSON-RPC id or a progress token: a string or an integer, of any size. */
export function isId(value: Json | undefined): value is RequestId {
  return typeof value === 'string' || isInteger(value)
}

/** The same for equal ids only: 1 and "1" are two ids. */
export function idKey(id: RequestId): string {
  if (typeof id === 'string') return `s${id}`
  return `n${typeof id === 'number' ? id : id.rawJSON}`
}
