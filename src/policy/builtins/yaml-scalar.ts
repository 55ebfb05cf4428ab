/** What a scalar without quotes means to Go: YAML 1.2, with the numbers of 1.1. */
import { noAnswer } from './builtin.ts'
import { number, type Value } from './value.ts'

const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/
const integer = /^([-+]?)(?:0b([01]+)|0o?([0-7]+)|0x([0-9a-fA-F]+)|(\d+))$/

export function plainOf(text: string): Value {
  if (text === '' || ['~', 'null', 'Null', 'NULL'].includes(text)) return null
  if (['true', 'True', 'TRUE'].includes(text)) return true
  if (['false', 'False', 'FALSE'].includes(text)) return false
  // JSON has no word for them.
  if (/^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/.test(text)) return noAnswer()
  if (!/^[-+.\d]/.test(text)) return text
  const bare = text.replaceAll('_', '')
  const found = integer.exec(bare)
  if (found !== null) return numberOf(whole(found))
  if (!float.test(bare)) return text
  const value = Number(bare)
  return Number.isFinite(value) ? numberOf(value) : text
}

function whole([, sign, two, eight, sixteen, ten]: RegExpExecArray): bigint | number {
  const digits = two === undefined ? (sixteen === undefined ? (eight === undefined ? ten : `0o${eight}`) : `0x${sixteen}`) : `0b${two}`
  const value = BigInt(digits ?? 0) * (sign === '-' ? -1n : 1n)
  // What fits no integer of Go is a float.
  return value > 2n ** 64n - 1n || value < -(2n ** 63n) ? Number(value) : value
}

/** Through JSON, which prints doubles; integers keep their digits up to 64 bits. */
function numberOf(value: bigint | number): Value {
  if (typeof value === 'bigint') return number(value)
  return number(String(Object.is(value, -0) ? 0 : value))
}
