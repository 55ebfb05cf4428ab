import { chainOf, type Actor, type KnownActor, type Principal } from '../model.ts'

const mail = (principal: Principal): string | undefined => principal.email?.trim().toLowerCase() || undefined

/** One person may come from two issuers; the same verified e-mail tells. */
export function isSamePerson(a: Principal, b: Principal): boolean {
  if (a.issuer === b.issuer && a.subject === b.subject) return true
  const email = mail(a)
  return email !== undefined && email === mail(b)
}

/** Nobody approves what they, or anyone they act for or who acts for them, asked. */
export function isOwnRequest(reviewer: Principal, requester: Principal): boolean {
  return chainOf(reviewer).some((one) => chainOf(requester).some((other) => isSamePerson(one, other)))
}

/**
 * The same principal on behalf of the same others: only such callers share an approval. One issuer may call a program and a person
 * alike (RFC 9068 section 5).
 */
export function isSameCaller(a: Principal & Pick<KnownActor, 'kind'>, b: Principal & Pick<KnownActor, 'kind'>): boolean {
  const print = (actor: Principal) => JSON.stringify(chainOf(actor).map(({ issuer, subject }) => [issuer, subject]))
  return a.kind === b.kind && print(a) === print(b)
}

export const principalOf = ({ issuer, subject, email, acting_for }: KnownActor): Principal => ({
  issuer,
  subject,
  ...(email === undefined ? {} : { email }),
  ...(acting_for === undefined ? {} : { acting_for }),
})

export const isPerson = (actor: Actor): actor is Extract<Actor, { kind: 'person' }> => actor.kind === 'person'
