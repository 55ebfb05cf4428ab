import { GatewayError } from '../errors.ts'

/** Where the next page begins: whole numbers, opaque to callers. */
export function printCursor(...key: readonly number[]): string {
  return Buffer.from(key.join('.')).toString('base64url')
}

export function readCursor(cursor: string | undefined, length: number): readonly number[] | undefined {
  if (cursor === undefined) return undefined
  const text = Buffer.from(cursor, 'base64url').toString('latin1')
  const key = text.split('.').map(Number)
  if (!/^-?\d{1,16}(\.-?\d{1,16})*$/.test(text) || key.length !== length || !key.every(Number.isSafeInteger)) throw new GatewayError('bad_cursor')
  return key
}

export function pageLimit(limit: number | undefined, normal: number, most: number): number {
  return limit === undefined || !Number.isInteger(limit) ? normal : Math.min(Math.max(limit, 1), most)
}
