/**
 * How much work a judgement may take: 50 ms and 50 ms per MiB of input, told in fuel so that the same input always
 * has the same outcome. A unit is 1 to 5 ns of ordinary work and some 20 where fresh memory is touched.
 */
const mebibyte = 1024 * 1024
export const threadFrom = 256 * 1024

/** Reading costs 2 to 5 units a byte, and each pattern over all of it 1 to 3 more. */
export function fuelFor(bytes: number): number {
  return 4_000_000 + 40 * bytes
}

/**
 * What is spent before a judgement is moved to a thread, where it begins anew with the whole budget. Thirty rules with patterns
 * need 200,000; a runaway holds up all other calls for a few milliseconds, not for its whole budget.
 */
export function fuelHere(bytes: number): number {
  return 500_000 + 4 * bytes
}

/** Milliseconds after which a thread is ended: ten times the budget, for fuel is what decides and a busy machine must not. */
export function deadlineFor(bytes: number): number {
  return 10 * (50 + (50 * bytes) / mebibyte)
}
