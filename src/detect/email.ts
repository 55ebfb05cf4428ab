import type { Span } from '../model.ts'

const local = /[\p{L}\p{N}._%+'-]/u
const inDomain = /[\p{L}\p{N}.-]/u
/** Scripts written without spaces between words would otherwise be taken whole for the local part. */
const firstIdeograph = 0x2e80

/**
 * Mail addresses (RFC 5321, with the letters of RFC 6531). From each `@` outwards: between two of them every character is
 * looked at most twice, so the time is linear.
 */
export function findEmails(text: string): readonly Span[] {
  const spans: Span[] = []
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    let start = at
    while (start > 0 && isLocal(text, start - 1)) start--
    while (start < at && !isWord(text.charCodeAt(start))) start++
    if (start === at) continue
    let end = at + 1
    while (end < text.length && isDomain(text, end)) end++
    end = domainEnd(text, at + 1, end)
    if (end === -1 || (spans.at(-1)?.end ?? 0) > start) continue
    spans.push({ start, end })
  }
  return spans
}

const isWord = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code >= 0x80 || code === 95

function isLocal(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  if (code >= 97 && code <= 122) return true
  return code < firstIdeograph && local.test(text.charAt(at))
}

function isDomain(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return (code >= 97 && code <= 122) || inDomain.test(text.charAt(at))
}

/** Where the longest name of at least two labels ends whose last label is a plausible top level, or -1. */
function domainEnd(text: string, start: number, end: number): number {
  const labels = text.slice(start, end).split('.')
  let valid = -1
  let at = start
  for (const [index, label] of labels.entries()) {
    if (label.length > 63 || label.startsWith('-') || label === '') break
    const trimmed = label.replace(/-{1,63}$/, '')
    at += trimmed.length
    if (index > 0 && (/^\p{L}{2,63}$/u.test(trimmed) || /^xn--/i.test(trimmed))) valid = at
    if (trimmed.length !== label.length) break
    at += 1
  }
  // `logo@2x.png` is a picture for a dense screen
  if (labels.length === 2 && /^[1-4]x$/.test(labels[0] ?? '') && /^(?:png|jpe?g|gif|webp|svg)$/i.test(labels[1] ?? '')) return -1
  return valid
}
