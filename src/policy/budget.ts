/**
 * How much work a judgement may take: 50 ms and 50 ms per MiB of input (product 2.5), told in fuel so that the same input always
 * has the same outcome. A unit is 0.5 to 5 ns of ordinary work; the worst that attacks reached was about 19.
 */
const mebibyte = 1024 * 1024
export const threadFrom = 256 * 1024

const baseFuel = 5_000_000
/** Reading costs 4 to 5 units a byte, one pattern over all of it some 10 to 30 more; on a thread nobody else waits. */
const fuelPerByteHere = 20
const fuelPerByteAside = 60

export function fuelFor(bytes: number): number {
  return baseFuel + bytes * (bytes > threadFrom ? fuelPerByteAside : fuelPerByteHere)
}

/** When a thread is ended; fuel is what normally decides, this is for work that fuel cannot see. */
export function deadlineFor(bytes: number): number {
  return 2 * (50 + (50 * bytes) / mebibyte) + 150
}
