import { createHash } from 'node:crypto'
import { chainOf, type Actor, type Decision } from '../model.ts'
import type { SessionFilter } from '../record/record-store.ts'

const longest = 200

/** What a session is found by: one row of `session_term` each. Long values (a URI may have any length) are kept as their hash. */
function term(kind: string, value: string): string {
  return value.length <= longest ? `${kind}:${value}` : `${kind}#${createHash('sha256').update(value).digest('hex')}`
}

const actorTerm = (value: string): string => term('actor', value.toLowerCase())
export const callTerm = (name: string): string => term('call', name)
export const decisionTerm = (kind: Decision['kind']): string => term('decision', kind)

/** The terms that are known when a session begins; calls and decisions join as events come. */
export function openingTerms(actor: Actor, upstream: string): string[] {
  if (actor.kind === 'nobody') return [term('upstream', upstream)]
  const terms = new Set([term('upstream', upstream)])
  // What was done on somebody's behalf is found by their name too.
  for (const { subject, email } of chainOf(actor)) {
    terms.add(actorTerm(subject))
    if (email !== undefined) terms.add(actorTerm(email))
  }
  for (const group of actor.groups) terms.add(term('group', group))
  return [...terms]
}

/** The most selective first: it drives the search. */
export function wantedTerms(filter: SessionFilter): string[] {
  return [
    filter.actor !== undefined && actorTerm(filter.actor),
    filter.call !== undefined && callTerm(filter.call),
    filter.decision !== undefined && decisionTerm(filter.decision),
    filter.group !== undefined && term('group', filter.group),
    filter.upstream !== undefined && term('upstream', filter.upstream),
  ].filter((each) => each !== false)
}
