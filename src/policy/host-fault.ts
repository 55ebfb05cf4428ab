/**
 * `fuel`: the budget is used up · `memory`: the cap is reached · `abort`: OPA gave up · `builtin`: a builtin that is not there
 * or beyond its bounds · `trap`: anything else the module did · `entrypoint`: no such rule · `answer`: not JSON, or too long ·
 * `thread`: it was ended, or there is none.
 */
export type EvalFault = 'fuel' | 'memory' | 'abort' | 'builtin' | 'trap' | 'entrypoint' | 'answer' | 'thread'

/** A fault raised by the host; everything else that is thrown comes out of the module itself. */
export class HostFault extends Error {
  readonly fault: EvalFault

  constructor(fault: EvalFault, message: string) {
    super(message)
    this.fault = fault
  }
}
