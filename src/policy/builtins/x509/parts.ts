/** What certificates and requests have in common, as the objects that OPA makes of Go's structures. */
import { createPublicKey } from 'node:crypto'
import { noAnswer } from '../builtin.ts'
import { textOfBytes } from '../encode.ts'
import { isKnown } from '../jwt-keys.ts'
import { number, objectOf, type Value } from '../value.ts'
import { bitsOf, childrenOf, integerOf, oidOf, onlyDer, sequenceOf, tags, type Der } from './der.ts'

export const base64 = (bytes: Buffer): string => bytes.toString('base64')
export const numbers = (values: readonly number[]): Value => values.map(number)
/** Go's empty lists are null. */
export const orNull = (values: readonly Value[]): Value => (values.length === 0 ? null : values)

const signatureAlgorithms: Readonly<Record<string, number>> = {
  '1.2.840.113549.1.1.2': 1, '1.2.840.113549.1.1.4': 2, '1.2.840.113549.1.1.5': 3, '1.3.14.3.2.29': 3,
  '1.2.840.113549.1.1.11': 4, '1.2.840.113549.1.1.12': 5, '1.2.840.113549.1.1.13': 6, '1.2.840.10040.4.3': 7, '2.16.840.1.101.3.4.3.2': 8,
  '1.2.840.10045.4.1': 9, '1.2.840.10045.4.3.2': 10, '1.2.840.10045.4.3.3': 11, '1.2.840.10045.4.3.4': 12, '1.3.101.112': 16,
}

export function signatureAlgorithm(algorithm: Der | undefined): Value {
  const name = oidOf(sequenceOf(algorithm)[0]).join('.')
  if (name === '1.2.840.113549.1.1.10') throw new Error('a signature with PSS')
  return number(signatureAlgorithms[name] ?? 0)
}

/** Its algorithm's number and the key. */
export function publicKey(info: Der | undefined): readonly [algorithm: Value, key: Value] {
  const [algorithm, bits] = sequenceOf(info)
  const name = oidOf(sequenceOf(algorithm)[0]).join('.')
  const bytes = bitsOf(bits)
  if (name === '1.2.840.113549.1.1.1') {
    const [modulus, exponent] = sequenceOf(onlyDer(bytes))
    return [number(1), objectOf({ N: number(integerOf(modulus)), E: number(integerOf(exponent)) })]
  }
  if (name === '1.2.840.10045.2.1') return [number(3), curveKey(info)]
  if (name === '1.3.101.112') return [number(4), base64(bytes)]
  throw new Error('a public key of a rare kind')
}

function curveKey(info: Der | undefined): Value {
  const key = createPublicKey({ key: info?.raw ?? noAnswer(), format: 'der', type: 'spki' })
  if (!isKnown(key)) return noAnswer()
  const { x, y } = key.export({ format: 'jwk' })
  return objectOf({ Curve: objectOf({}), X: coordinate(x), Y: coordinate(y) })
}

export function coordinate(text: string | undefined): Value {
  return number(BigInt(`0x${Buffer.from(text ?? noAnswer(), 'base64url').toString('hex')}`))
}

const fields: Readonly<Record<string, string>> = {
  '2.5.4.6': 'Country', '2.5.4.10': 'Organization', '2.5.4.11': 'OrganizationalUnit', '2.5.4.7': 'Locality', '2.5.4.8': 'Province',
  '2.5.4.9': 'StreetAddress', '2.5.4.17': 'PostalCode', '2.5.4.5': 'SerialNumber', '2.5.4.3': 'CommonName',
}

/** pkix.Name: lists by kind, and all of it in its order. */
export function nameOf(element: Der | undefined): Value {
  const names: Value[] = []
  const found: Record<string, string[]> = {}
  for (const set of sequenceOf(element)) {
    for (const attribute of childrenOf(set)) {
      const [type, value] = childrenOf(attribute)
      const oid = oidOf(type)
      const text = stringOf(value)
      names.push(objectOf({ Type: numbers(oid), Value: text }))
      const field = fields[oid.join('.')]
      if (field !== undefined) (found[field] ??= []).push(text)
    }
  }
  const lists = ['Country', 'Organization', 'OrganizationalUnit', 'Locality', 'Province', 'StreetAddress', 'PostalCode']
  return objectOf({
    ...Object.fromEntries(lists.map((field) => [field, found[field] ?? null])),
    SerialNumber: found['SerialNumber']?.at(-1) ?? '',
    CommonName: found['CommonName']?.at(-1) ?? '',
    Names: orNull(names),
    ExtraNames: null,
  })
}

const texts: Readonly<Record<number, 'utf8' | 'latin1' | 'utf16'>> = { 0x0c: 'utf8', 0x12: 'latin1', 0x13: 'latin1', 0x14: 'latin1', 0x16: 'latin1', 0x1e: 'utf16' }

function stringOf(element: Der | undefined): string {
  const encoding = texts[element?.tag ?? 0]
  if (element === undefined || encoding === undefined) return noAnswer()
  if (encoding === 'utf8') return textOfBytes(element.body)
  return encoding === 'latin1' ? element.body.toString('latin1') : Buffer.from(element.body).swap16().toString('utf16le')
}

/** RFC 5280, section 4.1.2.5. */
export function timeOf(element: Der | undefined): string {
  const text = element?.body.toString('latin1') ?? ''
  const full = element?.tag === tags.utcTime ? `${Number(text.slice(0, 2)) >= 50 ? '19' : '20'}${text}` : text
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full) ?? noAnswer()
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`
}

export interface Extension {
  readonly oid: string
  readonly value: Buffer
  readonly isCritical: boolean
  readonly printed: Value
}

export function extensionsOf(list: Der | undefined): readonly Extension[] {
  return sequenceOf(list).map((element) => {
    const [id, second, third] = sequenceOf(element)
    const isCritical = third !== undefined && second?.body[0] === 0xff
    const value = (third ?? second)?.body ?? noAnswer()
    return { oid: oidOf(id).join('.'), value, isCritical, printed: objectOf({ Id: numbers(oidOf(id)), Critical: isCritical, Value: base64(value) }) }
  })
}
