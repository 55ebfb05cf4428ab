/** OPA's own evaluation cases, as `scripts/opa-cases/update.ts` wrote them. */
import { readFileSync } from 'node:fs'
import { brotliDecompressSync } from 'node:zlib'

export interface OpaCase {
  /** Unique: file, note, and a number where a file has several of one note. */
  readonly name: string
  readonly query: string
  readonly modules: readonly string[]
  readonly data?: unknown
  readonly input?: unknown
  /** The input in Rego's notation, which can hold sets. */
  readonly input_term?: string
  readonly want_defined?: boolean
  readonly want_result?: readonly unknown[]
  readonly want_error?: string
  readonly want_error_code?: string
  /** The error is one only where builtins' errors end the evaluation; here it is undefined. */
  readonly strict_error?: boolean
  readonly sort_bindings?: boolean
}

export const caseFile = new URL('../../test/policy/opa-cases/cases.json.br', import.meta.url)

/** Keeps the digits of what no double holds. */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source ? JSON.rawJSON(context.source) : value,
  )
}

export function readCases(): readonly OpaCase[] {
  return parseExactly(brotliDecompressSync(readFileSync(caseFile)).toString()) as readonly OpaCase[]
}
