import type { Finding, Span } from '../model.ts'
import { awsLabel, findApiKeys } from './api-key.ts'
import { findCardNumbers } from './card-number.ts'
import { cluesOf, noClues, type Clues } from './clues.ts'
import { added, joinSpans, type Detector } from './detector.ts'
import { findEmails } from './email.ts'
import { findJwts } from './jwt.ts'
import { plainCopy } from './plain-copy.ts'
import { findPrivateKeys } from './private-key.ts'
import { findSsns, label as ssnLabel } from './us-ssn.ts'

interface Row {
  readonly find: Detector
  /** True of every text in which the detector hits. */
  readonly mayHit: (text: string, clues: Clues, isLabelled: boolean) => boolean
  readonly confidence: Finding['confidence']
  /** It looks at runs of digits and nothing else. */
  readonly byDigits?: true
}
const keyPrefix = /[-_.](?<=(?:gh[pousr]|pat|[sr]k|whsec)_|(?:sk|xox[a-z]|xapp|GOCSPX)-|hooks\.|ya29\.|AQ\.)|AKIA|ASIA|A3T|ABIA|ACCA|AIza|secret/i
const armour = /-(?<=---|PuTTY-|SECRET-)/i
const tokenStart = /eyJ|ew[ok0]|eyA/i
const digits = (_text: string, { runs }: Clues): boolean => runs.length > 0

/** The key is the name that policies and settings use. */
export const builtIn = {
  card_number: { find: findCardNumbers, mayHit: digits, confidence: 'high', byDigits: true },
  us_ssn: { find: findSsns, mayHit: digits, confidence: 'medium', byDigits: true },
  email: { find: findEmails, mayHit: (_text, { at }) => at, confidence: 'high' },
  private_key: { find: findPrivateKeys, mayHit: (text, { marks }) => marks && armour.test(text), confidence: 'high' },
  api_key: { find: findApiKeys, mayHit: (text, { marks, words }, isLabelled) => isLabelled || ((marks || words) && keyPrefix.test(text)), confidence: 'high' },
  jwt: { find: findJwts, mayHit: (text, { words }) => words && tokenStart.test(text), confidence: 'high' },
} as const satisfies Record<string, Row>

export interface Found {
  readonly detector: string
  readonly spans: readonly Span[]
}
/** What a member's name says. */
export interface NameFacts {
  readonly name: string
  readonly found: readonly Found[]
  /** It tells what its value is, so that it is worth handing on as `label`. */
  readonly telling: boolean
  /** Its step in a JSON Pointer (RFC 6901 section 3). */
  readonly step: string
}
export interface Detectors {
  readonly names: readonly string[]
  readonly confidence: (detector: string) => Finding['confidence']
  /** True where a number of any size must be looked at: only the built-in detectors are known to need nine digits. */
  readonly anyNumber: boolean
  factsOf(name: string): NameFacts
  /** True only of a text in which nothing is found without a label, nor in any part of it. */
  isPlain(text: string): boolean
  /** True only of a text in which nothing is found, whatever its label. */
  isEmpty(text: string): boolean
  find(text: string, label?: string): readonly Found[]
  /** `clues` are those of the text. */
  findBy(clues: Clues | undefined, text: string, label?: string): readonly Found[]
}

const none: readonly Found[] = []
/** Escapes may be escaped: JSON in JSON in JSON. */
const deepestCopy = 3
/** An AWS secret has as many characters. */
const shortestLabelled = 40
const mostKept = 2000
const longestKept = 64

/** The built-in detectors and those that the settings add; a name may be taken only once. */
export function createDetectors(custom: Readonly<Record<string, (text: string) => readonly Span[]>>): Detectors {
  const own = Object.entries(custom)
  const native = Object.entries<Row>(builtIn).flatMap(([detector, row]) => (Object.hasOwn(custom, detector) ? [] : [{ detector, ...row }]))

  const byDigits = native.filter((row) => row.byDigits === true)
  /** Names come again and again. */
  const known = new Map<string, NameFacts>()
  /** Long ones come again only in the message that is looked at. */
  const lately = new Map<string, NameFacts>()
  const confidence = new Map(native.map(({ detector, confidence }) => [detector, confidence]))

  const findBy = (clues: Clues | undefined, text: string, label: string | undefined, depth: number): readonly Found[] => {
    // of what only a label tells, a social security number is a run of digits, and an AWS secret is long
    const isLabelled = label !== undefined && text.length >= shortestLabelled
    if (clues === undefined && !isLabelled && own.length === 0) return none
    let found: Found[] | undefined
    if (clues !== undefined || isLabelled) {
      const onlyDigits = !isLabelled && clues !== undefined && !clues.at && !clues.marks && !clues.words
      const rows = onlyDigits ? byDigits : native
      for (let index = 0; index < rows.length; index++) {
        const { detector, find, mayHit } = rows[index]! // in range
        if (!onlyDigits && !mayHit(text, clues ?? noClues, isLabelled)) continue
        const spans = find(text, label, clues?.runs)
        if (spans.length > 0) found = added(found, { detector, spans })
      }
    }
    for (const [detector, find] of own) {
      const spans = find(text)
      if (spans.length > 0) found = added(found, { detector, spans })
    }
    const plainly = found ?? none
    if (depth === deepestCopy || clues?.hiding !== true) return plainly
    const copy = plainCopy(text)
    if (copy === undefined) return plainly
    const hidden = findBy(cluesOf(copy.text), copy.text, label, depth + 1)
    return hidden.length === 0 ? plainly : merge([...plainly, ...hidden.map(({ detector, spans }) => ({ detector, spans: spans.map(copy.sourceOf) }))])
  }
  const find = (text: string, label?: string): readonly Found[] => findBy(cluesOf(text), text, label, 0)
  const isPlain = (text: string): boolean => own.length === 0 && cluesOf(text) === undefined
  return {
    names: [...native.map(({ detector }) => detector), ...own.map(([name]) => name)],
    confidence: (detector) => confidence.get(detector) ?? 'medium',
    anyNumber: own.length > 0,
    factsOf(name) {
      const isLong = name.length > longestKept
      const before = (isLong ? lately : known).get(name)
      if (before !== undefined) return before
      const facts = { name, found: find(name), telling: ssnLabel.test(name) || awsLabel.test(name), step: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}` }
      if (isLong) {
        if (lately.size === 0) queueMicrotask(() => lately.clear())
        lately.set(name, facts)
      }
      // a name that is itself a secret is not kept
      if (isLong || facts.found.length > 0) return facts
      if (known.size >= mostKept) known.clear()
      known.set(name, facts)
      return facts
    },
    isPlain,
    isEmpty: (text) => text.length < shortestLabelled && isPlain(text),
    find,
    findBy: (clues, text, label) => findBy(clues, text, label, 0),
  }
}

function merge(found: readonly Found[]): readonly Found[] {
  const spans = new Map<string, readonly Span[]>()
  for (const one of found) {
    const sofar = spans.get(one.detector)
    // not `push`: a text may hold more than a call takes arguments
    spans.set(one.detector, sofar === undefined ? one.spans : sofar.concat(one.spans))
  }
  return [...spans].map(([detector, all]) => ({ detector, spans: joinSpans(all) }))
}
