import ipaddr from 'ipaddr.js'
import type { Clock } from '../model.ts'

const mostSources = 10_000

/** How often something may be done by one within a minute; -1 takes one back. */
export function createRate(most: number, clock: Clock): (from: string, counts?: 1 | -1) => boolean {
  let counts = new Map<string, number>()
  let minute = 0
  return (from, add = 1) => {
    const now = Math.floor(clock() / 60_000)
    if (now !== minute || counts.size > mostSources) [counts, minute] = [new Map(), now]
    const count = (counts.get(from) ?? 0) + add
    counts.set(from, count)
    return count <= most
  }
}

/** The same from one address, or from the network of one host. */
export function createAddressRate(most: number, clock: Clock): (address: string | undefined) => boolean {
  const mayGo = createRate(most, clock)
  return (address = '') => mayGo(networkOf(address))
}

/** An IPv6 host has as many addresses as it likes within its network (RFC 6177). */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const read = ipaddr.process(address)
  return read.kind() === 'ipv6' ? Buffer.from(read.toByteArray().slice(0, 8)).toString('hex') : read.toString()
}
