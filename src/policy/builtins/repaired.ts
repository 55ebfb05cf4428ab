/**
 * Builtins that OPA compiles into the module and that answer otherwise there than its own evaluator does: networks that map IPv4
 * into IPv6, base 64 without padding, and JSON numbers without measure. The host is asked first (`regex-detour.ts`).
 */
import { decodeBase64, decodeBase64Url } from './base64.ts'
import { builtin, type HostBuiltin } from './builtin.ts'
import { cidrContains, cidrIntersects } from './net.ts'

const maxBytes = 16 * 1024 * 1024

export const repairedBuiltins: Readonly<Record<string, HostBuiltin>> = {
  'base64.is_valid': builtin(([text]) => typeof text === 'string' && decodeBase64(text) !== undefined, maxBytes),
  'net.cidr_contains': cidrContains,
  'net.cidr_intersects': cidrIntersects,
}

/** Whether OPA's own evaluator gives an answer; what the module answers then is the same. */
export const isAnswered: Readonly<Record<'decode' | 'decodeUrl' | 'unmarshal', (text: string) => boolean>> = {
  decode: (text) => decodeBase64(text) !== undefined,
  decodeUrl: (text) => decodeBase64Url(text) !== undefined,
  unmarshal: (text) => !/[eE][+-]?\d{5,}/.test(text) || !hasHugeNumber(text),
}

/** Above it a number has more than 100,000 binary digits, which OPA takes for no number. */
const maxExponent = 30_000

function hasHugeNumber(text: string): boolean {
  let huge = false
  try {
    JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
      const [, digits = '', power] = /^-?([\d.]+)[eE]([+-]?\d+)$/.exec(context?.source ?? '') ?? []
      if (typeof value === 'number' && power !== undefined && /[1-9]/.test(digits) && Math.abs(Number(power)) > maxExponent) huge = true
      return value
    })
  } catch {
    return false // the module finds that it is no JSON
  }
  return huge
}
