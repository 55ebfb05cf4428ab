/** Reading and writing the integers, sections and vectors of the WebAssembly binary format (core specification, section 5). */

export interface Reader {
  readonly bytes: Uint8Array
  at: number
}

export function readByte(from: Reader): number {
  const byte = from.bytes[from.at]
  if (byte === undefined) throw new Error('the module ends too early')
  from.at += 1
  return byte
}

export function readU32(from: Reader): number {
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = readByte(from)
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) {
      if (value > 0xffffffff) break
      return value
    }
  }
  throw new Error('an integer of the module is too long')
}

/** Signed integers are only stepped over, never changed. */
export function skipSigned(from: Reader, bits: number): void {
  for (let read = 0; read < bits; read += 7) {
    if (readByte(from) < 0x80) return
  }
  throw new Error('an integer of the module is too long')
}

export function readSlice(from: Reader, length: number): Uint8Array {
  if (from.at + length > from.bytes.length) throw new Error('the module ends too early')
  from.at += length
  return from.bytes.subarray(from.at - length, from.at)
}

export function u32(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return bytes
}

/** A positive number as a signed LEB128, which must not end in a set sign bit. */
export function signed(value: number): number[] {
  const bytes = u32(value)
  const top = bytes[bytes.length - 1] ?? 0
  if (top < 0x40) return bytes
  return [...bytes.slice(0, -1), top | 0x80, 0]
}

/** A byte sink that grows; one per code section, so that a module is copied once. */
export interface Sink {
  push(bytes: ArrayLike<number>): void
  done(): Uint8Array
}

export function createSink(capacity: number): Sink {
  let buffer = new Uint8Array(capacity)
  let length = 0
  return {
    push(bytes) {
      if (length + bytes.length > buffer.length) {
        const larger = new Uint8Array(Math.max(buffer.length * 2, length + bytes.length))
        larger.set(buffer.subarray(0, length))
        buffer = larger
      }
      buffer.set(bytes, length)
      length += bytes.length
    },
    done: () => buffer.subarray(0, length),
  }
}
