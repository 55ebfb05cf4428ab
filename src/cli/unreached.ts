import { messageOf } from '../errors.ts'

/** Why an address was not reached: `fetch` says it in the cause, and a cause with several attempts only by its code. */
export function whyUnreached(fault: unknown): string {
  const cause = fault instanceof Error && fault.cause instanceof Error ? fault.cause : fault
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code ?? cause.name) : messageOf(cause)
}
