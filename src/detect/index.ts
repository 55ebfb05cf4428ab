import type { Finding, Span } from '../model.ts'
import { awsLabel, findApiKeys } from './api-key.ts'
import { findCardNumbers } from './card-number.ts'
import { joinSpans, type Detector } from './detector.ts'
import { findEmails } from './email.ts'
import { findJwts } from './jwt.ts'
import { plainCopy } from './plain-copy.ts'
import { findPrivateKeys } from './private-key.ts'
import { findSsns, label as ssnLabel } from './us-ssn.ts'

interface Row {
  readonly find: Detector
  /** Every text in which the detector hits without a label matches this. */
  readonly gate: RegExp
  readonly confidence: Finding['confidence']
}
const digits = /\d[ \-\u00a0\u2009\u2010-\u2015\u202f]?\d[ \-\u00a0\u2009\u2010-\u2015\u202f]?\d/
const keyPrefix = /[-_.](?<=(?:gh[pousr]|pat|[sr]k|whsec)_|(?:sk|xox[a-z]|xapp|GOCSPX)-|hooks\.|ya29\.|AQ\.)|AKIA|ASIA|A3T|ABIA|ACCA|AIza|secret/i
const armour = /-(?<=---|PuTTY-|SECRET-)/i
const tokenStart = /eyJ|ew[ok0]|eyA/i

/** The key is the name that policies and settings use. */
export const builtIn = {
  card_number: { find: findCardNumbers, gate: digits, confidence: 'high' },
  us_ssn: { find: findSsns, gate: digits, confidence: 'medium' },
  email: { find: findEmails, gate: /@/, confidence: 'high' },
  private_key: { find: findPrivateKeys, gate: armour, confidence: 'high' },
  api_key: { find: findApiKeys, gate: keyPrefix, confidence: 'high' },
  jwt: { find: findJwts, gate: tokenStart, confidence: 'high' },
} as const satisfies Record<string, Row>

export interface Found {
  readonly detector: string
  readonly spans: readonly Span[]
}
export interface Detectors {
  readonly names: readonly string[]
  readonly confidence: (detector: string) => Finding['confidence']
  /** True where a number of any size must be looked at: only the built-in detectors are known to need nine digits. */
  readonly anyNumber: boolean
  /** Whether a member's name tells what its value is, so that it is worth handing on as `label`. */
  isTelling(name: string): boolean
  find(text: string, label?: string): readonly Found[]
}

const none: readonly Found[] = []
// Most texts hold nothing, so two patterns that look for single characters come before the six gates: together the gates
// would cost several times as much on prose.
const hiding = /[\\%\u00ad\u200b-\u200d\u2060\ufeff]/
const marks = /@|[-_.](?<=(?:gh[pousr]|pat|[sr]k|whsec)_|(?:sk|xox[a-z]|xapp|GOCSPX|--|PuTTY|SECRET)-|hooks\.|ya29\.|AQ\.)/
const mayHit = new RegExp([hiding, digits, marks].map(({ source }) => source).join('|'), 'i')
const mayHitLong = /AKIA|ASIA|A3T|ABIA|ACCA|AIza|eyJ|ew[ok0]|eyA|secret/i
/** No key or token that only `mayHitLong` tells is shorter. */
const long = 16
/** True of every text in which a built-in detector can hit without a label. */
export const worthALook = (text: string): boolean => mayHit.test(text) || (text.length >= long && mayHitLong.test(text))
/** The shortest thing that a built-in detector finds is a mail address such as `a@b.co`. */
const shortest = 6
/** Escapes may be escaped: JSON in JSON in JSON. */
const deepestCopy = 3

/** The built-in detectors and those that the settings add; a name may be taken only once. */
export function createDetectors(custom: Readonly<Record<string, (text: string) => readonly Span[]>>): Detectors {
  const added = Object.entries(custom)
  const native = Object.entries<Row>(builtIn).filter(([name]) => !Object.hasOwn(custom, name))

  const confidence = new Map(native.map(([name, row]) => [name, row.confidence]))

  const find = (text: string, label: string | undefined, depth: number): readonly Found[] => {
    const look = text.length >= shortest && (label !== undefined || worthALook(text))
    if (!look && added.length === 0) return none
    const found: Found[] = []
    if (look) {
      for (const [detector, { find, gate }] of native) {
        if (label === undefined && !gate.test(text)) continue
        const spans = find(text, label)
        if (spans.length > 0) found.push({ detector, spans })
      }
    }
    for (const [detector, find] of added) {
      const spans = find(text)
      if (spans.length > 0) found.push({ detector, spans })
    }
    if (depth === deepestCopy || !hiding.test(text)) return found
    const copy = plainCopy(text)
    if (copy === undefined) return found
    const hidden = find(copy.text, label, depth + 1)
    return hidden.length === 0 ? found : merge([...found, ...hidden.map(({ detector, spans }) => ({ detector, spans: spans.map(copy.sourceOf) }))])
  }
  return {
    names: [...native.map(([name]) => name), ...added.map(([name]) => name)],
    confidence: (detector) => confidence.get(detector) ?? 'medium',
    anyNumber: added.length > 0,
    isTelling: (name) => ssnLabel.test(name) || awsLabel.test(name),
    find: (text, label) => find(text, label, 0),
  }
}

function merge(found: readonly Found[]): readonly Found[] {
  const spans = new Map<string, Span[]>()
  for (const one of found) {
    const sofar = spans.get(one.detector)
    if (sofar === undefined) spans.set(one.detector, [...one.spans])
    else sofar.push(...one.spans)
  }
  return [...spans].map(([detector, all]) => ({ detector, spans: joinSpans(all) }))
}
