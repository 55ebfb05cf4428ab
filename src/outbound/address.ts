import ipaddr from 'ipaddr.js'

/** `never`: what no setting opens. `internal`: what only the operator may name. */
export type Reach = 'public' | 'internal' | 'never'
export type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number]

const network = (text: string): Network => ipaddr.parseCIDR(text)
const isIn = (address: ipaddr.IPv4 | ipaddr.IPv6, [base, length]: Network): boolean =>
  address.kind() === base.kind() && address.match(base as ipaddr.IPv4 & ipaddr.IPv6, length)

/** Where clouds answer whoever asks from a machine with that machine's credentials; their link-local ones are in the ranges below. */
const metadata = ['168.63.129.16/32', '100.100.100.200/32', '192.0.0.192/32', 'fd00:ec2::/32', 'fd20:ce::254/128'].map(network)
const neverRanges: readonly string[] = ['linkLocal', 'multicast', 'unspecified', 'broadcast']
// RFC 1122 section 3.2.1.3: all of it means "this host on this network".
const thisNetwork = network('0.0.0.0/8')
const globalUnicast = network('2000::/3')
// RFC 6052 section 2.1: how an IPv4 address looks behind NAT64.
const translated = network('64:ff9b::/96')

/** Addresses that mean an IPv4 address are that address, however they are spelt. */
const plain = (text: string): ipaddr.IPv4 | ipaddr.IPv6 => {
  const address = ipaddr.process(text)
  return isIn(address, translated) ? new ipaddr.IPv4(address.toByteArray().slice(12)) : address
}

/** Who is behind an address as `net.isIP` knows it. */
export const reachOf = (text: string): Reach => {
  // A zone is only for link-local ones; the other form is obsolete (RFC 4291 section 2.5.5.1), and is read in two ways.
  if (text.includes('%') || /^::\d+\./.test(text)) return 'never'
  const address = plain(text)
  const range: string = address.range()
  if (neverRanges.includes(range) || isIn(address, thisNetwork) || metadata.some(one => isIn(address, one))) return 'never'
  if (address.kind() === 'ipv4') return range === 'unicast' ? 'public' : 'internal'
  if (range === 'unicast' && isIn(address, globalUnicast)) return 'public'
  // What carries another address inside (RFC 3056, RFC 4380) or is of no use yet could lead anywhere.
  return ['uniqueLocal', 'loopback'].includes(range) ? 'internal' : 'never'
}

export const readNetwork = (text: string): Network | undefined => {
  if (ipaddr.isValidCIDR(text)) return network(text)
  if (!ipaddr.isValid(text) || (ipaddr.IPv4.isValid(text) && !ipaddr.IPv4.isValidFourPartDecimal(text))) return undefined
  const address = ipaddr.parse(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

export const isInAny = (text: string, networks: readonly Network[]): boolean => {
  const address = plain(text)
  return networks.some(one => isIn(address, one))
}

export const isLoopbackAddress = (text: string): boolean => plain(text).range() === 'loopback'
