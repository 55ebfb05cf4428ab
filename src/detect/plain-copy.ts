import type { Span } from '../model.ts'

/**
 * What hides a secret from a pattern without hiding it from a reader or a program: zero-width characters, the escapes of
 * JSON in a text that is itself JSON, and percent encoding.
 */
const hiding =
  /[\u00ad\u200b-\u200d\u2060\ufeff]|\\(?:u(?:00[2-7][0-9A-Fa-f]|00[aA][dD]|200[b-dB-D]|2060|[fF][eE][fF][fF])|[bfnrt"\\/])|%[2-7][0-9A-Fa-f]/g

const control: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

export interface PlainCopy {
  readonly text: string
  /** Where a span of the copy lies in the source. */
  sourceOf(span: Span): Span
}

/** The text with everything that hides taken out or decoded, or undefined where nothing hides. */
export function plainCopy(source: string): PlainCopy | undefined {
  const pieces: string[] = []
  // piece i begins at copyAt[i] in the copy and at sourceAt[i] in the source; a decoded piece is one character wide
  const copyAt: number[] = []
  const sourceAt: number[] = []
  const width: number[] = []
  let length = 0
  let done = 0
  const add = (piece: string, at: number, wide: number): void => {
    if (piece === '') return
    pieces.push(piece)
    copyAt.push(length)
    sourceAt.push(at)
    width.push(wide)
    length += piece.length
  }
  for (const match of source.matchAll(hiding)) {
    add(source.slice(done, match.index), done, 1)
    add(decoded(match[0]), match.index, match[0].length)
    done = match.index + match[0].length
  }
  if (done === 0) return undefined
  add(source.slice(done), done, 1)
  const pieceAt = (at: number): number => {
    let low = 0
    let high = copyAt.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (copyAt[middle]! <= at) low = middle // the search stays inside
      else high = middle - 1
    }
    return low
  }
  return {
    text: pieces.join(''),
    sourceOf({ start, end }) {
      const first = pieceAt(start)
      const last = pieceAt(end - 1)
      // spans are never empty, so both pieces exist
      return {
        start: sourceAt[first]! + (start - copyAt[first]!),
        end: sourceAt[last]! + (end - 1 - copyAt[last]!) + width[last]!,
      }
    },
  }
}

function decoded(hidden: string): string {
  if (hidden.startsWith('%')) return String.fromCharCode(parseInt(hidden.slice(1), 16))
  if (!hidden.startsWith('\\')) return ''
  const kind = hidden.charAt(1)
  return kind === 'u' ? String.fromCharCode(parseInt(hidden.slice(2), 16)) : (control[kind] ?? kind)
}
