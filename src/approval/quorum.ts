import type { MetRequirement, Requirement } from '../model.ts'
import type { Answer } from './approval-store.ts'
import { isSamePerson } from './person.ts'

/** The requirements, by place, that somebody in these groups may answer. */
export function answerable(requirements: readonly Requirement[], groups: readonly string[]): number[] {
  return requirements.flatMap(({ reviewers }, index) => (reviewers.some((group) => groups.includes(group)) ? [index] : []))
}

/** Approvals that were not taken back. */
export const standing = (answers: readonly Answer[]): readonly Answer[] =>
  answers.filter((one, at) => one.verdict === 'approve' && !answers.slice(at + 1).some((later) => later.verdict === 'withdrawn' && later.index === one.index && later.reviewer.issuer === one.reviewer.issuer && later.reviewer.subject === one.reviewer.subject))

/** A requirement is met when as many different people as its quorum approved it: one person counts once, whatever they sign in with. */
export function isMet(requirement: Requirement, index: number, answers: readonly Answer[]): boolean {
  const people: Answer[] = []
  for (const answer of standing(answers)) {
    if (answer.index !== index) continue
    if (!people.some((one) => isSamePerson(one.reviewer, answer.reviewer))) people.push(answer)
  }
  return people.length >= Math.max(1, requirement.quorum)
}

export function areAllMet(requirements: readonly Requirement[], answers: readonly Answer[]): boolean {
  return requirements.length > 0 && requirements.every((requirement, index) => isMet(requirement, index, answers))
}

/** Product contract 2.4.7: an entry is identified by its rule, reviewers and quorum. */
export function isSameRequirement(a: MetRequirement, b: MetRequirement): boolean {
  return a.rule === b.rule && a.quorum === b.quorum && a.reviewers.length === b.reviewers.length && a.reviewers.every((group) => b.reviewers.includes(group))
}

export function areSameRequirements(a: readonly MetRequirement[], b: readonly MetRequirement[]): boolean {
  return a.length === b.length && a.every((one) => b.some((other) => isSameRequirement(one, other)))
}
