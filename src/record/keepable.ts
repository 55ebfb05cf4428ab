import { printFindings } from '../findings.ts'
import type { Decision, Finding, Mask } from '../model.ts'

export interface TextRedaction {
  /** Replaces what detectors find in a text. */
  readonly redactText: (text: string) => string
  /** True only of a text in which nothing is found, nor in any part of it, nor in parts of it put together where a `/` begins. */
  readonly isPlain: (text: string) => boolean
}

/** Decisions and findings as they may be kept. */
export interface Keepable {
  decision(decision: Decision): Decision
  findings(findings: readonly Finding[]): KeptFindings
}
export interface KeptFindings {
  /** As `printFindings` prints them. */
  readonly text: string
  /** False where paths had to be changed. */
  readonly asTheyWere: boolean
}
/** Texts that are kept in memory: how many, and how long one may be. */
const mostClean = 100
const longestClean = 16_384

export function createKeepable({ redactText, isPlain }: TextRedaction): Keepable {
  /** Most messages meet the very decision that one before them met. */
  const known = new WeakMap<Decision, Decision>()
  const redact = (decision: Decision): Decision => {
    const reasons = decision.reasons.map((reason) => (reason.message === undefined ? reason : { ...reason, message: redactText(reason.message) }))
    if (decision.kind === 'allow' || decision.mask === undefined) return { ...decision, reasons }
    const mask = decision.mask.map((each) => ({ ...each, with: redactScalar(each.with), ...(each.path === undefined ? {} : { path: redactText(each.path) }) }))
    return { ...decision, reasons, mask }
  }
  // A policy may put in a place what it found in another.
  const redactScalar = (value: Mask['with']): Mask['with'] => {
    const text = String(value)
    const clean = redactText(text)
    return clean === text ? value : clean
  }
  /** Printed findings in which nothing was found: answers of one shape have the same. */
  const clean = new Set<string>()
  const asTheyWere = (text: string): KeptFindings => {
    if (text.length <= longestClean) {
      if (clean.size >= mostClean) clean.clear()
      clean.add(text)
    }
    return { text, asTheyWere: true }
  }
  return {
    decision(decision) {
      const before = known.get(decision)
      if (before !== undefined) return before
      const made = redact(decision)
      known.set(decision, made)
      return made
    },
    findings(findings) {
      // A path names members, and a member's name may itself be what was found, or be so beside another.
      const text = printFindings(findings)
      if (findings.length === 0 || clean.has(text)) return { text, asTheyWere: true }
      if (isPlain(text)) return asTheyWere(text)
      const shown = findings.map((finding) => ({ ...finding, path: redactText(finding.path) }))
      if (shown.some(({ path }, index) => path !== findings[index]?.path)) return { text: printFindings(shown), asTheyWere: false }
      return asTheyWere(text)
    },
  }
}
