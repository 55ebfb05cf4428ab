/** An entry of a tar archive, with whatever may be wrong about it. */
export interface Entry {
  readonly name?: string | Buffer
  readonly body?: string
  readonly type?: string
  readonly link?: string
  /** The content of a pax header; its type is `x` where nothing else is said. */
  readonly note?: string
  /** What the header says the size is. */
  readonly size?: string | Buffer
  readonly sum?: number
  readonly magic?: string
}

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`

/** A record of a pax header, with the length that it has. */
export const note = (key: string, value: string): string => {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  const length = [1, 2, 3, 4, 5].map((digits) => rest + digits).find((all) => String(all).length === all - rest) ?? 0
  return `${length} ${key}=${value}\n`
}

export const entry = ({ name = 'pax', note: content, body = content ?? '', type = content === undefined ? '0' : 'x', link = '', size, sum, magic = 'ustar\x0000' }: Entry): Buffer => {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(512)
  const path = Buffer.from(name)
  const parts = path.length <= 100 ? [] : [long(path)]
  path.copy(head, 0, 0, Math.min(path.length, 100))
  head.write(octal(0o644, 8), 100)
  head.write(octal(0, 8), 108)
  head.write(octal(0, 8), 116)
  if (typeof size === 'object') size.copy(head, 124)
  else head.write(size === undefined ? octal(bytes.length, 12) : size.padStart(11, '0'), 124)
  head.write(octal(0, 12), 136)
  head.write('        ', 148)
  head.write(type, 156)
  head.write(link, 157)
  head.write(magic, 257)
  head.write(`${octal(head.reduce((all, byte) => all + byte, 0) + (sum ?? 0), 7)} `, 148)
  return Buffer.concat([...parts, head, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}
const long = (path: Buffer): Buffer => entry({ name: '././@LongLink', type: 'L', body: `${path.toString()}\0` })

export const end = Buffer.alloc(1024)
export const archiveOf = (...entries: readonly Entry[]): Buffer => Buffer.concat([...entries.map(entry), end])
