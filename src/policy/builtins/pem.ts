import { decodeBase64 } from './base64.ts'

export interface PemBlock {
  readonly type: string
  readonly bytes: Buffer
  readonly rest: string
}

const block = /(?:^|\n)-----BEGIN ([^\n]*?)-----[ \t]*\r?\n([^-]*?)(?:\n|(?<=^|\n))-----END ([^\n]*?)-----[ \t\r]*(?:\n|$)/

/** The first block of a text, whatever stands before it; headers within a block are passed over (pem.Decode). */
export function readPem(text: string): PemBlock | undefined {
  let from = 0
  for (;;) {
    const found = block.exec(text.slice(from))
    if (found === null) return undefined
    const [whole, type = '', body = '', end] = found
    from += found.index + whole.length
    const bytes = type === end ? decodeBase64(body.replace(/^(?:[^\n:]*:[^\n]*\n)+/, '').replace(/\s/g, '')) : undefined
    if (bytes !== undefined) return { type, bytes, rest: text.slice(from) }
  }
}

export function writePem(type: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${type}-----\n${lines.join('\n')}\n-----END ${type}-----\n`
}
