/**
 * How much work a judgement may take: 50 ms and 50 ms per MiB of input (product 2.5), told in fuel so that the same input always
 * has the same outcome. A unit is 1 to 5 ns of ordinary work and some 20 where fresh memory is touched.
 */
const mebibyte = 1024 * 1024
export const threadFrom = 256 * 1024

const baseFuel = 4_000_000
/** Reading costs 2 to 5 units a byte, and each pattern over all of it 1 to 3 more; on a thread nobody else waits. */
const fuelPerByteHere = 10
const fuelPerByteAside = 40

export function fuelFor(bytes: number): number {
  return baseFuel + bytes * (bytes > threadFrom ? fuelPerByteAside : fuelPerByteHere)
}

/** When a thread is ended; fuel is what normally decides, this is for work that fuel cannot see. */
export function deadlineFor(bytes: number): number {
  return 2 * (50 + (50 * bytes) / mebibyte) + 150
}
