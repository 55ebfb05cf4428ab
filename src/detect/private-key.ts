import type { Span } from '../model.ts'

/** PEM (RFC 7468), OpenSSH, PGP (RFC 9580 6.2) and SSH2 (RFC 4716) armour, and PuTTY's and age's own forms. */
const begin = /-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1[A-Z0-9]{20,}/gi
const end = /-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-MAC: ?[0-9a-f]{0,128}/gi

/** Whole blocks. One that has no end reaches to the end of the text: what is left of a key is still a secret. */
export function findPrivateKeys(text: string): readonly Span[] {
  const spans: Span[] = []
  begin.lastIndex = 0
  for (let opening = begin.exec(text); opening !== null; opening = begin.exec(text)) {
    let to = opening.index + opening[0].length
    if (!/^age/i.test(opening[0])) {
      end.lastIndex = to
      const closing = end.exec(text)
      to = closing === null ? text.length : closing.index + closing[0].length
    }
    spans.push({ start: opening.index, end: to })
    begin.lastIndex = to
  }
  return spans
}
