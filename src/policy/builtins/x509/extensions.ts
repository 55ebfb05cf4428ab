import { noAnswer } from '../builtin.ts'
import { uriParts } from '../uri.ts'
import { number, type Value } from '../value.ts'
import { printAddressBytes } from '../net.ts'
import { bitsOf, childrenOf, expectTag, integerOf, oidOf, onlyDer, sequenceOf, tags, type Der } from './der.ts'
import { base64, numbers, orNull, type Extension } from './parts.ts'

const usages: Readonly<Record<string, number>> = {
  '2.5.29.37.0': 0, '1.3.6.1.5.5.7.3.1': 1, '1.3.6.1.5.5.7.3.2': 2, '1.3.6.1.5.5.7.3.3': 3, '1.3.6.1.5.5.7.3.4': 4, '1.3.6.1.5.5.7.3.5': 5,
  '1.3.6.1.5.5.7.3.6': 6, '1.3.6.1.5.5.7.3.7': 7, '1.3.6.1.5.5.7.3.8': 8, '1.3.6.1.5.5.7.3.9': 9, '1.3.6.1.4.1.311.10.3.3': 10,
  '2.16.840.1.113730.4.1': 11, '1.3.6.1.4.1.311.2.1.22': 12, '1.3.6.1.4.1.311.61.1.1': 13,
}
const generalNames = { email: 0x81, dns: 0x82, uri: 0x86, address: 0x87 } as const

type Members = Record<string, Value>

/** Every member of Go's structure that an extension fills; those that are rare are a fault. */
const readers: Readonly<Record<string, (value: Buffer) => Members>> = {
  '2.5.29.15': (value) => ({ KeyUsage: number(keyUsage(bitsOf(onlyDer(value)))) }),
  '2.5.29.19': basicConstraints,
  '2.5.29.17': alternativeNames,
  '2.5.29.31': (value) => ({ CRLDistributionPoints: orNull(sequenceOf(onlyDer(value)).flatMap(distributionPoints)) }),
  '2.5.29.35': (value) => ({ AuthorityKeyId: sequenceOf(onlyDer(value)).filter(({ tag }) => tag === 0x80).map(({ body }) => base64(body))[0] ?? null }),
  '2.5.29.14': (value) => ({ SubjectKeyId: base64(expectTag(onlyDer(value), tags.octets).body) }),
  '2.5.29.37': extendedUsages,
  '2.5.29.32': policies,
  '1.3.6.1.5.5.7.1.1': authorityAccess,
}
const rare = ['2.5.29.30', '2.5.29.33', '2.5.29.36', '2.5.29.54']

export function membersOf(extensions: readonly Extension[]): Members {
  const members: Members = {}
  const unhandled: Value[] = []
  for (const { oid, value, isCritical } of extensions) {
    if (rare.includes(oid)) throw new Error('a certificate with constraints on names or policies')
    const reader = Object.hasOwn(readers, oid) ? readers[oid] : undefined
    if (reader !== undefined) Object.assign(members, reader(value))
    else if (isCritical) unhandled.push(numbers(oid.split('.').map(Number)))
  }
  return { ...members, UnhandledCriticalExtensions: orNull(unhandled) }
}

function keyUsage(bits: Buffer): number {
  let usage = 0
  for (let bit = 0; bit < 9; bit += 1) if (((bits[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) usage |= 1 << bit
  return usage
}

function basicConstraints(value: Buffer): Members {
  const parts = sequenceOf(onlyDer(value))
  const length = parts.find(({ tag }) => tag === tags.integer)
  const most = length === undefined ? -1n : integerOf(length)
  return { BasicConstraintsValid: true, IsCA: parts[0]?.tag === tags.boolean && parts[0].body[0] === 0xff, MaxPathLen: number(most), MaxPathLenZero: most === 0n }
}

function alternativeNames(value: Buffer): Members {
  const names = sequenceOf(onlyDer(value))
  const of = (wanted: number): string[] => names.filter(({ tag }) => tag === wanted).map(({ body }) => asciiOf(body))
  const uris = of(generalNames.uri)
  return {
    DNSNames: orNull(of(generalNames.dns)),
    EmailAddresses: orNull(of(generalNames.email)),
    IPAddresses: orNull(names.filter(({ tag }) => tag === generalNames.address).map(({ body }) => printAddressBytes(body) ?? noAnswer())),
    URIs: orNull(uris.map(uriParts)),
    URIStrings: orNull(uris),
  }
}

function asciiOf(bytes: Buffer): string {
  return bytes.some((byte) => byte > 0x7f) ? noAnswer() : bytes.toString('latin1')
}

function distributionPoints(point: Der): readonly Value[] {
  const [name] = sequenceOf(point)
  if (name?.tag !== 0xa0) return []
  const [full] = childrenOf(name)
  return full?.tag === 0xa0 ? childrenOf(full).filter(({ tag }) => tag === generalNames.uri).map(({ body }) => asciiOf(body)) : []
}

function extendedUsages(value: Buffer): Members {
  const oids = sequenceOf(onlyDer(value)).map(oidOf)
  const known = oids.flatMap((oid) => usages[oid.join('.')] ?? [])
  return { ExtKeyUsage: orNull(known.map(number)), UnknownExtKeyUsage: orNull(oids.filter((oid) => usages[oid.join('.')] === undefined).map(numbers)) }
}

function policies(value: Buffer): Members {
  const oids = sequenceOf(onlyDer(value)).map((policy) => oidOf(sequenceOf(policy)[0]))
  return { PolicyIdentifiers: orNull(oids.map(numbers)), Policies: orNull(oids.map((oid) => oid.join('.'))) }
}

function authorityAccess(value: Buffer): Members {
  const entries = sequenceOf(onlyDer(value)).map(sequenceOf)
  const of = (wanted: string): Value => {
    return orNull(entries.filter(([method, place]) => oidOf(method).join('.') === wanted && place?.tag === generalNames.uri).map(([, place]) => asciiOf(place?.body ?? noAnswer())))
  }
  return { OCSPServer: of('1.3.6.1.5.5.7.48.1'), IssuingCertificateURL: of('1.3.6.1.5.5.7.48.2') }
}

export const emptyMembers: Members = objectMembers([
  'AuthorityKeyId', 'CRLDistributionPoints', 'DNSNames', 'EmailAddresses', 'ExcludedDNSDomains', 'ExcludedEmailAddresses', 'ExcludedIPRanges',
  'ExcludedURIDomains', 'ExtKeyUsage', 'ExtraExtensions', 'IPAddresses', 'IssuingCertificateURL', 'OCSPServer', 'PermittedDNSDomains',
  'PermittedEmailAddresses', 'PermittedIPRanges', 'PermittedURIDomains', 'Policies', 'PolicyIdentifiers', 'PolicyMappings', 'SubjectKeyId', 'URIs',
  'UnknownExtKeyUsage',
])

function objectMembers(names: readonly string[]): Members {
  const zeros = ['InhibitAnyPolicy', 'InhibitPolicyMapping', 'RequireExplicitPolicy', 'KeyUsage', 'MaxPathLen']
  const no = ['InhibitAnyPolicyZero', 'InhibitPolicyMappingZero', 'RequireExplicitPolicyZero', 'PermittedDNSDomainsCritical', 'BasicConstraintsValid', 'IsCA', 'MaxPathLenZero']
  return Object.fromEntries([...names.map((name) => [name, null] as const), ...zeros.map((name) => [name, number(0)] as const), ...no.map((name) => [name, false] as const)])
}
