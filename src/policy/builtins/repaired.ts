/**
 * Builtins that the module has and does not always answer as OPA's own evaluator does: JSON with something behind it or with
 * numbers without measure, and base 64 without padding. The host is asked first whether there is an answer (`regex-detour.ts`); where there is one it is the same.
 */
import { decodeBase64, decodeBase64Url } from './base64.ts'

export const isAnswered: Readonly<Record<'decode' | 'decodeUrl' | 'unmarshal', (text: string) => boolean>> = {
  decode: (text) => decodeBase64(text) !== undefined,
  decodeUrl: (text) => decodeBase64Url(text) !== undefined,
  unmarshal: (text) => isJson(text) && (!/[eE][+-]?\d{5,}/.test(text) || !hasHugeNumber(text)),
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Above it a number has more than 100,000 binary digits, which OPA takes for no number. */
const maxExponent = 30_000

function hasHugeNumber(text: string): boolean {
  let huge = false
  JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
    const [, digits = '', power] = /^-?([\d.]+)[eE]([+-]?\d+)$/.exec(context?.source ?? '') ?? []
    if (typeof value === 'number' && power !== undefined && /[1-9]/.test(digits) && Math.abs(Number(power)) > maxExponent) huge = true
    return value
  })
  return huge
}
