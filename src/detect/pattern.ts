import { RE2JS } from 're2js'
import type { Span } from '../model.ts'

export type PatternDetector =
  | { readonly ok: true; readonly find: (text: string) => readonly Span[] }
  | { readonly ok: false; readonly problem: string }

/** A detector from a pattern in RE2's syntax: linear in the text whatever the pattern. */
export function createPatternDetector(pattern: string): PatternDetector {
  if (pattern === '') return { ok: false, problem: 'a pattern that is not empty' }
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(pattern)
  } catch (error) {
    return { ok: false, problem: `a pattern of RE2 (${error instanceof Error ? error.message : 'unknown reason'})` }
  }
  if (compiled.matcher('').find()) return { ok: false, problem: 'a pattern that does not match the empty text, which is everywhere' }
  const find = (text: string): readonly Span[] => {
    const spans: Span[] = []
    const matcher = compiled.matcher(text)
    while (matcher.find()) {
      const span = { start: matcher.start(), end: matcher.end() }
      if (span.end > span.start) spans.push(span)
    }
    return spans
  }
  return { ok: true, find }
}
