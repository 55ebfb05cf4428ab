// POSIX tar (pax interchange format, IEEE 1003.1 "pax"), as far as bundles need it: regular files.

export const block = 512
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
