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

/** The most that is spent on a judgement before it is moved to a thread, where it begins anew with the whole budget. */
export function fuelHere(bytes: number): number {
  return 500_000 + 4 * bytes
}

/**
 * How much of that is spent: a few times what judgements took lately that came to an end. Thirty rules with patterns need 200,000, most policies a
 * tenth; a runaway holds up all other calls for as long as it is tried here. What is decided is the same in both places.
 */
export interface Patience {
  fuelHere(bytes: number): number
  ended(fuel: number, bytes: number): void
}
const least = 100_000
const margin = 4
const forgetting = 0.998

export function createPatience(): Patience {
  let needed = 0
  return {
    fuelHere: (bytes) => Math.min(fuelHere(bytes), least + 4 * bytes + margin * needed),
    ended(fuel, bytes) {
      // What goes beyond the most is a thread's in any case: to try it here for longer would be for nothing.
      if (fuel <= fuelHere(bytes)) needed = Math.max(Math.floor(needed * forgetting), fuel - 4 * bytes)
    },
  }
}

/** Milliseconds of its own work after which a thread is ended: ten times the budget, for fuel is what decides and a busy machine must not. */
export function deadlineFor(bytes: number): number {
  return 10 * (50 + (50 * bytes) / mebibyte)
}
