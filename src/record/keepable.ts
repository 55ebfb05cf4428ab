import type { Decision, Finding, Mask } from '../model.ts'

export interface TextRedaction {
  /** Replaces what detectors find in a text. */
  readonly redactText: (text: string) => string
  /** … in each of many. The same array where there is nothing to replace. */
  readonly redactTexts: (texts: readonly string[]) => readonly string[]
}

/** Decisions and findings as they may be kept. */
export interface Keepable {
  decision(decision: Decision): Decision
  findings(findings: readonly Finding[]): readonly Finding[]
}

export function createKeepable({ redactText, redactTexts }: TextRedaction): Keepable {
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
  return {
    decision(decision) {
      const before = known.get(decision)
      if (before !== undefined) return before
      const made = redact(decision)
      known.set(decision, made)
      return made
    },
    findings(findings) {
      // A path names members, and a member's name may itself be what was found.
      const shown = findings.map(({ path }) => path)
      const paths = redactTexts(shown)
      return paths === shown ? findings : findings.map((finding, index) => ({ ...finding, path: paths[index]! })) // one for each
    },
  }
}
