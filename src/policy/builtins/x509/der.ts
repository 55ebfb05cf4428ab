/** ASN.1 in its distinguished encoding (X.690), as far as certificates need it. */
import { noAnswer } from '../builtin.ts'

export interface Der {
  readonly tag: number
  /** Without tag and length. */
  readonly body: Buffer
  readonly raw: Buffer
}

/** One element and what follows it. */
export function readDer(bytes: Buffer): readonly [element: Der, rest: Buffer] {
  const [tag, first] = bytes
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return noAnswer()
  const count = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || count > 4 || bytes.length < 2 + count) return noAnswer()
  const length = count === 0 ? first : bytes.readUIntBE(2, count)
  const start = 2 + count
  if (bytes.length < start + length) return noAnswer()
  return [{ tag, body: bytes.subarray(start, start + length), raw: bytes.subarray(0, start + length) }, bytes.subarray(start + length)]
}

export function onlyDer(bytes: Buffer): Der {
  const [element, rest] = readDer(bytes)
  return rest.length === 0 ? element : noAnswer()
}

export function childrenOf({ body }: Der): readonly Der[] {
  const found: Der[] = []
  for (let rest = body; rest.length > 0; ) {
    const [element, after] = readDer(rest)
    found.push(element)
    rest = after
  }
  return found
}

export const tags = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, sequence: 0x30, set: 0x31, utcTime: 0x17, time: 0x18 } as const

export function expectTag(element: Der | undefined, tag: number): Der {
  return element?.tag === tag ? element : noAnswer()
}

export function sequenceOf(element: Der | undefined): readonly Der[] {
  return childrenOf(expectTag(element, tags.sequence))
}

export function integerOf(element: Der | undefined): bigint {
  const { body } = expectTag(element, tags.integer)
  if (body.length === 0) return noAnswer()
  const value = BigInt(`0x${body.toString('hex')}`)
  return (body[0] ?? 0) & 0x80 ? value - (1n << BigInt(8 * body.length)) : value
}

export function oidOf(element: Der | undefined): readonly number[] {
  const { body } = expectTag(element, tags.oid)
  const parts: number[] = []
  let value = 0
  for (const byte of body) {
    value = value * 128 + (byte & 0x7f)
    if (value > 2 ** 31) return noAnswer()
    if (byte & 0x80) continue
    parts.push(value)
    value = 0
  }
  const [first = noAnswer() as number, ...rest] = parts
  const top = Math.min(2, Math.floor(first / 40))
  return [top, first - 40 * top, ...rest]
}

export function bitsOf(element: Der | undefined): Buffer {
  const { body } = expectTag(element, tags.bits)
  return body.length === 0 ? noAnswer() : body.subarray(1)
}
