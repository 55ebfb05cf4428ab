// POSIX tar (pax interchange format, IEEE 1003.1 "pax"), as far as bundles need it: regular files.

const block = 512
const text = (bytes: Buffer): string => {
  const end = bytes.indexOf(0)
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString()
}
const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((block - (bytes.length % block)) % block)])

const header = (path: string, size: number, type: string): Buffer => {
  const head = Buffer.alloc(block)
  head.write(path, 0, 100)
  head.write(octal(0o644, 8), 100)
  head.write(octal(0, 8), 108)
  head.write(octal(0, 8), 116)
  head.write(octal(size, 12), 124)
  // No time: the same source makes the same bundle.
  head.write(octal(0, 12), 136)
  head.write('        ', 148)
  head.write(type, 156)
  head.write('ustar\x0000', 257)
  head.write(`${octal(head.reduce((sum, byte) => sum + byte, 0), 7)} `, 148)
  return head
}

/** `<length> path=<path>\n`, where the length counts its own digits. */
const record = (path: string): Buffer => {
  const rest = Buffer.byteLength(` path=${path}\n`)
  let length = rest + String(rest).length
  if (String(length).length !== String(rest).length) length = rest + String(length).length
  return Buffer.from(`${length} path=${path}\n`)
}

export const writeTar = (files: ReadonlyMap<string, Uint8Array>): Buffer => {
  const parts: Buffer[] = []
  for (const [path, bytes] of files) {
    if (Buffer.byteLength(path) > 100) {
      const long = record(path)
      parts.push(header('pax', long.length, 'x'), padded(long))
    }
    parts.push(header(path, bytes.length, '0'), padded(Buffer.from(bytes)))
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

const longPath = (body: Buffer): string | undefined => {
  for (let at = 0; at < body.length; ) {
    const length = Number.parseInt(body.subarray(at, at + 20).toString(), 10)
    if (!(length > 0)) return undefined
    const [, name, value] = /^\d+ ([^=]+)=([^]*)\n$/.exec(body.subarray(at, at + length).toString()) ?? []
    if (name === 'path') return value
    at += length
  }
  return undefined
}

/** Regular files by path without a leading `/` or `./`; throws on anything that is not a tar archive. Nothing is written anywhere. */
export const readTar = (archive: Buffer): Map<string, Buffer> => {
  const files = new Map<string, Buffer>()
  let named: string | undefined
  for (let at = 0; at + block <= archive.length; ) {
    const head = archive.subarray(at, at + block)
    if (head.every((byte) => byte === 0)) return files
    const size = Number.parseInt(text(head.subarray(124, 136)).trim() || '0', 8)
    const sum = Number.parseInt(text(head.subarray(148, 156)).trim(), 8)
    const counted = head.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0)
    if (!(size >= 0) || sum !== counted || at + block + size > archive.length) throw new Error('not a tar archive')
    const body = archive.subarray(at + block, at + block + size)
    const type = String.fromCharCode(head[156] ?? 0)
    const prefix = text(head.subarray(257, 262)) === 'ustar' ? text(head.subarray(345, 500)) : ''
    if (type === 'x') named = longPath(body)
    else if (type === 'L') named = text(body)
    else {
      const path = named ?? (prefix === '' ? text(head.subarray(0, 100)) : `${prefix}/${text(head.subarray(0, 100))}`)
      named = undefined
      if (type === '0' || type === '\0') files.set(path.replace(/^(?:\.?\/)+/, ''), body)
    }
    at += block + Math.ceil(size / block) * block
  }
  throw new Error('not a whole tar archive')
}
