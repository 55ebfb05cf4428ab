import type { Finding } from './model.ts'

// Of many findings most of what they say is the same: each detector with its confidence is kept once, and what paths have in common
// is not repeated. A record's findings are a JSON array, as a few are, and all of them once were, or
// {"kinds":[[detector, confidence]…],"paths":"…"}, in which `+LENGTH;` goes ahead of what the next paths begin with, and
// `KIND,LENGTH[,COUNT];` ahead of the rest of each. Every step of every path stands whole in what is printed.

type Kind = readonly [detector: string, confidence: Finding['confidence']]

/** Of all paths together, in characters and one for each: more are kept one by one, so that few characters of a store never make very many. */
const mostOfPaths = 1024 * 1024
/** Fewer have little in common. */
const fewest = 4
/** What goes ahead of one path mostly goes ahead of others: of one find in so many characters or fewer it is made once. */
const mostHeads = 64

export function printFindings(findings: readonly Finding[]): string {
  if (findings.length < fewest) return findings.length === 0 ? '[]' : JSON.stringify(findings)
  const paths: string[] = []
  for (const { path } of findings) paths.push(path)
  // Looking into one text is far cheaper than into many that were just put together.
  const all = paths.join('')
  if (all.length + findings.length > mostOfPaths) return JSON.stringify(findings)
  const kinds: Kind[] = []
  const heads: string[][] = []
  let text = ''
  let above = ''
  let at = 0
  for (const { detector, path, count, confidence } of findings) {
    const end = at + path.length
    let start = at + above.length
    if (above === '' || start > end || all.slice(at, start) !== above) {
      const next = aboveIn(path)
      if (next !== above) text += `+${next.length};${next}`
      above = next
      start = at + above.length
    }
    const kind = kindOf(kinds, detector, confidence)
    const head = count === 1 && end - start < mostHeads ? ((heads[kind] ??= [])[end - start] ??= `${kind},${end - start};`) : `${kind},${end - start},${count};`
    text += head + all.slice(start, end)
    at = end
  }
  return JSON.stringify({ kinds, paths: text })
}

function kindOf(kinds: Kind[], detector: string, confidence: Finding['confidence']): number {
  let at = 0
  while (at < kinds.length && (kinds[at]![0] !== detector || kinds[at]![1] !== confidence)) at += 1 // in range
  if (at === kinds.length) kinds.push([detector, confidence])
  return at
}

/** What other paths may begin with, too: what holds the first array, or the value. */
function aboveIn(path: string): string {
  const index = path.search(/\/\d+(?:\/|$)/)
  return path.slice(0, 1 + (index === -1 ? path.lastIndexOf('/') : index))
}

/** Throws an error that says what is wrong with it: whoever can write to the store may have put anything there. */
export function readFindings(text: string): readonly Finding[] {
  const kept: unknown = JSON.parse(text)
  if (Array.isArray(kept)) {
    if (!kept.every(isFinding)) throw new Error('findings have a detector, a path, a count and a confidence')
    return kept
  }
  const { kinds, paths } = (kept ?? {}) as { readonly kinds?: unknown; readonly paths?: unknown }
  if (typeof paths !== 'string' || !Array.isArray(kinds) || !kinds.every(isKind)) throw new Error('findings have kinds and paths')
  return readPaths(paths, kinds)
}

function readPaths(text: string, kinds: readonly Kind[]): readonly Finding[] {
  const head = /\+(\d{1,9});|(\d{1,9}),(\d{1,9})(?:,(\d{1,16}))?;/y
  const findings: Finding[] = []
  let above = ''
  let room = mostOfPaths
  for (let at = 0; at < text.length; ) {
    head.lastIndex = at
    const [matched, aboveLength, number, length, count = '1'] = head.exec(text) ?? []
    if (matched === undefined) throw new Error(`a path was expected at character ${at} of the findings`)
    const start = at + matched.length
    at = start + Number(aboveLength ?? length)
    if (at > text.length) throw new Error('the paths of the findings end too early')
    if (aboveLength !== undefined) {
      above = text.slice(start, at)
      continue
    }
    const kind = kinds[Number(number)]
    if (kind === undefined) throw new Error(`the findings have no kind ${number}`)
    const path = above + text.slice(start, at)
    room -= path.length + 1
    if (room < 0) throw new Error(`the paths of the findings are more than ${mostOfPaths} characters`)
    findings.push({ detector: kind[0], path, count: Number(count), confidence: kind[1] })
  }
  return findings
}

const confidences: readonly unknown[] = ['low', 'medium', 'high'] satisfies readonly Finding['confidence'][]

const isKind = (value: unknown): value is Kind => Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && confidences.includes(value[1])

function isFinding(value: unknown): value is Finding {
  const { detector, path, count, confidence } = (value ?? {}) as Partial<Record<keyof Finding, unknown>>
  return typeof detector === 'string' && typeof path === 'string' && typeof count === 'number' && confidences.includes(confidence)
}
