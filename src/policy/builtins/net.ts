/** Networks as Go's net package has them: an address that maps IPv4 into IPv6 is an IPv4 address, unless a prefix says otherwise. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { asElements, asText, builtin, noAnswer, type Charge, type HostBuiltin } from './builtin.ts'
import { isArray, number, RegoObject, RegoSet, type Value } from './value.ts'

type Bits = 32 | 128
interface Address {
  readonly bits: Bits
  readonly value: bigint
}
/** `first` has no bit below the prefix set; `length` counts within `bits`. */
interface Network {
  readonly bits: Bits
  readonly first: bigint
  readonly length: number
  /** It was written as IPv6 and is not one that maps IPv4. */
  readonly plain6: boolean
}

const mapped = 0xffffn << 32n
const mostExpanded = 65_536n

function valueOf(text: string): Address | undefined {
  const version = text.includes('%') ? 0 : isIP(text)
  if (version === 0) return undefined
  const bytes = ipaddr.parse(version === 4 ? text : inHex(text)).toByteArray()
  return { bits: version === 4 ? 32 : 128, value: bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) }
}

/** The library takes `::10.0.0.1`, which maps no IPv4, for one that does. */
function inHex(text: string): string {
  return text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_dotted, a: string, b: string, c: string, d: string) => `${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`)
}

/** IP.To4. */
function folded({ bits, value }: Address): Address {
  return bits === 128 && value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffff_ffffn } : { bits, value }
}

function networkOf(text: string): Network | undefined {
  const slash = text.indexOf('/')
  const address = slash < 0 ? undefined : valueOf(text.slice(0, slash))
  const length = slash < 0 || !/^\d{1,7}$/.test(text.slice(slash + 1)) ? NaN : Number(text.slice(slash + 1))
  if (address === undefined || !(length <= address.bits)) return undefined
  return network(address, length)
}

function network({ bits, value }: Address, length: number): Network {
  const host = BigInt(bits - length)
  const masked = folded({ bits, value: (value >> host) << host })
  return { bits: masked.bits, first: masked.value, length: Math.max(0, length - (bits - masked.bits)), plain6: masked.bits === 128 }
}

function lastOf({ bits, first, length }: Network): bigint {
  return first | ((1n << BigInt(bits - length)) - 1n)
}

function containsAddress(net: Network, address: Address): boolean {
  const { bits, value } = folded(address)
  return bits === net.bits && value >= net.first && value <= lastOf(net)
}

function containsText(net: Network, text: string): boolean {
  const address = valueOf(text)
  if (address !== undefined) return containsAddress(net, address)
  const other = networkOf(text) ?? noAnswer()
  return other.bits === net.bits && other.first >= net.first && lastOf(other) <= lastOf(net)
}

const asNetwork = (value: Value | undefined): Network => networkOf(asText(value)) ?? noAnswer()

function printAddress(value: bigint, bits: Bits): string {
  const address = folded({ bits, value })
  if (address.bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (address.value >> shift) & 255n).join('.')
  const bytes = Array.from({ length: 16 }, (_, index) => Number((address.value >> BigInt(120 - 8 * index)) & 255n))
  return new ipaddr.IPv6(bytes).toRFC5952String()
}

/** Undefined for what is no address of 4 or 16 bytes. */
export function printAddressBytes(bytes: Buffer): string | undefined {
  if (bytes.length !== 4 && bytes.length !== 16) return undefined
  return printAddress(BigInt(`0x${bytes.toString('hex')}`), bytes.length === 4 ? 32 : 128)
}

function expand(value: Value | undefined, charge: Charge): Value {
  const net = asNetwork(value)
  const count = lastOf(net) - net.first + 1n
  if (count > mostExpanded) throw new Error(`a network of more than ${mostExpanded} addresses`)
  charge(Number(count) * 100)
  return new RegoSet(Array.from({ length: Number(count) }, (_, index) => printAddress(net.first + BigInt(index), net.bits)))
}

/** What is looked at, and what stands for it in the answer. */
function matchable(value: Value): readonly (readonly [cidr: Value, name: Value])[] {
  const head = (one: Value): Value => (typeof one === 'string' ? one : isArray(one) ? (one[0] ?? noAnswer()) : noAnswer())
  if (typeof value === 'string') return [[value, value]]
  if (isArray(value)) return value.map((one, index) => [head(one), number(index)])
  if (value instanceof RegoSet) return value.elements.map((one) => [head(one), one])
  return value instanceof RegoObject ? value.pairs.map(([key, one]) => [head(one), key]) : []
}

function containsMatches(nets: Value, texts: Value, charge: Charge): Value {
  const known = matchable(nets)
  // Without networks nothing looks at the others.
  if (known.length === 0) return new RegoSet([])
  const others = matchable(texts)
  charge(known.length * others.length * 200)
  const found = known.flatMap(([cidr, name]) => {
    if (others.length === 0) return []
    const net = asNetwork(cidr)
    return others.flatMap(([text, other]) => (containsText(net, asText(text)) ? [[name, other]] : []))
  })
  return new RegoSet(found)
}

/** In one row of addresses: IPv4 where IPv6 maps it. */
interface Range {
  readonly first: bigint
  readonly last: bigint
  /** How it was written, until it is merged with another. */
  readonly text: string | undefined
}

function rangeOf(value: Value): Range {
  const text = asText(value)
  // OPA's own evaluator orders these by bytes that it does not mean.
  if (/^::ffff:/i.test(text)) throw new Error('a network that maps IPv4 into IPv6')
  const address = valueOf(text)
  if (address === undefined) return ranged(networkOf(text) ?? noAnswer())
  const { bits, value: own } = folded(address)
  if (bits === 128) return noAnswer()
  // IP.DefaultMask: by class, and the address stays as it is.
  const length = own >> 31n === 0n ? 8 : own >> 30n === 2n ? 16 : 24
  return { ...ranged(network({ bits, value: own }, length)), text: `${printAddress(own, 32)}/${length}` }
}

function ranged(net: Network): Range {
  const shift = net.bits === 32 ? mapped : 0n
  return { first: net.first | shift, last: lastOf(net) | shift, text: `${printAddress(net.first, net.bits)}/${net.length}` }
}

function merge(value: Value | undefined, charge: Charge): Value {
  charge(asElements(value).length * 2_000)
  const ranges = asElements(value).map(rangeOf)
  ranges.sort((a, b) => Number(a.last - b.last) || Number(a.first - b.first))
  for (let index = ranges.length - 1; index > 0; index -= 1) {
    const [before, here] = [ranges[index - 1], ranges[index]]
    if (before === undefined || here === undefined) break
    const lowest = here.first === 0n || here.first === mapped
    if ((lowest ? here.first : here.first - 1n) > before.last) continue
    ranges.splice(index - 1, 2, { first: before.first < here.first ? before.first : here.first, last: here.last, text: undefined })
  }
  return new RegoSet(ranges.flatMap((range) => (range.text === undefined ? split(range) : [range.text])))
}

/** The fewest networks that make up the range. */
function split({ first, last }: Range): string[] {
  const bits: Bits = first >> 32n === 0xffffn ? 32 : 128
  const found: string[] = []
  let from = bits === 32 ? first & 0xffff_ffffn : first
  const end = bits === 32 ? last & 0xffff_ffffn : last
  while (from <= end) {
    let host = 0
    while (host < bits && (from & ((1n << BigInt(host + 1)) - 1n)) === 0n && from + (1n << BigInt(host + 1)) - 1n <= end) host += 1
    found.push(`${printAddress(from, bits)}/${bits - host}`)
    from += 1n << BigInt(host)
  }
  return found
}

/** The other is an address or a network. */
const cidrContains = builtin(([net, text]) => containsText(asNetwork(net), asText(text)), 4096)

const cidrIntersects = builtin(([a, b]) => {
  const [one, other] = [asNetwork(a), asNetwork(b)]
  return one.bits === other.bits && one.first <= lastOf(other) && other.first <= lastOf(one)
}, 4096)

export const netBuiltins = {
  'net.cidr_contains': cidrContains,
  'net.cidr_intersects': cidrIntersects,
  'net.cidr_contains_matches': builtin(([nets, texts], charge) => containsMatches(nets ?? null, texts ?? null, charge)),
  'net.cidr_expand': builtin(([value], charge) => expand(value, charge)),
  'net.cidr_is_valid': builtin(([value]) => typeof value === 'string' && networkOf(value) !== undefined),
  'net.cidr_merge': builtin(([value], charge) => merge(value, charge)),
} satisfies Record<string, HostBuiltin>
