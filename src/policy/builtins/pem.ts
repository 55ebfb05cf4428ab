import { decodeBase64 } from './base64.ts'

export interface PemBlock {
  readonly type: string
  readonly bytes: Buffer
  readonly rest: string
}

const begin = '-----BEGIN '
const end = '\n-----END '
const dashes = '-----'

/** The first block of a text, whatever stands before it, as Go reads it: headers within a block are passed over. */
export function readPem(text: string): PemBlock | undefined {
  for (let from = 0; ; ) {
    const stop = text.indexOf(end, from)
    if (stop < 0) return undefined
    const block = blockBefore(text, from, stop)
    if (block !== undefined) return block
    from = stop + end.length
  }
}

/** What lies between an end and the last beginning before it. */
function blockBefore(text: string, from: number, stop: number): PemBlock | undefined {
  const begins = from + text.slice(from, stop).lastIndexOf(begin)
  if (begins < from || (begins > from && text[begins - 1] !== '\n')) return undefined
  const first = lineAt(text, begins + begin.length)
  if (!first.text.endsWith(dashes)) return undefined
  const type = first.text.slice(0, -dashes.length)
  const body = pastHeaders(text, first.next, stop)
  const label = stop + end.length
  if (body === undefined || !text.startsWith(type + dashes, label) || lineAt(text, label + type.length + dashes.length).text !== '') return undefined
  const bytes = decodeBase64(text.slice(body, Math.max(body, stop)).replace(/[ \t]/g, ''))
  return bytes === undefined ? undefined : { type, bytes, rest: text.slice(lineAt(text, label).next) }
}

function pastHeaders(text: string, from: number, stop: number): number | undefined {
  for (let at = from; ; ) {
    const line = lineAt(text, at)
    if (!line.text.includes(':')) return at
    at = line.next
    if (at > stop) return undefined
  }
}

function lineAt(text: string, at: number): { readonly text: string; readonly next: number } {
  const stop = text.indexOf('\n', at)
  let last = stop < 0 ? text.length : stop
  if (stop > at && text[stop - 1] === '\r') last -= 1
  while (last > at && (text[last - 1] === ' ' || text[last - 1] === '\t')) last -= 1
  return { text: text.slice(at, last), next: stop < 0 ? text.length : stop + 1 }
}

export function writePem(type: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${type}-----\n${lines.join('\n')}\n-----END ${type}-----\n`
}
