import { isObject, parseExactJson } from '../exact-json.ts'
import type { JsonObject } from '../model.ts'

/** What differs between two sendings of one and the same call. */
const passing: readonly string[] = ['_meta', 'requestState', 'inputResponses']

/** The text an approval's digest is over: members in their order, numbers with their source text. */
export function digestText(upstream: string, method: string, params: JsonObject): string {
  const members = Object.entries(params).filter(([name]) => !passing.includes(name))
  const kept = `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
  return `{"upstream":${JSON.stringify(upstream)},"method":${JSON.stringify(method)},"params":${kept}}`
}

/** Reads params that this gateway printed; numbers keep their text. Undefined if it is no object. */
export function readParams(text: string): JsonObject | undefined {
  const value = parseExactJson(text)
  return isObject(value) ? value : undefined
}
