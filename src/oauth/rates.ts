import ipaddr from 'ipaddr.js'
import type { Clock } from '../model.ts'

const mostSources = 10_000

/** What is done so often within a minute: `add` counts one more of it from somebody, or takes one back. Answers with how many there are. */
export type Tally = (what: string, from: string, add: 1 | -1) => number | Promise<number>

export function createTally(clock: Clock): (...counted: Parameters<Tally>) => number {
  const all = new Map<string, Map<string, number>>()
  let minute = 0
  return (what, from, add) => {
    const now = Math.floor(clock() / 60_000)
    if (now !== minute) all.clear()
    minute = now
    const known = all.get(what)
    const counts = known === undefined || known.size > mostSources ? new Map<string, number>() : known
    all.set(what, counts)
    const count = (counts.get(from) ?? 0) + add
    counts.set(from, count)
    return count
  }
}

/** How often something may be done by one within a minute; -1 takes one back. */
export const createRate = (what: string, most: number, tally: Tally) => async (from: string, add: 1 | -1 = 1): Promise<boolean> => (await tally(what, from, add)) <= most

/** The same from one address, or from the network of one host. */
export function createAddressRate(what: string, most: number, tally: Tally): (address: string | undefined) => Promise<boolean> {
  const mayGo = createRate(what, most, tally)
  return (address = '') => mayGo(networkOf(address))
}

/** An IPv6 host has as many addresses as it likes within its network (RFC 6177). */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const read = ipaddr.process(address)
  return read.kind() === 'ipv6' ? Buffer.from(read.toByteArray().slice(0, 8)).toString('hex') : read.toString()
}
