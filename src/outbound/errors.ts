/** How a fetch ended, as it is counted. `refused`: nothing was sent, as it may not be asked. */
export type Outcome = 'answered' | 'refused' | 'unresolved' | 'unreachable' | 'timeout' | 'too_large' | 'stopped'

/** Why nothing was fetched. Its message names no more than the host. */
export class OutboundError extends Error {
  readonly code: Exclude<Outcome, 'answered'>
  constructor(code: Exclude<Outcome, 'answered'>, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'OutboundError'
    this.code = code
  }
}

export const refused = (message: string): OutboundError => new OutboundError('refused', message)
