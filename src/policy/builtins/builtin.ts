/** A builtin that OPA does not compile into the module and that this host provides, within bounds. */
export interface HostBuiltin {
  /** How operands arrive: JSON (sets as arrays) or Rego's own notation. */
  readonly reads: 'json' | 'rego'
  /** Of all operands together; more is a fault of the judgement, never an undefined. */
  readonly maxBytes: number
  /**
   * Printed operands to a printed answer; undefined where OPA's own evaluator has an error, which Rego sees as undefined.
   * Work that is not linear in the operands with a small factor is charged before it is done. Throws beyond its bounds.
   */
  run(operands: readonly string[], charge: (fuel: number) => void): string | undefined
}

export function textOf(operand: string | undefined): string | undefined {
  const value: unknown = JSON.parse(operand ?? 'null')
  return typeof value === 'string' ? value : undefined
}
