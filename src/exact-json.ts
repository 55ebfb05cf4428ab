import './repaired-json.ts'
import type { JsonObject } from './model.ts'

/**
 * `JSON.parse`, with numbers that a double would print differently kept as raw JSON: `1.0`, `1e3`, integers beyond 2^53.
 * For texts that were checked before or that nobody else reads; messages come through `wire/json.ts`.
 */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  // a text that is printed as it stands keeps no number that prints differently, and asking for each costs several times as much
  if (JSON.stringify(value) === text) return value
  // TypeScript's library does not know the third parameter yet (ECMA-262, JSON.parse source text access).
  return JSON.parse(text, keepText as (key: string, value: unknown) => unknown)
}

function keepText(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context.source === undefined || context.source === JSON.stringify(value)) return value
  return JSON.rawJSON(context.source)
}

/** An object of JSON: no list, and no number that is kept as raw JSON. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value)
}
