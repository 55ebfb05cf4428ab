import { isArray, print, readValue, RegoNumber, RegoObject, RegoSet, type Value } from './value.ts'
import { wholeOf } from './number.ts'

/** A builtin that OPA does not compile into the module and that this host provides, within bounds. */
export interface HostBuiltin {
  /** How operands arrive, and how the answer is read: JSON (sets as arrays) or Rego's own notation. */
  readonly reads: 'json' | 'rego'
  /** Of all operands together; more is a fault of the judgement, never an undefined. */
  readonly maxBytes: number
  /**
   * Printed operands to a printed answer; undefined where OPA's own evaluator has an error, which Rego sees as undefined.
   * Work that is not linear in the operands with a small factor is charged before it is done. Throws beyond its bounds.
   */
  run(operands: readonly string[], charge: Charge): string | undefined
}
export interface Charge {
  (fuel: number): void
  /** For what is kept, at the first time in a judgement; whether it was kept from another before must not tell. */
  once(what: string, fuel: number): void
}
export type Run = (operands: readonly Value[], charge: Charge) => Value | undefined

/** Where OPA's own evaluator has an error: the call is undefined. Anything else that is thrown is a fault. */
class NoAnswer extends Error {}

const usual = 64 * 1024
/** An answer in Rego's notation, as long as the longest operands may be. */
const maxAnswer = 1024 * 1024

export function builtin(run: Run, maxBytes = usual): HostBuiltin {
  return {
    reads: 'rego',
    maxBytes,
    run(operands, charge) {
      const answer = answerOf(run, operands, charge)
      if (answer === undefined) return undefined
      const most = Math.max(maxAnswer, 2 * maxBytes)
      if (leastLength(answer, most) > most) throw new Error('an answer that is too long')
      const printed = print(answer)
      if (printed.length > most) throw new Error('an answer that is too long')
      charge(printed.length)
      return printed
    },
  }
}

/** At least how long it is when printed. Counting ends beyond `most`: a value may stand in others many times over. */
function leastLength(value: Value, most: number): number {
  if (typeof value === 'string') return value.length
  if (value instanceof RegoNumber) return value.text.length
  const inner = isArray(value) ? value : value instanceof RegoSet ? value.elements : value instanceof RegoObject ? value.pairs.flat() : []
  let length = 2
  for (const one of inner) {
    if (length > most) break
    length += 1 + leastLength(one, most - length)
  }
  return length
}

function answerOf(run: Run, operands: readonly string[], charge: Charge): Value | undefined {
  try {
    return run(operands.map(readValue), charge)
  } catch (thrown) {
    if (thrown instanceof NoAnswer) return undefined
    throw thrown
  }
}

export function noAnswer(): never {
  throw new NoAnswer()
}

/** For builtins that answer where others have an error. */
export function orElse(otherwise: Value, attempt: () => Value): Value {
  try {
    return attempt()
  } catch (thrown) {
    if (thrown instanceof NoAnswer) return otherwise
    throw thrown
  }
}

/** What must be there; null is. */
export function given(value: Value | undefined): Value {
  return value === undefined ? noAnswer() : value
}

export function asText(value: Value | undefined): string {
  return typeof value === 'string' ? value : noAnswer()
}

export function asObject(value: Value | undefined): RegoObject {
  return value instanceof RegoObject ? value : noAnswer()
}

export function asArray(value: Value | undefined): readonly Value[] {
  return isArray(value) ? value : noAnswer()
}

/** The elements of an array or a set. */
export function asElements(value: Value | undefined): readonly Value[] {
  return value instanceof RegoSet ? value.elements : asArray(value)
}

export function asWhole(value: Value | undefined): bigint {
  const whole = value instanceof RegoNumber ? wholeOf(value.text) : undefined
  return whole ?? noAnswer()
}

/** What fits Go's `int`, as OPA reads one: of at most 19 signs, without an exponent. */
export function asInt(value: Value | undefined): number {
  const written = value instanceof RegoNumber ? value.text : noAnswer()
  if (!/^[+-]?(?=[\d.]{1,19}$)\d+(\.0*)?$/.test(written)) noAnswer()
  const whole = BigInt(written.replace(/\..*/, ''))
  if (BigInt.asIntN(64, whole) !== whole) noAnswer()
  return Number(whole)
}

export function textOf(operand: string | undefined): string | undefined {
  const value: unknown = JSON.parse(operand ?? 'null')
  return typeof value === 'string' ? value : undefined
}
