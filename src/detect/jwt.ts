import type { Span } from '../model.ts'
import { spansOf } from './detector.ts'

/** Compact JWS (RFC 7515 3.1) and JWE (RFC 7516 3.1): three or five parts, the first an object in base64url. */
const compact = /(?<![\w-])(?:eyJ|ewo|ewk|ew0|eyA)[\w-]{5,}\.[\w-]*\.[\w-]*(?:\.[\w-]+\.[\w-]+)?/gi

export function findJwts(text: string): readonly Span[] {
  return spansOf(compact, text).filter(({ start, end }) => hasHeader(text.slice(start, end)))
}

/** RFC 7515 4.1.1: the header has an `alg`. What was folded to one case cannot be read and is taken for a token. */
function hasHeader(token: string): boolean {
  const first = token.slice(0, token.indexOf('.'))
  if (token.length - first.length < 8) return false
  const text = Buffer.from(first, 'base64url').toString('latin1')
  if (/"(?:alg|enc|typ|kid)"/.test(text)) return true
  return first.length >= 20 && (first === first.toLowerCase() || first === first.toUpperCase())
}
