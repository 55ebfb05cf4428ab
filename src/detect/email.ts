import type { Span } from '../model.ts'
import { added, isDigit, noSpans } from './detector.ts'

const local = /[\p{L}\p{N}._%+'-]/u
const inDomain = /[\p{L}\p{N}.-]/u
/** Scripts written without spaces between words would otherwise be taken whole for the local part. */
const firstIdeograph = 0x2e80

/**
 * Mail addresses (RFC 5321, with the letters of RFC 6531). From each `@` outwards: between two of them every character is
 * looked at most twice, so the time is linear.
 */
export function findEmails(text: string): readonly Span[] {
  let spans: Span[] | undefined
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    let start = at
    while (start > 0 && isLocal(text, start - 1)) start--
    while (start < at && !isWord(text.charCodeAt(start))) start++
    if (start === at) continue
    let end = at + 1
    while (end < text.length && isDomain(text, end)) end++
    end = domainEnd(text, at + 1, end)
    if (end === -1 || (spans?.at(-1)?.end ?? 0) > start) continue
    spans = added(spans, { start, end })
  }
  return spans ?? noSpans
}

const isWord = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code >= 0x80 || code === 95

/** ASCII is told by a table. */
const ofLocal = 1
const ofDomain = 2
const isLetter = 4
const ascii = new Uint8Array(128)
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code)
  ascii[code] = (local.test(character) ? ofLocal : 0) | (inDomain.test(character) ? ofDomain : 0) | (/\p{L}/u.test(character) ? isLetter : 0)
}

function isLocal(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code < 128 ? (ascii[code]! & ofLocal) !== 0 : code < firstIdeograph && local.test(text.charAt(at)) // in range
}

function isDomain(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code < 128 ? (ascii[code]! & ofDomain) !== 0 : inDomain.test(text.charAt(at)) // in range
}

const DASH = 0x2d
const POINT = 0x2e

/** Where the longest name of at least two labels ends whose last label is a plausible top level, or -1. */
function domainEnd(text: string, start: number, end: number): number {
  if (isDensity(text, start) && picture.test(text.slice(start, end))) return -1
  let valid = -1
  for (let from = start; ; ) {
    let to = from
    while (to < end && text.charCodeAt(to) !== POINT) to++
    if (to === from || to - from > 63 || text.charCodeAt(from) === DASH) break
    let last = to
    while (text.charCodeAt(last - 1) === DASH) last--
    if (from > start && isTopLevel(text, from, last)) valid = last
    if (last !== to || to === end) break
    from = to + 1
  }
  return valid
}

/** `logo@2x.png` is a picture for a dense screen. */
const isDensity = (text: string, at: number): boolean => isDigit(text.charCodeAt(at)) && text.charCodeAt(at + 1) === 0x78
const picture = /^[1-4]x\.(?:png|jpe?g|gif|webp|svg)$/i

function isTopLevel(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    if (code < 128 ? (ascii[code]! & isLetter) === 0 : !/\p{L}/u.test(text.charAt(at))) return /^xn--/i.test(text.slice(from, to)) // in range
  }
  return to - from > 1
}
