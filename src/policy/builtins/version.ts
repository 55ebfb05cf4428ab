import { asText, builtin, noAnswer, type HostBuiltin } from './builtin.ts'
import { number, objectOf, type Value } from './value.ts'

/** SemVer 2.0.0, with a `v` before it and numbers of 64 bits, as OPA reads it. */
interface Version {
  readonly numbers: readonly bigint[]
  readonly before: readonly string[]
}

const part = '(?:0|[1-9]\\d*)'
const identifiers = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*'
const shape = new RegExp(`^v?(${part})\\.(${part})\\.(${part})(?:-(${identifiers}))?(?:\\+${identifiers})?$`)
const most = 2n ** 63n - 1n

function versionOf(text: string): Version | undefined {
  const found = shape.exec(text)
  if (found === null) return undefined
  const numbers = found.slice(1, 4).map(BigInt)
  const before = found[4]?.split('.') ?? []
  const sound = numbers.every((value) => value <= most) && before.every((id) => !/^0\d+$/.test(id))
  return sound ? { numbers, before } : undefined
}

/** SemVer 2.0.0, section 11. */
function compare(a: Version, b: Version): number {
  const larger = a.numbers.findIndex((value, index) => value !== b.numbers[index])
  if (larger >= 0) return (a.numbers[larger] ?? 0n) > (b.numbers[larger] ?? 0n) ? 1 : -1
  if (a.before.length === 0 || b.before.length === 0) return Math.sign(b.before.length - a.before.length)
  for (const [index, id] of a.before.entries()) {
    const other = b.before[index]
    if (other === undefined) return 1
    const order = compareIdentifiers(id, other)
    if (order !== 0) return order
  }
  return a.before.length < b.before.length ? -1 : 0
}

function compareIdentifiers(a: string, b: string): number {
  const isNumber = /^\d+$/
  if (isNumber.test(a) !== isNumber.test(b)) return isNumber.test(a) ? -1 : 1
  if (!isNumber.test(a)) return a === b ? 0 : a < b ? -1 : 1
  const clamp = (text: string): bigint => (BigInt(text) > most ? most : BigInt(text))
  return clamp(a) === clamp(b) ? 0 : clamp(a) < clamp(b) ? -1 : 1
}

const compareVersions = builtin(([a, b]) => {
  return number(compare(versionOf(asText(a)) ?? noAnswer(), versionOf(asText(b)) ?? noAnswer()))
}, 2048)

/** By the first three bits of the ninth byte. */
const variants = ['Reserved', 'Reserved', 'Reserved', 'Reserved', 'RFC4122', 'RFC4122', 'Microsoft', 'Future'] as const
const domains = ['Person', 'Group', 'Org'] as const
/** From 15 October 1582 to 1970, in steps of 100 ns (RFC 9562, section 5.1). */
const epoch = 122_192_928_000_000_000n

function bytesOfUuid(text: string): Buffer {
  const bare = text.length === 45 && /^urn:uuid:/i.test(text) ? text.slice(9) : text.length === 38 ? text.slice(1, 37) : text
  const found = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i.exec(bare)
  const digits = found === null ? (/^[0-9a-f]{32}$/i.exec(bare)?.[0] ?? noAnswer()) : found.slice(1).join('')
  return Buffer.from(digits, 'hex')
}

function parseUuid(text: string): Value {
  const bytes = bytesOfUuid(text)
  const version = (bytes[6] ?? 0) >> 4
  const common = { version: number(version), variant: variants[(bytes[8] ?? 0) >> 5] }
  if (version !== 1 && version !== 2) return objectOf(common)
  const ticks = BigInt(bytes.readUInt32BE(0)) + (BigInt(bytes.readUInt16BE(4)) << 32n) + (BigInt(bytes.readUInt16BE(6) & 0xfff) << 48n)
  const node = bytes.subarray(10)
  const first = node[0] ?? 0
  return objectOf({
    ...common,
    time: number(BigInt.asIntN(64, (ticks - epoch) * 100n)),
    nodeid: [...node].map((byte) => byte.toString(16).padStart(2, '0')).join('-'),
    macvariables: `${first & 2 ? 'local' : 'global'}:${first & 1 ? 'multicast' : 'unicast'}`,
    clocksequence: number(bytes.readUInt16BE(8) & 0x3fff),
    ...(version === 1 ? {} : { id: number(bytes.readUInt32BE(0)), domain: domains[bytes[9] ?? 0] ?? `Domain${bytes[9]}` }),
  })
}

export const versionBuiltins = {
  'semver.compare': compareVersions,
  'semver.is_valid': builtin(([text]) => typeof text === 'string' && versionOf(text) !== undefined, 2048),
  'uuid.parse': builtin(([text]) => parseUuid(asText(text)), 1024),
} satisfies Record<string, HostBuiltin>
