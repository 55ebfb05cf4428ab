import { callerOf, chainOf, type Actor, type KnownActor, type Principal } from '../model.ts'

type Caller = Principal & Pick<KnownActor, 'kind'>

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

/** Only such callers share an approval. */
export const isSameCaller = (a: Caller, b: Caller): boolean => callerOf(a) === callerOf(b)

export const principalOf = ({ issuer, subject, email, acting_for }: KnownActor): Principal => ({
  issuer,
  subject,
  ...(email === undefined ? {} : { email }),
  ...(acting_for === undefined ? {} : { acting_for }),
})

export const isPerson = (actor: Actor): actor is Extract<Actor, { kind: 'person' }> => actor.kind === 'person'
