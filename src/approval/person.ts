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

/** A caller: who acts, of what kind they are, for one issuer may call a program and a person alike (RFC 9068 section 5), and on whose behalf. */
type Caller = Principal & Pick<KnownActor, 'kind'>
export const callerKey = (actor: Caller): string => JSON.stringify([actor.kind, ...chainOf(actor).map(({ issuer, subject }) => [issuer, subject])])

/** Only such callers share an approval. */
export const isSameCaller = (a: Caller, b: Caller): boolean => callerKey(a) === callerKey(b)

export const principalOf = ({ issuer, subject, email, acting_for }: KnownActor): Principal => ({
  issuer,
  subject,
  ...(email === undefined ? {} : { email }),
  ...(acting_for === undefined ? {} : { acting_for }),
})

export const isPerson = (actor: Actor): actor is Extract<Actor, { kind: 'person' }> => actor.kind === 'person'
